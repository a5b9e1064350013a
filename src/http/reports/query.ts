import { z } from 'zod';
import { parse } from '../../lib/input.ts';

/** The highest number of a page. Later pages would make the database skip too many rows. */
const MAX_PAGE = 1_000;

const pageNumber = z.coerce.number().int().min(1).max(MAX_PAGE);

/** The number of a page in the query. Defaults to the first one. */
export const pageIn = (query: URLSearchParams, name: string): number =>
  parse(z.object({ [name]: pageNumber }), { [name]: query.get(name) ?? 1 })[name] as number;

/** A number in the query that must be one of these. Defaults to the first one. */
export function numberIn(query: URLSearchParams, name: string, numbers: readonly number[]): number {
  const one = z.coerce.number().refine((value) => numbers.includes(value), `must be one of ${numbers.join(', ')}`);
  return parse(z.object({ [name]: one }), { [name]: query.get(name) ?? numbers[0] })[name] as number;
}

/** The URL with other parameters. Those that are undefined are omitted. */
export function urlOf(path: string, parameters: Record<string, number | undefined>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return given.length === 0 ? path : `${path}?${query}`;
}
