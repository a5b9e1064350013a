import type { Permission } from '../../access/catalog.ts';
import { requireHeldOwners } from '../../access/escalation.ts';
import { loadPrincipalRoles } from '../../access/load-principal-roles.ts';
import { ownerAccessChanges } from '../../access/owner-changes.ts';
import { findDependents } from '../../access/teams.ts';
import { type Context, db, tenant } from '../../context.ts';
import type { Hooks, Mutated } from '../../data/hooks.ts';
import { effectiveGrantsOf } from '../../identity/actor.ts';
import { lockOrganization } from '../organization/service.ts';
import { planOf } from '../principal/access.ts';
import { changeAccessOfMany } from '../principal/change-access.ts';
import { reportAccessChanges } from '../principal/report-changes.ts';

// Statements with `ownedByPrincipal` make the members of a team, its parent and the owner of a service a matter of access.

type Around = NonNullable<Hooks<unknown>['around']>;

/** Whether an input sets one of these fields. */
const sets = (inputs: Mutated['inputs'], ...fields: string[]): boolean =>
  inputs.some((input) => fields.some((field) => input[field] !== undefined));

/** Runs a mutation of teams. One that can change who counts as a member of a team is a change of access. */
export const aroundTeams: Around = async (ctx, { action, inputs }, run) => {
  const isChange = action === 'delete' || sets(inputs, 'parent', 'members', 'addMembers', 'removeMembers');
  return isChange ? await changeTeams(ctx, `team:${action}`, run) : await run();
};

/**
 * Runs a change of the members of teams or of the tree of teams. Throws NOT_HELD unless the caller holds, on the services
 * of each team, all that somebody gains or loses there.
 */
async function changeTeams<Result>(ctx: Context, permission: Permission, run: () => Promise<Result>): Promise<Result> {
  const { result, accessChanges } = await changeAccessOfMany(ctx, {
    permission,
    affected: async () => findDependents(await db(ctx), tenant(ctx)),
    dryRun: ctx.unit.dryRun,
    apply: run,
  });
  await reportAccessChanges(ctx, () => accessChanges);
  return result;
}

/**
 * Runs a mutation of services. One that sets an owner locks the organization before the services, as every change of access
 * does. `requireOwners` must follow when the owners are known.
 */
export const aroundServices: Around = async (ctx, { inputs }, run) => {
  if (inputs.some(({ owner }) => owner !== undefined)) await lockOrganization(ctx);
  return await run();
};

/** A service before and after a mutation. Null for a new one. */
interface OwnedChange {
  before: { ownerId: string | null } | null;
  after: { id: string; ownerId: string | null };
}

/**
 * Throws NOT_HELD unless the caller holds, on each service whose owner changes, what the members of both teams gain or lose
 * on it. A new service has had no owner. Reports these gains and losses.
 */
export async function requireOwners(ctx: Context, changes: readonly OwnedChange[]): Promise<void> {
  const moved = changes
    .map(({ before, after }) => ({ serviceId: after.id, before: before?.ownerId ?? null, after: after.ownerId }))
    .filter(({ before, after }) => before !== after);
  const distinct = new Map(moved.map((change) => [`${change.before} ${change.after}`, change]));
  if (distinct.size === 0) return;
  const tx = await db(ctx);
  const dependents = await findDependents(tx, tenant(ctx));
  if (dependents.length === 0) return;
  const id = ctx.unit.actor.principal?.id ?? '';
  const roles = await loadPrincipalRoles(tx, tenant(ctx), {
    principalIds: [...new Set([...dependents, id])],
    projectId: null,
  });
  const caller = { id, effective: effectiveGrantsOf(ctx.unit.actor) };
  const state = { ...roles, plan: planOf(ctx) };
  const now = ctx.dependencies.clock();
  await requireHeldOwners(caller, state, [...distinct.values()], now, 'Changing this owner');
  await reportAccessChanges(ctx, () => ownerAccessChanges(state, moved, now));
}
