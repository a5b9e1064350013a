import { and, eq, isNotNull, isNull } from 'drizzle-orm';
import { type Access, accessOf, type Target, unrestricted } from '../../access/access.ts';
import type { Permission } from '../../access/catalog.ts';
import {
  type AccessDelta,
  type AccessState,
  accessChanges,
  grantsAtMoment,
  losesOwner,
  type Moment,
  momentsOf,
  principalIds,
  projectRolesToDeactivate,
  unrestrictedOrNull,
} from '../../access/change.ts';
import { requireHeldChange } from '../../access/escalation.ts';
import { type AccessRows, grantsAt, loadAssignments } from '../../access/grants.ts';
import type { Grants } from '../../access/model.ts';
import { OWNER } from '../../access/roles.ts';
import { type Context, db, setDryRun, tenant } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import { effectiveGrantsOf } from '../../identity/actor.ts';
import { invalid, userError } from '../../lib/errors.ts';
import type { Plan } from '../../lib/plans.ts';
import type { TokenAccess } from '../api-token/table.ts';
import { lockOrganization, type OrganizationRow } from '../organization/service.ts';
import { assignments } from '../role/table.ts';
import { principals } from './table.ts';

export interface Change<Result> {
  /** The permission that the caller needs, checked under the lock. Null for changes of the caller's own access. */
  permission: Permission | null;
  target?: Target;
  /** Ids of the principals whose access can change, computed under the lock. Defaults to all principals. */
  affected?: () => Promise<readonly string[]> | readonly string[];
  /** Whether the change is rolled back after its effects are computed. */
  dryRun: boolean;
  /** The principal whose grants limit the change. Defaults to the caller. */
  by?: string;
  /** The plan after the change. Defaults to the plan before it. */
  plan?: Plan;
  /** The input field that LAST_OWNER is about. Defaults to `id`. Null if the input has no such field. */
  field?: string | null;
  apply: (locked: LockedAccess) => Promise<Result>;
}

/** The access of the organization under the lock, before the change. */
export interface LockedAccess {
  organization: OrganizationRow;
  /** Of the affected principals and of the one whose grants limit the change. */
  rows: AccessRows;
  /** Access of the principal whose grants limit the change. */
  access: Access;
}

/** The result of a mutation that changes access. */
export interface AccessChanged<Result> {
  result: Result;
  accessChanges: AccessDelta[];
}

/** The row with the access of the affected principals, for the audit event. */
export interface AppliedChange<Result> extends AccessChanged<Result> {
  before: AccessRows;
  after: AccessRows;
}

/**
 * The only way to change access. Changes in one organization run one after the other under its lock. Grants are loaded
 * before and after the change, and their difference must not exceed what the caller holds. The last Owner stays.
 */
export async function changeAccess<Result>(ctx: Context, change: Change<Result>): Promise<AppliedChange<Result>> {
  const callerId = change.by ?? ctx.unit.actor.principal?.id ?? '';
  const now = ctx.dependencies.clock();
  const organization = await lockOrganization(ctx);
  const affected = await change.affected?.();
  const load = async (plan: Plan): Promise<AccessState> => {
    const ids = affected && [...new Set([...affected, callerId])];
    return { rows: await loadAssignments(await db(ctx), organization.id, ids), plan };
  };
  const before = await load(organization.plan);
  const access = accessOfCaller(ctx, change, grantsAt(before.rows, before.plan, now).get(callerId));
  const caller: Caller = { id: callerId, access: access.effective?.access ?? 'READ' };
  if (change.permission) access.require(change.permission, change.target);
  const result = await change.apply({ organization, rows: before.rows, access });
  const after = await deactivate(ctx, before, await load(change.plan ?? organization.plan), now);
  for (const moment of momentsOf(before, caller.id, now, after)) requireHeldAt(moment, caller, before, after);
  if (losesOwner(before.rows, after.rows)) await requireOwner(ctx, change.field === undefined ? 'id' : change.field);
  if (change.dryRun) setDryRun(ctx);
  const changes = accessChanges(grantsAt(before.rows, before.plan, now), grantsAt(after.rows, after.plan, now));
  return { result, accessChanges: changes.filter(isVisible(ctx)), before: before.rows, after: after.rows };
}

/** Marks project roles of Owners and Admins as inactive. Returns the access with these marks. */
async function deactivate(ctx: Context, before: AccessState, after: AccessState, now: Date): Promise<AccessState> {
  const ids = new Set(projectRolesToDeactivate(before, after, now));
  if (ids.size === 0) return after;
  await (await db(ctx))
    .update(assignments)
    .set({ inactive: true })
    .where(and(eq(assignments.organizationId, tenant(ctx)), isAnyOf(assignments.id, [...ids])));
  const marked = after.rows.assignments.map((row) => (ids.has(row.id) ? { ...row, inactive: true } : row));
  return { ...after, rows: { ...after.rows, assignments: marked } };
}

/** The principal whose grants limit a change, and the current access of its credential. */
interface Caller {
  id: string;
  access: TokenAccess;
}

/** The access of the caller with its credential, or that of the principal `by` without the limit of one. */
function accessOfCaller(ctx: Context, { by }: Pick<Change<unknown>, 'by'>, grants: Grants | undefined): Access {
  if (!grants) return accessOf(null);
  return accessOf(by === undefined ? effectiveGrantsOf(ctx.unit.actor, grants) : unrestricted(grants));
}

function requireHeldAt(moment: Moment, caller: Caller, before: AccessState, after: AccessState): void {
  const [had, has] = [grantsAtMoment(before, moment), grantsAtMoment(after, moment)];
  const grants = had.get(caller.id);
  const access = accessOf(grants ? { grants, access: caller.access } : null);
  for (const id of principalIds(had, has)) {
    const change = { before: unrestrictedOrNull(had.get(id)), after: unrestrictedOrNull(has.get(id)) };
    requireHeldChange(access, change, 'This change, now or when a role expires,');
  }
}

/** A project that the caller cannot read does not exist for the caller, so its changes are omitted. */
const isVisible =
  (ctx: Context) =>
  ({ projectId }: AccessDelta): boolean =>
    projectId === null || ctx.unit.access.can('project:read', projectId);

/** Throws LAST_OWNER unless a member is Owner without expiry. */
async function requireOwner(ctx: Context, field: string | null): Promise<void> {
  const isPermanentOwner = and(
    eq(assignments.organizationId, tenant(ctx)),
    isNull(assignments.projectId),
    eq(assignments.builtInRoleId, OWNER.id),
    isNull(assignments.expiresAt),
  );
  const [owner] = await (await db(ctx))
    .select({ id: principals.id })
    .from(assignments)
    .innerJoin(
      principals,
      and(
        eq(principals.organizationId, assignments.organizationId),
        eq(principals.id, assignments.principalId),
        isNotNull(principals.userId),
      ),
    )
    .where(isPermanentOwner)
    .limit(1);
  if (!owner)
    throw invalid(
      userError(
        'LAST_OWNER',
        field ?? [],
        'This is the last Owner of the organization. Make another member Owner first.',
      ),
    );
}
