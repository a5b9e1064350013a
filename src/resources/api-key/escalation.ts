import { accessOf } from '../../access/access.ts';
import type { Permission } from '../../access/catalog.ts';
import { type Caller, requireHeld, requireHeldUntil } from '../../access/escalation.ts';
import { permissionsOfKey } from '../../access/key-role.ts';
import { loadPrincipalRoles } from '../../access/load-principal-roles.ts';
import { type Context, db, tenant } from '../../context.ts';
import { lockOrganization } from '../organization/service.ts';
import { currentAccess } from '../principal/access.ts';

/** The permissions of a key in its project. */
interface Held {
  projectId: string;
  permissions: readonly string[];
}

/** Checks the permissions of keys against those of the caller, under the lock of the organization. */
export interface Escalation {
  /** Throws NOT_HELD unless the caller has all permissions of the key now. */
  requireHeld(key: Held): void;
  /** Throws NOT_HELD unless the caller has them at each time before the key expires. */
  requireGivable(key: Held & { expiresAt: Date | null }): void;
}

/** Locks the organization, so that the access of the caller does not change meanwhile. Throws FORBIDDEN without the permission. */
export async function lockForKey(ctx: Context, permission: Permission, projectId: string): Promise<Escalation> {
  const { plan } = await lockOrganization(ctx);
  const access = await currentAccess(ctx);
  access.require(permission, projectId);
  const caller: Caller = { id: ctx.unit.actor.principal?.id ?? '', effective: access.effective };
  const roles = await loadPrincipalRoles(await db(ctx), tenant(ctx), { principalIds: [caller.id], projectId });
  const heldBy = ({ permissions, projectId: scope }: Held) => ({ permissions: permissionsOfKey(permissions), scope });
  return {
    requireHeld(key) {
      const { permissions, scope } = heldBy(key);
      requireHeld(accessOf(caller.effective), permissions, scope, 'Changing this API key');
    },
    requireGivable(key) {
      const given = { ...heldBy(key), until: key.expiresAt };
      const action = 'An API key with these permissions, until it expires,';
      requireHeldUntil(caller, { ...roles, plan }, ctx.dependencies.clock(), given, action);
    },
  };
}
