import { type Access, accessOf, namedProjects, refusal, type Target } from '../../access/access.ts';
import type { Permission } from '../../access/catalog.ts';
import { type GrantsById, grantsOverTime, loadAssignments, loadGrants, loadRoles } from '../../access/grants.ts';
import type { Grants, Role, RoleSummary } from '../../access/model.ts';
import { projectOf } from '../../access/ownership.ts';
import { findBuiltIn } from '../../access/roles.ts';
import { type Context, db, tenant } from '../../context.ts';
import { effectiveGrantsOf } from '../../identity/actor.ts';
import { entitlementsOf, type Feature, type Plan } from '../../lib/plans.ts';
import { requireUnchanged } from '../api-token/current.ts';

/** The custom roles of the organization with these ids. */
export const findCustomRoles = async (ctx: Context, ids: readonly string[]): Promise<Map<string, Role>> =>
  loadRoles(await db(ctx), tenant(ctx), ids);

/** A built-in role or a custom role of the organization. Null if there is none with this id. */
export const findAnyRole = async (ctx: Context, id: string): Promise<Role | null> =>
  findBuiltIn(id) ?? (await findCustomRoles(ctx, [id])).get(id) ?? null;

/** The plan of the organization. FREE without one. */
export const planOf = (ctx: Context): Plan => ctx.unit.access.effective?.grants.plan ?? 'FREE';

export const isFeatureSuspended = (ctx: Context, feature: Feature): boolean => !entitlementsOf(planOf(ctx))[feature];

/** Whether the plan of the organization suspends the role. */
export const isSuspended = (ctx: Context, role: RoleSummary): boolean =>
  role.builtIn === null && isFeatureSuspended(ctx, 'customRoles');

/**
 * Whether the caller can read the role. Built-in roles are the same everywhere, so the permission in any project is enough:
 * people who manage a single project assign built-in roles there.
 */
export function canReadRole({ unit: { access } }: Context, { builtIn, projectId }: RoleSummary): boolean {
  if (access.can('role:read', projectId)) return true;
  const projects = builtIn === null ? [] : namedProjects(access.effective);
  return [...projects].some((id) => access.can('role:read', id));
}

/**
 * The current grants of these principals of the organization. With a scope, they are right in this scope only.
 */
export const findGrants = async (ctx: Context, principalIds: readonly string[], scope?: Target): Promise<GrantsById> =>
  loadGrants(
    await db(ctx),
    tenant(ctx),
    planOf(ctx),
    ctx.dependencies.clock(),
    principalIds,
    undefined,
    scope === undefined ? scope : projectOf(scope),
  );

/**
 * The caller's access at this moment. It may have changed since the mutation began, for example while it waited for the
 * lock of the organization. Must be called under that lock.
 */
export async function currentAccess(ctx: Context): Promise<Access> {
  const { actor } = ctx.unit;
  if (actor.credential?.kind === 'API_KEY') {
    // Its permissions do not depend on roles. An update of the key takes the same lock.
    await requireUnchanged(ctx);
    return accessOf(effectiveGrantsOf(actor));
  }
  const grants = actor.principal && (await findGrants(ctx, [actor.principal.id])).get(actor.principal.id);
  return accessOf(grants ? effectiveGrantsOf(actor, grants) : null);
}

/** Throws FORBIDDEN if the caller has lost the permission since the mutation began. */
export async function requireStill(ctx: Context, permission: Permission, target: Target = null): Promise<void> {
  (await currentAccess(ctx)).require(permission, target);
}

/** The grants that a principal has now and those that it will have after its role expires. */
export const findGrantsOverTime = async (ctx: Context, principalId: string): Promise<Grants[]> =>
  grantsOverTime(
    await loadAssignments(await db(ctx), tenant(ctx), [principalId]),
    principalId,
    ctx.dependencies.clock(),
  );

/** Throws SESSION_REQUIRED unless the credential is a session. An API token is not enough. */
export function requireSession(ctx: Context): { sessionId: string; userId: string } {
  const { credential, user } = ctx.unit.actor;
  if (credential?.kind !== 'SESSION' || !user)
    throw refusal('SESSION_REQUIRED', 'An API token or API key cannot do this.', 'Sign in, and use the access token.');
  return { sessionId: credential.id, userId: user.id };
}

/** Throws PRINCIPAL_REQUIRED unless the credential acts for a member or a service account. Returns its ID. */
export function requirePrincipal(ctx: Context): string {
  const { credential, principal } = ctx.unit.actor;
  if (!principal || credential?.kind === 'API_KEY')
    throw refusal(
      'PRINCIPAL_REQUIRED',
      'An API key cannot do this.',
      'Use a session, or an API token of a member or service account.',
    );
  return principal.id;
}
