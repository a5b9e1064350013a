import { invalid, userError } from '../../lib/errors.ts';
import { number } from './pages/format.ts';
import { MAX_PAGE } from './pages/paging.ts';

/** The value of a parameter that can be given once. Null if it is not given. The error does not repeat the value. */
export function textIn(query: URLSearchParams, name: string): string | null {
  const [first = null, ...others] = query.getAll(name);
  if (others.length > 0) throw wrong(name, 'must be given only once');
  return first;
}

const wrong = (name: string, message: string) =>
  invalid(userError('INVALID', name, `The parameter ${name} ${message}.`));

/** Digits only: `Number` also reads `0x1f`, `1e9` and spaces. */
const wholeNumber = (text: string): number => (/^\d{1,9}$/.test(text) ? Number(text) : Number.NaN);

/** The number of a page in the query. Defaults to the first one. */
export function pageIn(query: URLSearchParams, name: string): number {
  const page = wholeNumber(textIn(query, name) ?? '1');
  if (page >= 1 && page <= MAX_PAGE) return page;
  throw wrong(name, `must be a whole number from 1 to ${number(MAX_PAGE)}`);
}

/** A number in the query that must be one of these. Defaults to the first one. */
export function numberIn(query: URLSearchParams, name: string, numbers: readonly [number, ...number[]]): number {
  const given = textIn(query, name);
  const value = given === null ? numbers[0] : wholeNumber(given);
  if (numbers.includes(value)) return value;
  throw wrong(name, `must be ${numbers.slice(0, -1).join(', ')} or ${numbers.at(-1)}`);
}

/** Omits the parameters of lists that show their first page, which is the default. */
export const withoutFirst = (pages: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(pages).filter(([, page]) => page > 1));

/** The URL with other parameters. Those that are undefined or null are omitted. */
export function urlOf(path: string, parameters: Record<string, number | string | null | undefined>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null);
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return given.length === 0 ? path : `${path}?${query}`;
}
