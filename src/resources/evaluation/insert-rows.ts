import { makePgArray } from 'drizzle-orm/pg-core';
import { clientOf, type Db } from '../../db/client.ts';
import { newIds } from '../../lib/ids.ts';

/** A table, and the columns of the rows that are inserted. */
interface Columns {
  readonly table: string;
  /** The columns with the same value in each row. */
  readonly common: readonly string[];
  /** Whether each row also has a new ID. Defaults to true. */
  readonly hasId?: boolean;
  /** The types of the other columns, by name. These columns have few different values. */
  readonly own: Readonly<Record<string, string>>;
  /** What follows the rows, such as ON CONFLICT. */
  readonly end?: string;
}

/** The texts of the statements that insert into a table. */
export interface Target {
  readonly hasId: boolean;
  readonly arrays: string;
  /** By number of rows. */
  readonly values: ReadonlyMap<number, string>;
}

interface Rows<Row> {
  readonly common: readonly string[];
  readonly rows: readonly Row[];
  readonly valuesOf: (row: Row) => readonly string[];
}

/** The numbers of rows of a statement with VALUES. For each number, every connection plans a statement once. */
const SIZES = [1_000, 100, 10, 1] as const;
/** Maximum number of rows of one statement with arrays. Building its parameters takes a few milliseconds. */
const MAX_ROWS = 5_000;

export const statementsFor = (columns: Columns): Target => ({
  hasId: columns.hasId ?? true,
  arrays: arraysText(columns),
  values: new Map(SIZES.map((rows) => [rows, valuesText(columns, rows)])),
});

const idOf = ({ hasId = true }: Columns): string[] => (hasId ? ['id'] : []);

const insertInto = (columns: Columns): string =>
  `insert into ${columns.table} (${[...columns.common, ...idOf(columns), ...Object.keys(columns.own)].join(', ')})`;

function valuesText(columns: Columns, rows: number): string {
  const { common, own, end = '' } = columns;
  const each = idOf(columns).length + Object.keys(own).length;
  const shared = common.map((_, at) => `$${at + 1}`);
  const values = (row: number) => Array.from({ length: each }, (_, at) => `$${common.length + row * each + at + 1}`);
  const all = Array.from({ length: rows }, (_, row) => `(${[...shared, ...values(row)].join(', ')})`);
  return `${insertInto(columns)} values ${all.join(', ')} ${end}`;
}

/**
 * Two parameters for each column: an array of the different values, and an array with the position of the value of each row.
 * PostgreSQL reads them in a third of the time that it needs for the parameters of VALUES.
 */
function arraysText(columns: Columns): string {
  const { common, own, end = '' } = columns;
  const shared = common.map((_, at) => `$${at + 1}`);
  const ids = idOf(columns).map((id) => `unnest($${common.length + 1}::uuid[]) as ${id}`);
  const first = common.length + ids.length + 1;
  const types = Object.values(own);
  const values = types.map((type, at) => elementOf(`$${first + 2 * at}`, type, `n${at}`));
  const numbers = types.map((_, at) => `unnest($${first + 1 + 2 * at}::int[]) as n${at}`);
  return `${insertInto(columns)} select ${[...shared, ...idOf(columns), ...values].join(', ')}
    from (select ${[...ids, ...numbers].join(', ')}) as one ${end}`;
}

/** PostgreSQL has no arrays of arrays. So an array that is an element is given as a text. */
const elementOf = (array: string, type: string, at: string): string =>
  type.endsWith('[]') ? `(${array}::text[])[${at}]::${type}` : `(${array}::${type}[])[${at}]`;

/** Inserts with VALUES. */
export async function insertValues<Row>(db: Db, { hasId, values }: Target, { common, rows, valuesOf }: Rows<Row>) {
  const ids = hasId ? newIds(rows.length).map((id) => [id]) : rows.map(() => []);
  for (let at = 0; at < rows.length; ) {
    const size = SIZES.find((number) => number <= rows.length - at) ?? 1;
    const own = rows.slice(at, at + size).flatMap((row, n) => [...(ids[at + n] ?? []), ...valuesOf(row)]);
    await send(db, values.get(size) ?? '', [...common, ...own]);
    at += size;
  }
}

/** Inserts with arrays, which is faster. */
export async function insertArrays<Row>(db: Db, { hasId, arrays }: Target, { common, rows, valuesOf }: Rows<Row>) {
  for (let at = 0; at < rows.length; at += MAX_ROWS) {
    const some = rows.slice(at, at + MAX_ROWS).map(valuesOf);
    const columns = (some[0] ?? []).map((_, column) => numbered(some.map((values) => values[column] as string)));
    const own = columns.flatMap(({ values, numbers }) => [makePgArray(values), plainArray(numbers)]);
    await send(db, arrays, [...common, ...(hasId ? [plainArray(newIds(some.length))] : []), ...own]);
  }
}

/** The text of an array whose values need no quotes, because they have no special characters. */
const plainArray = (values: readonly (string | number)[]): string => `{${values.join(',')}}`;

/** The different values, and the position of each given value among them, from 1. */
function numbered(given: readonly string[]): { values: string[]; numbers: number[] } {
  const numberOf = new Map<string, number>();
  const numbers = given.map((value) => {
    const number = numberOf.get(value) ?? numberOf.size + 1;
    numberOf.set(value, number);
    return number;
  });
  return { values: [...numberOf.keys()], numbers };
}

async function send(db: Db, text: string, params: string[]): Promise<void> {
  await clientOf(db)
    .unsafe(text, params as never[], { prepare: true })
    .execute();
}
