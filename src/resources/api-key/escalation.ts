import { accessOf } from '../../access/access.ts';
import type { Permission } from '../../access/catalog.ts';
import { effectiveAtMoment, momentsOf } from '../../access/change.ts';
import { requireHeld } from '../../access/escalation.ts';
import { permissionsOfKey } from '../../access/key-role.ts';
import { loadPrincipalRoles } from '../../access/load-principal-roles.ts';
import type { EffectiveGrants } from '../../access/model.ts';
import type { AccessState } from '../../access/principal-roles.ts';
import { type Context, db, tenant } from '../../context.ts';
import { lockOrganization } from '../organization/service.ts';
import { currentAccess } from '../principal/access.ts';

/** The caller of a change of a key, under the lock of the organization. */
export interface LockedCaller {
  id: string;
  effective: EffectiveGrants | null;
  state: AccessState;
  now: Date;
}

/** Locks the organization, so that the access of the caller stays as it is. Throws FORBIDDEN if the caller has lost the permission. */
export async function lockedCaller(ctx: Context, permission: Permission, projectId: string): Promise<LockedCaller> {
  const { plan } = await lockOrganization(ctx);
  const access = await currentAccess(ctx);
  access.require(permission, projectId);
  const id = ctx.unit.actor.principal?.id ?? '';
  const roles = await loadPrincipalRoles(await db(ctx), tenant(ctx), { principalIds: [id], projectId });
  return { id, effective: access.effective, state: { ...roles, plan }, now: ctx.dependencies.clock() };
}

/**
 * Throws NOT_HELD unless the caller has all permissions that these patterns give to a key, until the key expires. They are
 * checked at the same times as the roles that a caller gives, so a caller gives nothing for longer than the caller has it.
 */
export function requireGivable(
  { id, effective, state, now }: LockedCaller,
  patterns: readonly string[],
  projectId: string,
  expiresAt: Date | null,
): void {
  const given = permissionsOfKey(patterns);
  for (const moment of momentsOf(state, id, now)) {
    if (expiresAt && moment.time >= expiresAt) continue;
    const access = accessOf(effectiveAtMoment(effective, state, id, moment));
    requireHeld(access, given, projectId, 'An API key with these permissions, until it expires,');
  }
}
