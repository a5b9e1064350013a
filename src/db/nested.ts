import { type SQL, sql } from 'drizzle-orm';
import type { Db } from './client.ts';
import { type ListOptions, ordered, type Page, type PageArgs, pageOf, sizeOf } from './page.ts';
import { countUnder, PARENT } from './reader.ts';

/** Lists of one kind, each under a parent of its own. */
export interface NestedOptions<Row> extends Omit<ListOptions<Row>, 'where' | 'asked'> {
  /** Which rows are in the list of this parent, whose id is an expression. */
  where: (parent: SQL) => SQL;
  asked: (parent: string) => readonly unknown[];
}

/** The list of one parent. */
export const listUnder = <Row>({ where, asked, ...rest }: NestedOptions<Row>, parent: string): ListOptions<Row> => ({
  ...rest,
  where: where(sql`${parent}`),
  asked: asked(parent),
});

/**
 * The first or the last page of each parent's list, all of them in one statement, and their counts in one more. Takes
 * no cursor: that is of one list, and of no other.
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
