import { getTableName, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { inProjects } from '../data/project-scope.ts';
import { textOf } from '../db/client.ts';
import { between, ordered } from '../db/page.ts';
import { PARENT } from '../db/reader.ts';
import { decoderOf } from './leaf.ts';
import { type Cell, type KeptText, type ListRun, NotPlanned, type Param, type Rows, type Run } from './model.ts';

/** Between cells. JSON contains no control characters, and the other texts are IDs, numbers, times and constants. */
export const SEPARATOR = '\u001f';
const SEPARATOR_SQL = "E'\\x1f'";

/** The ID of the parent of a row. No column of a table has this name. */
const PARENT_ID = '"id of parent"';

interface Text {
  readonly params: Param[];
  /** Whether the parameters of all executions of the same shape can be computed without building the text. */
  isKept: boolean;
}

const quoted = ({ name }: PgColumn): string => `"${name}"`;
const aliasOf = ({ at }: Rows): string => `p${at}`;

/** Adds a parameter and returns its placeholder. */
const add = ({ params }: Text, param: Param): string => `$${params.push(param)}`;

/** Returns the text of a condition and adds its parameters. */
const embed = (text: Text, condition: SQL, { tenant }: Run): string =>
  textOf(condition, (value) => {
    if (value === tenant) return '$1';
    text.isKept = false;
    return add(text, () => value);
  });

const TENANT: Param = ({ tenant }) => tenant;

/**
 * Builds the statement of a root field: one query for the rows of each position, and one value for each in the result.
 * Each query names the organization.
 */
export function buildText(rows: readonly Rows[], run: Run): KeptText & { isKept: boolean } {
  const text: Text = { params: [TENANT], isKept: true };
  const parts = rows.map((one) => partOf(text, one, run));
  const queries = parts.map(({ query }, at) => `p${at} as materialized (${query})`);
  const values = parts.flatMap(({ value, count }) => [value, ...(count ? [count] : [])]);
  return { text: `with ${queries.join(',')} select ${values.join(',')}`, params: text.params, isKept: text.isKept };
}

interface Part {
  query: string;
  value: string;
  count: string | null;
}

function partOf(text: Text, rows: Rows, run: Run): Part {
  const list = run.lists[rows.at];
  const table = `"${getTableName(rows.source.table)}"`;
  const columns = columnsOf(rows, list).map((column) => `${table}.${quoted(column)}`);
  const select = `select ${columns.join(',')} from ${table} where `;
  const value = resultOf(rows, list);
  if (list) return { value, ...listOf(text, rows, list, run, table, select) };
  const conditions = [
    // Each statement names the organization, also if its table has none.
    rows.source.organization ? `${table}.${quoted(rows.source.organization)} = $1` : '$1::uuid is not null',
    keyOf(text, rows, table, run),
    ...othersOf(rows, run).map((condition) => embed(text, condition, run)),
  ];
  return { value, query: select + conditions.join(' and '), count: null };
}

function listOf(text: Text, rows: Rows, list: ListRun, run: Run, table: string, select: string): Omit<Part, 'value'> {
  const { options, args } = list;
  const where = embed(text, whereOf(rows, list), run);
  // Lists under a parent have no cursors.
  const cursors = Array.isArray(options.asked) ? between({ ...options, asked: options.asked }, args) : undefined;
  const page = cursors ? `${where} and ${embed(text, cursors, run)}` : where;
  const query = `${select}${page} ${embed(text, ordered(options, args), run)} limit ${add(text, limitOf(rows))}`;
  const total = `select count(*) as total from ${table} where ${where}`;
  if (rows.origin.kind !== 'list under') return { query, count: rows.hasCount ? `(${total})` : null };
  const perParent = (each: string): string =>
    `${aliasOf((rows.origin as { parent: Rows }).parent)} as parent cross join lateral (${each}) as each`;
  return {
    query: `select parent.id as ${PARENT_ID},each.* from ${perParent(query)}`,
    count: rows.hasCount ? aggregate('parent.id,each.total', perParent(total)) : null,
  };
}

/** The condition that selects the rows of an object, or of the objects that the rows of the parent refer to. */
function keyOf(text: Text, { origin, source }: Rows, table: string, { key }: Run): string {
  if (origin.kind === 'one')
    return `${table}.${quoted(source.id)} = any(array(select ${quoted(origin.by)} from ${aliasOf(origin.parent)}))`;
  if (!key) throw new NotPlanned('the object has no key');
  return `${table}.${quoted(key.column)} = ${add(text, ({ key }) => key?.value)}`;
}

/** The condition on other rows of the table, and that on the project of each row. */
function othersOf({ source, visibleWith }: Rows, { ctx }: Run): SQL[] {
  const { only, project } = source;
  return [...(only ? [only] : []), ...(visibleWith && project ? [inProjects(ctx, project, visibleWith)] : [])];
}

/** The option `where` of a list contains the condition on the project of each row. */
function whereOf({ source: { only } }: Rows, { options: { where } }: ListRun): SQL {
  const selected = typeof where === 'function' ? where(PARENT) : where;
  return only ? sql`${selected} and ${only}` : selected;
}

/** One row more than the page tells whether there is another page. */
const limitOf =
  ({ at, hasNeighbours }: Rows): Param =>
  ({ lists }) =>
    (lists[at] as ListRun).size + (hasNeighbours ? 1 : 0);

const sortColumns = ({ hasCursors }: Rows, list: ListRun | undefined): PgColumn[] =>
  hasCursors && list ? list.options.order.map(({ column }) => column) : [];

const columnsOf = (rows: Rows, list: ListRun | undefined): PgColumn[] => [
  ...new Set([...rows.cells.map(({ column }) => column), ...sortColumns(rows, list)]),
];

function resultOf(rows: Rows, list: ListRun | undefined): string {
  const sorted = sortColumns(rows, list).map((column): Cell => ({ column, form: decoderOf(column).form }));
  const cells = [...rows.cells, ...sorted].map(cellText);
  if (rows.origin.kind === 'list under') cells.push(PARENT_ID);
  return aggregate(cells.join(','), aliasOf(rows));
}

const aggregate = (cells: string, from: string): string =>
  `(select string_agg(concat_ws(${SEPARATOR_SQL},${cells}),${SEPARATOR_SQL}) from ${from})`;

function cellText({ column, form }: Cell): string {
  const value = form === 'json' ? `to_json(${quoted(column)})` : quoted(column);
  return column.notNull ? value : `coalesce(${value}::text,'')`;
}
