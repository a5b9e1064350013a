import { getTableName, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { textOf } from '../db/client.ts';
import { between, ordered } from '../db/page.ts';
import { PARENT } from '../db/reader.ts';
import { visibleIn } from '../graphql/target.ts';
import { decoderOf } from './leaf.ts';
import { type CachedSql, type Cell, type ListRun, NotPlanned, type Param, type RowSet, type Run } from './model.ts';

/** Between cells. JSON contains no control characters, and the other texts are IDs, numbers, times and constants. */
export const SEPARATOR = '\u001f';
const SEPARATOR_SQL = "E'\\x1f'";

/** The ID of the parent of a row. No column of a table has this name. */
const PARENT_ID = '"id of parent"';

interface SqlText {
  readonly params: Param[];
  /** Whether the parameters of all executions of the same shape can be computed without building the text. */
  isCacheable: boolean;
}

const quoted = ({ name }: PgColumn): string => `"${name}"`;
const aliasOf = ({ index }: RowSet): string => `p${index}`;

/** Adds a parameter and returns its placeholder. */
const add = ({ params }: SqlText, param: Param): string => `$${params.push(param)}`;

/** Returns the text of a condition and adds its parameters. */
const embed = (text: SqlText, condition: SQL, { tenant }: Run): string =>
  textOf(condition, (value) => {
    if (value === tenant) return '$1';
    text.isCacheable = false;
    return add(text, () => value);
  });

const TENANT: Param = ({ tenant }) => tenant;

/**
 * Builds the statement of a root field: one query for each row set, and one value for each in the result. Each query names
 * the organization.
 */
export function buildSql(rowSets: readonly RowSet[], run: Run): CachedSql & { isCacheable: boolean } {
  const text: SqlText = { params: [TENANT], isCacheable: true };
  const parents = new Set(rowSets.map(({ origin }) => ('parent' in origin ? origin.parent : null)));
  const queries: string[] = [];
  const values: string[] = [];
  for (const rows of rowSets) {
    const { query, cells, count } = sqlOf(text, rows, run);
    // A materialized query costs more, so only those that others refer to are materialized.
    if (parents.has(rows)) queries.push(`${aliasOf(rows)} as materialized (${query})`);
    values.push(aggregate(cells, parents.has(rows) ? aliasOf(rows) : `(${query}) as ${aliasOf(rows)}`));
    if (count) values.push(count);
  }
  const before = queries.length > 0 ? `with ${queries.join(',')} ` : '';
  return { text: `${before}select ${values.join(',')}`, params: text.params, isCacheable: text.isCacheable };
}

interface RowSetSql {
  query: string;
  /** The cells of a row. */
  cells: string;
  count: string | null;
}

function sqlOf(text: SqlText, rows: RowSet, run: Run): RowSetSql {
  const list = run.lists[rows.index];
  const table = `"${getTableName(rows.source.table)}"`;
  const columns = columnsOf(rows, list).map((column) => `${table}.${quoted(column)}`);
  const select = `select ${columns.join(',')} from ${table} where `;
  const cells = cellsOf(rows, list);
  if (list) return { cells, ...listOf(text, rows, list, run, table, select) };
  const conditions = [
    `${table}.${quoted(rows.source.organization)} = $1`,
    keyOf(text, rows, table, run),
    ...othersOf(rows, run).map((condition) => embed(text, condition, run)),
  ];
  return { cells, query: select + conditions.join(' and '), count: null };
}

function listOf(
  text: SqlText,
  rows: RowSet,
  list: ListRun,
  run: Run,
  table: string,
  select: string,
): Omit<RowSetSql, 'cells'> {
  const { options, args } = list;
  const where = embed(text, whereOf(rows, list), run);
  // Lists under a parent have no cursors.
  const cursors = Array.isArray(options.asked) ? between({ ...options, asked: options.asked }, args) : undefined;
  const page = cursors ? `${where} and ${embed(text, cursors, run)}` : where;
  const query = `${select}${page} ${embed(text, ordered(options, args), run)} limit ${add(text, limitOf(rows))}`;
  const total = `select count(*) as total from ${table} where ${where}`;
  if (rows.origin.kind !== 'nested list') return { query, count: rows.hasCount ? `(${total})` : null };
  const perParent = (each: string): string =>
    `${aliasOf((rows.origin as { parent: RowSet }).parent)} as parent cross join lateral (${each}) as each`;
  return {
    query: `select parent.id as ${PARENT_ID},each.* from ${perParent(query)}`,
    count: rows.hasCount ? aggregate('parent.id,each.total', perParent(total)) : null,
  };
}

/** The condition that selects the rows of an object, or of the objects that the rows of the parent refer to. */
function keyOf(text: SqlText, { origin, source }: RowSet, table: string, { key }: Run): string {
  if (origin.kind === 'reference')
    return `${table}.${quoted(source.id)} = any(array(select ${quoted(origin.by)} from ${aliasOf(origin.parent)}))`;
  if (!key) throw new NotPlanned('the object has no key');
  if (key.of)
    return `${table}.${quoted(source.id)} = (select ${quoted(key.of)} from "${getTableName(key.of.table)}" where organization_id = $1 and ${quoted(key.column)} = ${add(text, ({ key }) => key?.value)})`;
  return `${table}.${quoted(key.column)} = ${add(text, ({ key }) => key?.value)}`;
}

/** The condition on other rows of the table, and that on the project or service of each row. */
function othersOf({ source, visibleWith }: RowSet, { ctx }: Run): SQL[] {
  const { only, project, owner = null, service = null } = source;
  const isVisible = visibleWith && visibleIn(ctx, { project, owner, service, permission: visibleWith });
  return [only, isVisible].filter((condition) => condition != null);
}

/** The option `where` of a list contains the condition on the project or service of each row. */
function whereOf({ source: { only } }: RowSet, { options: { where } }: ListRun): SQL {
  const selected = typeof where === 'function' ? where(PARENT) : where;
  return only ? sql`${selected} and ${only}` : selected;
}

/** One row more than the page tells whether there is another page. */
const limitOf =
  ({ index, hasNeighbours }: RowSet): Param =>
  ({ lists }) =>
    (lists[index] as ListRun).size + (hasNeighbours ? 1 : 0);

const sortColumns = ({ hasCursors }: RowSet, list: ListRun | undefined): PgColumn[] =>
  hasCursors && list ? list.options.order.map(({ column }) => column) : [];

const columnsOf = (rows: RowSet, list: ListRun | undefined): PgColumn[] => [
  ...new Set([...rows.cells.map(({ column }) => column), ...sortColumns(rows, list)]),
];

function cellsOf(rows: RowSet, list: ListRun | undefined): string {
  const sorted = sortColumns(rows, list).map((column): Cell => ({ column, form: decoderOf(column).form }));
  const cells = [...rows.cells, ...sorted].map(cellText);
  if (rows.origin.kind === 'nested list') cells.push(PARENT_ID);
  return cells.join(',');
}

const aggregate = (cells: string, from: string): string =>
  `(select string_agg(concat_ws(${SEPARATOR_SQL},${cells}),${SEPARATOR_SQL}) from ${from})`;

function cellText({ column, form }: Cell): string {
  const value = form === 'json' ? `to_json(${quoted(column)})` : quoted(column);
  return column.notNull ? value : `coalesce(${value}::text,'')`;
}
