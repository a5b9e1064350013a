import { sql } from 'drizzle-orm';
import type { Context } from '../../context.ts';
import { arrayParam } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import { forEachInSlices } from '../../lib/slices.ts';
import { services } from '../service/table.ts';
import { compare, type Differences, noDifferences } from './differences.ts';
import { evaluateLater } from './enqueue.ts';
import { lockRubric } from './rubric.ts';
import { type Scope, scopeOf } from './scope.ts';
import { readStatuses } from './statuses.ts';
import { writeDifferences } from './write.ts';

export interface EvaluateOptions {
  /** Evaluates only these checks. The levels follow from them and from the stored results of the others. */
  readonly checkIds?: readonly string[];
}

/** Services of one transaction. */
export const BATCH = 500;

/**
 * Evaluates these services in the transaction of the mutation: their results, their levels and the time of their next
 * evaluation. While a level is being changed, a job does it instead. A dry run evaluates nothing.
 */
export async function evaluateServices(
  ctx: Context,
  serviceIds: readonly string[],
  options: EvaluateOptions = {},
): Promise<void> {
  if (ctx.unit.dryRun) return;
  const scope = await scopeOf(ctx);
  const sorted = [...new Set(serviceIds)].sort();
  for (let at = 0; at < sorted.length; at += BATCH) {
    const batch = sorted.slice(at, at + BATCH);
    if (!(await evaluateBatch(scope, batch, options))) await evaluateLater(ctx, { serviceIds: batch, ...options });
  }
}

/**
 * Evaluates the services of one batch. Returns false if a level is being changed. The services are locked in the order of
 * their IDs, so two evaluations do not wait for each other. A locked service cannot be deleted before its results are written.
 * The services are read after they are locked, so a service that was deleted earlier gets no results. The rubric is read after
 * the locks too: if it changes later, the evaluation that follows from that change waits for this one.
 */
export async function evaluateBatch(
  scope: Scope,
  serviceIds: readonly string[],
  { checkIds }: EvaluateOptions = {},
): Promise<boolean> {
  const { db, organizationId, now } = scope;
  const own = sql`${services.organizationId} = ${organizationId} and ${services.id} = any(${arrayParam(serviceIds)})`;
  const lock = sql`select ${services.id} from ${services} where ${own} order by ${services.id} for no key update`;
  // Sent together. PostgreSQL reads the rubric after it has locked the services.
  const [, rubric] = await Promise.all([queryRows(db, lock), lockRubric(scope)]);
  if (!rubric) return false;
  const only = checkIds ? new Set(checkIds) : null;
  const selected = rubric.checks.filter(({ id }) => only?.has(id) ?? true);
  const { states, statusesOf } = await readStatuses(scope, serviceIds, selected, rubric);
  const at = new Map(selected.map(({ id }, position) => [id, position]));
  const positions = rubric.checks.map(({ id }) => at.get(id) ?? -1);
  const differences: Differences = noDifferences();
  const evaluated = { rubric, now, positions, checkIds: only };
  await forEachInSlices(states, (state) => compare(differences, statusesOf(state), evaluated));
  await writeDifferences(scope, differences);
  return true;
}
