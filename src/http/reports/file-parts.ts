import type { Context } from '../../context.ts';
import type { FilePart } from './report.ts';

/**
 * The parts of a file with the lines of many services. All IDs are in memory, but only the lines of one part. `perPart` is the
 * number of services of a part.
 */
export function partsOf(
  head: string,
  ids: readonly string[],
  perPart: number,
  read: (ctx: Context, ids: readonly string[]) => Promise<string>,
): FilePart[] {
  const [first = [], ...others] = slicesOf(ids, perPart);
  return [async (ctx) => head + (await read(ctx, first)), ...others.map((own) => (ctx: Context) => read(ctx, own))];
}

const slicesOf = (ids: readonly string[], size: number): (readonly string[])[] =>
  Array.from({ length: Math.ceil(ids.length / size) }, (_, at) => ids.slice(at * size, (at + 1) * size));
