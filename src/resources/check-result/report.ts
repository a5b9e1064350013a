import { and, eq, isNull } from 'drizzle-orm';
import { z } from 'zod';
import { serviceOf } from '../../access/ownership.ts';
import { audit, type Context, db, tenant } from '../../context.ts';
import { rowsOf } from '../../data/rows.ts';
import { invalid, type UserErrorCode, userError } from '../../lib/errors.ts';
import { newId, toPublicId } from '../../lib/ids.ts';
import { multiLine, parse } from '../../lib/input.ts';
import { campaigns } from '../campaign/table.ts';
import type { CheckRow } from '../check/service.ts';
import { settingsOf } from '../check/settings.ts';
import { stateOf } from '../check/state.ts';
import { checks } from '../check/table.ts';
import { selectApplicable } from '../evaluation/applicable.ts';
import { counts, loadChecks } from '../evaluation/checks.ts';
import { evaluateServices } from '../evaluation/evaluate.ts';
import { findPrincipal, publicIdOfPrincipal } from '../principal/service.ts';
import { services } from '../service/table.ts';
import { CHECK_STATUSES } from './status.ts';
import { type CheckStatus, checkResults } from './table.ts';

export type CheckResultRow = typeof checkResults.$inferSelect;

/** Maximum number of characters of the message of a result. */
export const MAX_MESSAGE = 20_000;

const DAY = 86_400_000;

const rows = rowsOf(checkResults, 'chr', { checkId: 'chk', serviceId: 'svc' });

const schema = z.object({ status: z.enum(CHECK_STATUSES), message: multiLine(MAX_MESSAGE) });

export interface Report {
  status: CheckStatus;
  message?: string | null | undefined;
}

/** Adds a result of a manual check, and evaluates the service. The caller may report results for the service. */
export async function reportResult(
  ctx: Context,
  { id: checkId, campaignId }: Pick<CheckRow, 'id' | 'campaignId'>,
  serviceId: string,
  report: Report,
): Promise<CheckResultRow> {
  const { status, message = null } = parse(schema, report);
  // Reports for the same service wait for each other, so one of two is the latest and the other is in the history.
  await lockService(ctx, serviceId);
  if (campaignId !== null) await lockCampaign(ctx, campaignId);
  const check = await lockCheck(ctx, checkId);
  refuseReport(ctx, check, message);
  await refuseInapplicable(ctx, check.id, serviceId);
  const createdAt = await endLatest(ctx, check.id, serviceId);
  const row = await rows.insert(ctx, {
    id: newId(),
    checkId: check.id,
    serviceId,
    status,
    message,
    reportedById: ctx.unit.actor.principal?.id ?? null,
    createdAt,
    expiresAt: expiryOf(check, status, createdAt),
  });
  await auditReport(ctx, row);
  await evaluateServices(ctx, [serviceId], { checkIds: [check.id] });
  return row;
}

const refusal = (code: UserErrorCode, path: string, problem: string) =>
  invalid(userError(code, path, `${path}: ${problem}.`));

function refuseReport(ctx: Context, check: CheckRow, message: string | null): void {
  if (check.type !== 'MANUAL')
    throw refusal(
      'INVALID',
      'check',
      `results are reported for checks of type MANUAL only, and this one is ${check.type}`,
    );
  const state = stateOf(check, ctx.dependencies.clock());
  if (state !== 'ENABLED') throw refusal('INVALID', 'check', `is ${state}`);
  if (settingsOf('MANUAL', check.settings).commentRequired && message === null)
    throw refusal('REQUIRED', 'message', 'is required for this check');
}

/** The same lock as that of an evaluation. The owner cannot change afterwards, so the permission is checked here. */
async function lockService(ctx: Context, serviceId: string): Promise<void> {
  const [service] = await (await db(ctx))
    .select({ ownerId: services.ownerId })
    .from(services)
    .where(and(eq(services.organizationId, tenant(ctx)), eq(services.id, serviceId)))
    .for('no key update');
  // The service was deleted after it was read. No foreign key would refuse the result.
  if (!service) throw refusal('NOT_FOUND', 'service', 'there is no service with this ID');
  ctx.unit.access.require('check_result:create', serviceOf(service.ownerId));
}

/**
 * Locks the campaign, so that it does not end and is not unscheduled before the transaction ends. Otherwise its results would
 * change afterwards. The campaign is locked before the check, as in the deletion of the campaign.
 */
async function lockCampaign(ctx: Context, campaignId: string): Promise<void> {
  await (await db(ctx))
    .select({ id: campaigns.id })
    .from(campaigns)
    .where(and(eq(campaigns.organizationId, tenant(ctx)), eq(campaigns.id, campaignId)))
    .for('key share');
}

/** The check, which is neither changed nor deleted before the end of the transaction. */
async function lockCheck(ctx: Context, checkId: string): Promise<CheckRow> {
  const [check] = await (await db(ctx))
    .select()
    .from(checks)
    .where(and(eq(checks.organizationId, tenant(ctx)), eq(checks.id, checkId)))
    .for('share');
  if (!check) throw refusal('NOT_FOUND', 'check', 'there is no check with this ID');
  return check;
}

/** The filters of the check and of its campaign or scorecard must match the service, and the campaign must be in progress. */
async function refuseInapplicable(ctx: Context, checkId: string, serviceId: string): Promise<void> {
  const tx = await db(ctx);
  const [check] = await loadChecks(tx, tenant(ctx), checkId);
  if (!check || !counts(check, ctx.dependencies.clock()))
    throw refusal('INVALID', 'check', 'belongs to a campaign that is not in progress');
  const found = await selectApplicable(tx, tenant(ctx), check, [serviceId]);
  if (found.length === 0) throw refusal('INVALID', 'check', 'does not apply to the service');
}

/** Ends the latest result. Returns the time of the new one, which is after that of the latest. */
async function endLatest(ctx: Context, checkId: string, serviceId: string): Promise<Date> {
  const now = ctx.dependencies.clock();
  const isLatest = and(
    eq(checkResults.organizationId, tenant(ctx)),
    eq(checkResults.serviceId, serviceId),
    eq(checkResults.checkId, checkId),
    isNull(checkResults.replacedAt),
  );
  const tx = await db(ctx);
  const [latest] = await tx.select({ createdAt: checkResults.createdAt }).from(checkResults).where(isLatest);
  if (!latest) return now;
  const replacedAt = new Date(Math.max(now.getTime(), latest.createdAt.getTime() + 1));
  await tx.update(checkResults).set({ replacedAt }).where(isLatest);
  return replacedAt;
}

/** Only a result that the check was passed expires. */
function expiryOf(check: CheckRow, status: CheckStatus, createdAt: Date): Date | null {
  const { frequencyDays } = settingsOf('MANUAL', check.settings);
  return status !== 'PASSED' || frequencyDays === null ? null : new Date(createdAt.getTime() + frequencyDays * DAY);
}

/** The event belongs to the result, its check and its service, so it is found by each of them. */
async function auditReport(
  ctx: Context,
  { id, reportedById, checkId, serviceId, ...row }: CheckResultRow,
): Promise<void> {
  const principal = reportedById === null ? null : await findPrincipal(ctx, reportedById);
  const ids = { checkId: toPublicId('chk', checkId), serviceId: toPublicId('svc', serviceId) };
  const { organizationId: _, ...fields } = row;
  audit(ctx, {
    after: { id: toPublicId('chr', id), ...ids, ...fields, reportedById: principal && publicIdOfPrincipal(principal) },
    touched: Object.values(ids).map((touched) => ({ id: touched, projectId: null })),
  });
}
