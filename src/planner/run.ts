import { type Context, db, tenant } from '../context.ts';
import { clientOf } from '../db/client.ts';
import type { Variables } from '../executor/model.ts';
import { type KeptText, NotPlanned, type ReadRun, type Run, type Statement } from './model.ts';
import type { Root } from './root.ts';
import { buildText, SEPARATOR } from './statement.ts';

/** Maximum number of texts that a statement keeps. */
const TEXTS = 4;

/** A statement with its arguments, ready to be sent. */
export interface Ready {
  readonly statement: Statement;
  readonly run: Run;
  readonly text: string;
  readonly params: readonly unknown[];
}

/** Prepares an execution. Throws NotPlanned, or the error of an argument, if resolvers must execute the operation. */
export function prepareRun({ field, statementFor }: Root, ctx: Context, variables: Variables): Ready {
  const args = field.argsOf(variables);
  const statement = statementFor(args);
  const { draft } = statement;
  for (const permission of draft.permissions)
    if (!ctx.unit.access.can(permission)) throw new NotPlanned(`${permission} is refused`);
  const run: Run = { ctx, variables, args, time: ctx.dependencies.clock(), tenant: tenant(ctx), lists: [], key: null };
  for (const prepare of draft.prepare) prepare(run);
  const { text, params } = textFor(statement, run);
  return { statement, run, text, params: params.map((param) => param(run)) };
}

function textFor(statement: Statement, run: Run): KeptText {
  const { draft, texts } = statement;
  const shape = shapeOf(statement, run);
  const known = shape === null ? undefined : texts.get(shape);
  if (known) return known;
  // It could not be told from the parameter of the organization.
  if (JSON.stringify(run.args).includes(run.tenant))
    throw new NotPlanned("an argument contains the organization's UUID");
  const built = buildText(draft.rows, run);
  if (shape !== null && built.isKept && texts.size < TEXTS) texts.set(shape, built);
  return built;
}

/**
 * What the text of the statement depends on. Null if it also depends on a filter, a cursor, or on the projects that the
 * caller can see.
 */
function shapeOf({ draft: { rows } }: Statement, { lists, key }: Run): string | null {
  if (rows.some(({ source }) => source.project)) return null;
  const parts = [key?.column.name ?? ''];
  for (const list of lists) {
    if (!list) continue;
    const { first: _first, last, orderBy, ...others } = list.args as Record<string, unknown>;
    if (Object.values(others).some((value) => value != null)) return null;
    parts.push(`${JSON.stringify(orderBy ?? null)}${last != null}`);
  }
  return parts.join(' ');
}

/** Sends the statements without waiting between them, and returns the values of the root fields as JSON. */
export async function execute(
  ctx: Context,
  ready: readonly Ready[],
  isPrepared: (text: string) => boolean,
): Promise<string[]> {
  const client = clientOf(await db(ctx));
  const results = await Promise.all(
    ready.map(({ text, params }) => client.unsafe(text, params as never[], { prepare: isPrepared(text) }).values()),
  );
  return ready.map(({ statement, run }, at) => write(statement, run, (results[at] as unknown[][])[0] as Value[]));
}

type Value = string | null;

function write(statement: Statement, run: Run, values: readonly Value[]): string {
  const { rows, settle } = statement.draft;
  const cells: string[][] = [];
  const counts: ReadRun['counts'][number][] = [];
  let at = 0;
  for (const { hasCount, origin } of rows) {
    const value = values[at++];
    cells.push(value ? value.split(SEPARATOR) : []);
    counts.push(hasCount ? countOf(values[at++] ?? null, origin.kind === 'list under') : undefined);
  }
  const read: ReadRun = { ...run, cells, counts, texts: [], shared: new Map(), pages: [] };
  for (let position = rows.length - 1; position >= 0; position -= 1) {
    const texts = settle[position]?.(read);
    if (texts) read.texts[position] = texts;
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
