import { and, asc, eq, isNotNull } from 'drizzle-orm';
import { audit, type Context, db, tenant } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import { invalid, type UserError, type UserErrorCode, userError } from '../../lib/errors.ts';
import { newId, toPublicId } from '../../lib/ids.ts';
import { categories } from '../category/table.ts';
import { checkRows } from '../check/rows.ts';
import type { CheckRow } from '../check/service.ts';
import { checks } from '../check/table.ts';
import { deleteResults, lockResults } from '../evaluation/check-deletion.ts';
import { evaluateLater } from '../evaluation/enqueue.ts';
import { lockCampaign, refuseEnded } from './schedule.ts';
import { type CampaignRow, statusOf } from './service.ts';

/** Maximum number of checks of one mutation. */
export const MAX_CHECKS = 500;

/** The IDs of the given checks. Null for a check that does not exist or is not visible to the caller. */
export type GivenChecks = readonly (string | null)[];

/** Copies checks into a campaign: all of them or, if there are errors, none. */
export async function copyChecks(
  ctx: Context,
  campaignId: string,
  given: GivenChecks,
): Promise<{ campaign: CampaignRow; checks: CheckRow[] }> {
  refuseNumber(given);
  // With the campaign locked, another request cannot copy the same checks at the same time.
  const campaign = await lockCampaign(ctx, campaignId);
  refuseEnded(campaign, 'campaignId');
  const sources = await lockChecks(ctx, given, 'share');
  const [copied, ofScorecards] = await Promise.all([copiedTo(ctx, campaignId), scorecardCategories(ctx, sources)]);
  refuseChecks(given, (id) => {
    const source = sources.get(id);
    if (!source) return ['NOT_FOUND', NOT_FOUND];
    if (source.campaignId !== null) return ['INVALID', 'is a check of a campaign, which cannot be copied'];
    if (ofScorecards.has(source.categoryId)) return ['INVALID', 'is a check of a scorecard, which cannot be copied'];
    return copied.has(id) ? ['TAKEN', 'the campaign has a copy of this check already'] : null;
  });
  const now = ctx.dependencies.clock();
  const times = { createdAt: now, updatedAt: now };
  const copies = given.map((id) => {
    const { organizationId: _, ...fields } = sources.get(id as string) as CheckRow;
    return { ...fields, ...times, id: newId(), alias: null, campaignId, sourceCheckId: fields.id };
  });
  const created = await checkRows.insertAll(ctx, copies);
  audit(ctx, { related: created.map((row) => changeOf(row, null, checkRows.snapshotOf(row))) });
  // A draft has no results.
  if (statusOf(campaign, now) !== 'DRAFT') await evaluateLater(ctx, { checkIds: created.map(({ id }) => id) });
  return { campaign, checks: created };
}

/** Deletes checks of a campaign with their results: all of them or, if there are errors, none. */
export async function removeChecks(ctx: Context, campaignId: string, given: GivenChecks): Promise<CampaignRow> {
  refuseNumber(given);
  const campaign = await lockCampaign(ctx, campaignId);
  // Before the checks, as every deletion of checks.
  await lockResults(ctx);
  const found = await lockChecks(ctx, given, 'update');
  refuseChecks(given, (id) => {
    if (!found.has(id)) return ['NOT_FOUND', NOT_FOUND];
    return found.get(id)?.campaignId === campaignId ? null : ['INVALID', 'is not a check of the campaign'];
  });
  await (await db(ctx))
    .delete(checks)
    .where(and(eq(checks.organizationId, tenant(ctx)), isAnyOf(checks.id, idsIn(given))));
  await deleteResults(ctx, [...found.keys()]);
  audit(ctx, { related: [...found.values()].map((row) => changeOf(row, checkRows.snapshotOf(row), null)) });
  return campaign;
}

const NOT_FOUND = 'there is no check with this ID or alias';

const changeOf = ({ id }: CheckRow, before: unknown, after: unknown) => ({
  targetId: toPublicId('chk', id),
  before,
  after,
});

const idsIn = (given: GivenChecks): string[] => given.filter((id) => id !== null);

function refuseNumber({ length }: GivenChecks): void {
  if (length === 0) throw invalid(userError('TOO_SHORT', 'checks', 'checks: must have at least one item.'));
  if (length > MAX_CHECKS)
    throw invalid(userError('TOO_LONG', 'checks', `checks: must have at most ${MAX_CHECKS} items.`));
}

/** Throws the problems of all given checks at once. The path of an error has the index of the check. */
function refuseChecks(given: GivenChecks, problemOf: (id: string) => [UserErrorCode, string] | null): void {
  const errors = given.flatMap((id, at): UserError[] => {
    const isRepeated = id !== null && given.indexOf(id) !== at;
    const problem = id === null ? (['NOT_FOUND', NOT_FOUND] as const) : isRepeated ? REPEATED : problemOf(id);
    return problem ? [userError(problem[0], ['checks', String(at)], `checks.${at}: ${problem[1]}.`)] : [];
  });
  if (errors.length > 0) throw invalid(...errors);
}

const REPEATED = ['INVALID', 'the input has this check more than once'] as const;

/** Reads the checks and locks them in the order of their IDs. A source does not change until it is copied. */
async function lockChecks(ctx: Context, given: GivenChecks, lock: 'share' | 'update'): Promise<Map<string, CheckRow>> {
  const found = await (await db(ctx))
    .select()
    .from(checks)
    .where(and(eq(checks.organizationId, tenant(ctx)), isAnyOf(checks.id, idsIn(given))))
    .orderBy(asc(checks.id))
    .for(lock);
  return new Map(found.map((row) => [row.id, row]));
}

/** The IDs of the checks of which the campaign has copies. */
async function copiedTo(ctx: Context, campaignId: string): Promise<ReadonlySet<string | null>> {
  const found = await (await db(ctx))
    .select({ id: checks.sourceCheckId })
    .from(checks)
    .where(and(eq(checks.organizationId, tenant(ctx)), eq(checks.campaignId, campaignId)));
  return new Set(found.map(({ id }) => id));
}

/** The IDs of the categories of the checks that belong to scorecards. */
async function scorecardCategories(ctx: Context, found: ReadonlyMap<string, CheckRow>): Promise<ReadonlySet<string>> {
  const ids = [...new Set([...found.values()].map(({ categoryId }) => categoryId))];
  const ofScorecards = await (await db(ctx))
    .select({ id: categories.id })
    .from(categories)
    .where(
      and(eq(categories.organizationId, tenant(ctx)), isAnyOf(categories.id, ids), isNotNull(categories.scorecardId)),
    );
  return new Set(ofScorecards.map(({ id }) => id));
}
