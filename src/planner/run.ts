import type { SQL } from 'drizzle-orm';
import { canOnEvery, canOnSome } from '../access/access.ts';
import { type Context, db, tenant } from '../context.ts';
import { clientOf } from '../db/client.ts';
import type { Variables } from '../executor/model.ts';
import { type CachedSql, NotPlanned, type ReadRun, type RowSet, type Run, type Statement } from './model.ts';
import type { RootPlan } from './root.ts';
import { buildSql, SEPARATOR } from './statement.ts';

/** Maximum number of shapes of arguments for which the SQL of a statement is cached. */
const MAX_CACHED = 4;

/** A statement with its arguments and parameters. */
export interface BoundStatement {
  /** The name of the root field. */
  readonly field: string;
  readonly statement: Statement;
  readonly run: Run;
  readonly text: string;
  readonly params: readonly unknown[];
}

/**
 * Binds the arguments of a root field to its statement. Throws NotPlanned, or the error of an argument, if resolvers must
 * execute the operation.
 */
export function bindStatement(
  { field, statementFor }: RootPlan,
  ctx: Context,
  variables: Variables,
  prepared: readonly SQL[] = [],
): BoundStatement {
  const args = field.argsOf(variables);
  const statement = statementFor(args);
  const { draft } = statement;
  for (const permission of draft.permissions)
    if (!ctx.unit.access.can(permission)) throw new NotPlanned(`${permission} is refused`);
  for (const permission of draft.permissionsOnSome)
    if (!canOnSome(ctx.unit.access, permission)) throw new NotPlanned(`${permission} is refused`);
  const run: Run = {
    ctx,
    variables,
    args,
    time: ctx.dependencies.clock(),
    tenant: tenant(ctx),
    lists: [],
    prepared,
    key: null,
  };
  for (const bind of draft.bind) bind(run);
  const { text, params } = sqlFor(statement, run);
  return { field: field.name, statement, run, text, params: params.map((param) => param(run)) };
}

function sqlFor(statement: Statement, run: Run): CachedSql {
  const { draft, cachedSql } = statement;
  const shape = shapeOf(statement, run);
  const known = shape === null ? undefined : cachedSql.get(shape);
  if (known) return known;
  // In the SQL, it could not be distinguished from the parameter of the organization.
  if (JSON.stringify(run.args).includes(run.tenant))
    throw new NotPlanned("an argument contains the organization's UUID");
  const built = buildSql(draft.rowSets, run);
  if (shape !== null && built.isCacheable && cachedSql.size < MAX_CACHED) cachedSql.set(shape, built);
  return built;
}

/**
 * What the text of the statement depends on. Null if it also depends on a filter, a cursor, or on the projects or services
 * that the caller can see.
 */
function shapeOf({ draft: { rowSets } }: Statement, { ctx, lists, key }: Run): string | null {
  if (rowSets.some((rows) => dependsOnCaller(rows, ctx))) return null;
  const parts = [key?.column.name ?? ''];
  for (const list of lists) {
    if (!list) continue;
    const { first: _first, last, orderBy, ...others } = list.args as Record<string, unknown>;
    if (Object.values(others).some((value) => value != null)) return null;
    parts.push(`${JSON.stringify(orderBy ?? null)}${last != null}`);
  }
  return parts.join(' ');
}

const dependsOnCaller = (
  { source: { project, owner, service }, visibleWith }: RowSet,
  { unit: { access } }: Context,
): boolean => Boolean(project || ((owner || service) && visibleWith && !canOnEvery(access, visibleWith)));

/** Sends the statements without waiting between them, and returns the values of the root fields as JSON. */
export async function execute(
  ctx: Context,
  statements: readonly BoundStatement[],
  isPrepared: (text: string) => boolean,
): Promise<string[]> {
  const client = clientOf(await db(ctx));
  const { tracer } = ctx.work;
  const results = await Promise.all(
    statements.map(({ field, text, params }) => {
      const send = () => client.unsafe(text, params as never[], { prepare: isPrepared(text) }).values();
      return tracer ? tracer.inField(field, send) : send();
    }),
  );
  return statements.map(({ statement, run }, at) => write(statement, run, (results[at] as unknown[][])[0] as Value[]));
}

type Value = string | null;

function write(statement: Statement, run: Run, values: readonly Value[]): string {
  const { rowSets, writeRelated } = statement.draft;
  const cells: string[][] = [];
  const counts: ReadRun['counts'][number][] = [];
  let at = 0;
  for (const { hasCount, origin } of rowSets) {
    const value = values[at++];
    cells.push(value ? value.split(SEPARATOR) : []);
    counts.push(hasCount ? countOf(values[at++] ?? null, origin.kind === 'nested list') : undefined);
  }
  const read: ReadRun = { ...run, cells, counts, related: [], shared: new Map(), pages: [] };
  // The rows of a row set may contain those of a later one.
  for (let index = rowSets.length - 1; index >= 0; index -= 1) {
    const related = writeRelated[index]?.(read);
    if (related) read.related[index] = related;
  }
  return statement.write(read);
}

function countOf(value: Value, isUnder: boolean): string | ReadonlyMap<string, string> {
  if (!isUnder) return value ?? '0';
  const cells = value ? value.split(SEPARATOR) : [];
  const counts = new Map<string, string>();
  for (let at = 0; at < cells.length; at += 2) counts.set(cells[at] as string, cells[at + 1] as string);
  return counts;
}
