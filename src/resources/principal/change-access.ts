import { and, eq, isNotNull, isNull, not } from 'drizzle-orm';
import { type Access, accessOf, type Target } from '../../access/access.ts';
import type { Permission } from '../../access/catalog.ts';
import {
  type AccessDelta,
  accessChanges,
  effectiveAtMoment,
  grantsAtMoment,
  losesOwner,
  type Moment,
  principalsToDeactivate,
  unrestrictedOrNull,
} from '../../access/change.ts';
import { type Caller, requireHeldByCaller } from '../../access/escalation.ts';
import { type AccessRows, loadAssignments, loadRoles } from '../../access/grants.ts';
import { loadPrincipalRoles, withTeams } from '../../access/load-principal-roles.ts';
import { type AccessState, type AssignmentRow, rolesByPrincipal } from '../../access/principal-roles.ts';
import { OWNER } from '../../access/roles.ts';
import { type Context, db, setDryRun, tenant } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import { effectiveGrantsOf } from '../../identity/actor.ts';
import { invalid, userError } from '../../lib/errors.ts';
import type { Plan } from '../../lib/plans.ts';
import { lockOrganization, type OrganizationRow } from '../organization/service.ts';
import { assignments } from '../role/table.ts';
import { principals } from './table.ts';

/** A change of the access of a few principals. */
export interface Change<Result> extends Omit<ChangeOfMany<Result>, 'apply'> {
  affected: () => Promise<readonly string[]> | readonly string[];
  apply: (locked: LockedRows) => Promise<Result>;
}

/** A change of the access of any number of principals. */
export interface ChangeOfMany<Result> {
  /** The permission that the caller needs, checked under the lock. Null for changes of the caller's own access. */
  permission: Permission | null;
  target?: Target;
  /** Ids of the principals whose access can change, computed under the lock. Defaults to all principals. */
  affected?: () => Promise<readonly string[]> | readonly string[];
  /** Whether every principal keeps its roles, and only what they grant changes. The assignments are then read once. */
  keepsAssignments?: true;
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
  /** Access of the principal whose grants limit the change. */
  access: Access;
}

export interface LockedRows extends LockedAccess {
  /** Of the affected principals and of the one whose grants limit the change. */
  rows: AccessRows;
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

/** The roles of principals, without the plan. */
type Roles = Omit<AccessState, 'plan'>;

/**
 * The only way to change access, with `changeAccessOfMany`. Changes in one organization run one after the other under its
 * lock. Grants are loaded before and after the change, and their difference must not exceed what the caller holds. The
 * last Owner stays.
 */
export async function changeAccess<Result>(ctx: Context, change: Change<Result>): Promise<AppliedChange<Result>> {
  const { apply } = change;
  const read: AccessRows[] = [];
  const load = async (ids: readonly string[] | undefined): Promise<Roles> => {
    const rows = await loadAssignments(await db(ctx), tenant(ctx), ids);
    read.push(rows);
    return { principalRoles: rolesByPrincipal(rows.assignments, rows.teams), roles: rows.roles };
  };
  const rowsAt = (at: number): AccessRows => read[at] as AccessRows;
  const changed = await run(ctx, { ...change, apply: (locked) => apply({ ...locked, rows: rowsAt(0) }) }, load);
  const markInactive = (row: AssignmentRow): AssignmentRow =>
    row.projectId !== null && changed.deactivated.has(row.principalId) ? { ...row, inactive: true } : row;
  const after = { ...rowsAt(1), assignments: rowsAt(1).assignments.map(markInactive) };
  return { ...changed, before: rowsAt(0), after };
}

/** A change that can affect all members of a large organization. Their roles are read in groups, not as rows. */
export const changeAccessOfMany = <Result>(
  ctx: Context,
  change: ChangeOfMany<Result>,
): Promise<AccessChanged<Result>> =>
  run(ctx, change, async (principalIds, before) => {
    const on = await db(ctx);
    if (!before || !change.keepsAssignments) return await loadPrincipalRoles(on, tenant(ctx), { principalIds });
    const roles = await loadRoles(on, tenant(ctx), [...before.roles.keys()]);
    return { principalRoles: await withTeams(on, tenant(ctx), before.principalRoles, roles), roles };
  });

async function run<Result>(
  ctx: Context,
  change: ChangeOfMany<Result>,
  load: (principalIds: readonly string[] | undefined, before?: Roles) => Promise<Roles>,
): Promise<AccessChanged<Result> & { deactivated: ReadonlySet<string> }> {
  const callerId = change.by ?? ctx.unit.actor.principal?.id ?? '';
  const now = ctx.dependencies.clock();
  const organization = await lockOrganization(ctx);
  const affected = await change.affected?.();
  const ids = affected && [...new Set([...affected, callerId])];
  const before: AccessState = { ...(await load(ids)), plan: organization.plan };
  const access = accessOfCaller(ctx, change, before, callerId, now);
  const caller: Caller = { id: callerId, effective: access.effective };
  if (change.permission) access.require(change.permission, change.target);
  const result = await change.apply({ organization, access });
  const changed: AccessState = { ...(await load(ids, before)), plan: change.plan ?? organization.plan };
  const deactivated = new Set(principalsToDeactivate(before, changed, now));
  const after = await deactivate(ctx, changed, deactivated);
  await requireHeldByCaller(caller, before, after, now, 'This change, now or when a role expires,');
  if (losesOwner(before.principalRoles, after.principalRoles))
    await requireOwner(ctx, change.field === undefined ? 'id' : change.field);
  if (change.dryRun) setDryRun(ctx);
  // A project that the caller cannot read does not exist for the caller, so its changes are omitted.
  const isVisible = (projectId: string): boolean => ctx.unit.access.can('project:read', projectId);
  return { result, accessChanges: await accessChanges(before, after, now, isVisible), deactivated };
}

/** Marks project roles of Owners and Admins as inactive. Returns the access with these marks. */
async function deactivate(ctx: Context, state: AccessState, ids: ReadonlySet<string>): Promise<AccessState> {
  if (ids.size === 0) return state;
  await (await db(ctx))
    .update(assignments)
    .set({ inactive: true })
    .where(
      and(
        eq(assignments.organizationId, tenant(ctx)),
        isAnyOf(assignments.principalId, ids),
        isNotNull(assignments.projectId),
        not(assignments.inactive),
      ),
    );
  const principalRoles = new Map(state.principalRoles);
  for (const id of ids) {
    const held = principalRoles.get(id);
    if (held) principalRoles.set(id, { ...held, projects: new Map() });
  }
  return { ...state, principalRoles };
}

/** The access of the caller with its credential, or that of the principal `by` without the limit of one. */
function accessOfCaller(
  ctx: Context,
  { by }: Pick<ChangeOfMany<unknown>, 'by'>,
  before: AccessState,
  callerId: string,
  now: Date,
): Access {
  const moment: Moment = { time: now, ignorePlan: false };
  if (by !== undefined) return accessOf(unrestrictedOrNull(grantsAtMoment(before, callerId, moment)));
  const current = effectiveAtMoment(effectiveGrantsOf(ctx.unit.actor), before, callerId, moment);
  return accessOf(current && effectiveGrantsOf(ctx.unit.actor, current.grants));
}

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
