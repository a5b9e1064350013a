import { and, eq, isNull, sql } from 'drizzle-orm';
import { arrayParam, isAnyOf } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import { sendStatement } from '../../db/writer.ts';
import { newId } from '../../lib/ids.ts';
import { checkResults } from '../check-result/table.ts';
import { BATCH, evaluateBatch } from '../evaluation/evaluate.ts';
import { lockRubric, type Rubric } from '../evaluation/rubric.ts';
import type { Scope } from '../evaluation/scope.ts';
import { compileFilter } from '../filter/compile.ts';
import { services } from '../service/table.ts';
import { lockServices } from './services.ts';

/** The result of a check for a service, from an event of the integration. */
export interface EventResult {
  readonly checkId: string;
  readonly serviceId: string;
  readonly integrationId: string;
  readonly status: 'PASSED' | 'FAILED';
  readonly message: string | null;
}

/** A result with the time at which it begins, and at which the latest one ends. */
type TimedResult = EventResult & { readonly at: Date };

/** Rows of one statement. */
const SLICE = 500;

/**
 * Stores the results that differ from the latest ones, and evaluates the levels of their services. Results of checks that do
 * not count or do not apply are ignored. There is at most one for each check and service.
 */
export async function writeEventResults(scope: Scope, results: readonly EventResult[]): Promise<void> {
  if (results.length === 0) return;
  const existing = await lockServices(scope, new Set(results.map(({ serviceId }) => serviceId)));
  const rubric = await lockRubric(scope);
  if (!rubric) throw new Error('a level is being changed; the job is retried');
  const found = results.filter(({ serviceId }) => existing.has(serviceId));
  const changed = await selectChanged(scope, await selectApplicable(scope, rubric, found));
  if (changed.length === 0) return;
  await replaceLatest(scope, changed);
  const checkIds = [...new Set(changed.map(({ checkId }) => checkId))];
  const serviceIds = [...new Set(changed.map(({ serviceId }) => serviceId))].sort();
  for (let at = 0; at < serviceIds.length; at += BATCH)
    await evaluateBatch(scope, serviceIds.slice(at, at + BATCH), { checkIds });
}

/** The results of checks that count now and whose filters match the service. */
async function selectApplicable(
  { db, organizationId }: Scope,
  { checks, filters }: Rubric,
  results: readonly EventResult[],
): Promise<EventResult[]> {
  const filtersOf = new Map(checks.map(({ id, filterIds }) => [id, filterIds]));
  const counted = results.filter(({ checkId }) => filtersOf.has(checkId));
  const needed = [...new Set(counted.flatMap(({ checkId }) => filtersOf.get(checkId) ?? []))];
  if (needed.length === 0) return counted;
  const letters = needed.map((id) => {
    const filter = filters.get(id);
    return filter ? sql`case when ${compileFilter(filter, filters)} then 'Y' else 'N' end` : sql`'N'`;
  });
  const ids = new Set(counted.map(({ serviceId }) => serviceId));
  const rows = await queryRows<{ id: string; matches: string }>(
    db,
    sql`select ${services.id}, array_to_string(array[${sql.join(letters, sql`, `)}]::text[], '') as matches
      from ${services} where ${services.organizationId} = ${organizationId} and ${isAnyOf(services.id, ids)}`,
  );
  const matches = new Map(rows.map((row) => [row.id, row.matches]));
  return counted.filter(({ checkId, serviceId }) =>
    filtersOf.get(checkId)?.every((id) => matches.get(serviceId)?.[needed.indexOf(id)] === 'Y'),
  );
}

/** The results whose status or message is another than that of the latest one. */
async function selectChanged(
  { db, organizationId, now }: Scope,
  results: readonly EventResult[],
): Promise<TimedResult[]> {
  const { serviceId, checkId, status, message, createdAt, replacedAt } = checkResults;
  const rows = await db
    .select({ serviceId, checkId, status, message, createdAt })
    .from(checkResults)
    .where(
      and(
        eq(checkResults.organizationId, organizationId),
        isAnyOf(serviceId, new Set(results.map((result) => result.serviceId))),
        isAnyOf(checkId, new Set(results.map((result) => result.checkId))),
        isNull(replacedAt),
      ),
    );
  const latest = new Map(rows.map((row) => [`${row.checkId} ${row.serviceId}`, row]));
  return results.flatMap((result) => {
    const before = latest.get(`${result.checkId} ${result.serviceId}`);
    if (before?.status === result.status && before.message === result.message) return [];
    // The new result is the later one, also if the clock of another node is ahead.
    return [{ ...result, at: new Date(Math.max(now.getTime(), (before?.createdAt.getTime() ?? 0) + 1)) }];
  });
}

async function replaceLatest({ db, organizationId }: Scope, results: readonly TimedResult[]): Promise<void> {
  const { serviceId, checkId, replacedAt } = checkResults;
  const column = (value: (result: TimedResult) => string) => arrayParam(results.map(value));
  const pairs = sql`unnest(${column((one) => one.serviceId)}::uuid[], ${column((one) => one.checkId)}::uuid[],
    ${column(({ at }) => at.toISOString())}::timestamptz[]) as ended(service, checked, at)`;
  await sendStatement(
    db,
    sql`update ${checkResults} set replaced_at = ended.at from ${pairs}
      where ${checkResults.organizationId} = ${organizationId} and ${serviceId} = ended.service
      and ${checkId} = ended.checked and ${replacedAt} is null`,
  );
  const rows = results.map(({ at, integrationId, ...result }) => ({
    ...{ ...result, organizationId, id: newId(), createdAt: at, reportedById: integrationId },
  }));
  for (let at = 0; at < rows.length; at += SLICE) await db.insert(checkResults).values(rows.slice(at, at + SLICE));
}
