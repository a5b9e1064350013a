import { type SQL, sql } from 'drizzle-orm';
import type { Db } from './client.ts';
import { type ListOptions, ordered, type Page, type PageArgs, pageOf, sizeOf } from './page.ts';
import { countUnder, PARENT } from './reader.ts';

/** Options for the same list under several parents, such as the members of each role. */
export interface NestedOptions<Row> extends Omit<ListOptions<Row>, 'where' | 'asked'> {
  /** The condition for the rows of one parent. `parent` is an SQL expression for its id. */
  where: (parent: SQL) => SQL;
  /** What a cursor of this parent's list is bound to. */
  asked: (parent: string) => readonly unknown[];
}

/** Options for the list of one parent. */
export const listUnder = <Row>({ where, asked, ...rest }: NestedOptions<Row>, parent: string): ListOptions<Row> => ({
  ...rest,
  where: where(sql`${parent}`),
  asked: asked(parent),
});

/**
 * Reads the first or the last page of each parent's list in one statement, and all counts in another one. Cursors are
 * not supported, because each cursor belongs to the list of one parent.
 */
export async function listPages<Row>(
  db: Db,
  options: NestedOptions<Row>,
  parents: readonly string[],
  args: PageArgs,
): Promise<Map<string, Page<Row>>> {
  const order = ordered(options, args);
  const where = options.where(PARENT);
  const tail = sql`where ${where} ${order} limit ${sizeOf(args) + 1}`;
  const byParent = Map.groupBy(await options.reader.readUnder(db, parents, tail, order), ({ parent }) => parent);
  let counted: Promise<Map<string, number>> | undefined;
  const countOf = async (parent: string): Promise<number> => {
    counted ??= countUnder(db, options.reader.table, parents, where);
    return (await counted).get(parent) ?? 0;
  };
  const pageUnder = (parent: string): Page<Row> => {
    const rows = (byParent.get(parent) ?? []).map(({ row }) => row);
    return pageOf(rows, { ...options, asked: options.asked(parent) }, args, () => countOf(parent));
  };
  return new Map(parents.map((parent) => [parent, pageUnder(parent)]));
}
