import type { Access } from '../../access/access.ts';
import type { Permission } from '../../access/catalog.ts';
import { GUEST } from '../../access/roles.ts';

/** The roles of an invitation, on which it depends who may send, see and revoke it. */
interface Roles {
  roleId: string;
  projectRoles: readonly { projectId: string }[];
}

/** Whether the invitation is to projects only. Then permissions in these projects are enough. */
export const isOfProjects = ({ roleId, projectRoles }: Roles): boolean =>
  roleId === GUEST.id && projectRoles.length > 0;

/** Throws FORBIDDEN unless the inviter may invite with these roles. That the inviter holds them is checked elsewhere. */
export function requireMayInvite(access: Access, roles: Roles): void {
  if (!isOfProjects(roles)) access.require('invitation:create');
  for (const { projectId } of roles.projectRoles) access.require('project_member:create', projectId);
}

/** Whoever may read invitations sees it, and whoever may read the project roles of one of its projects. */
export const canSeeInvitation = (access: Access, { projectRoles }: Roles): boolean =>
  access.can('invitation:read') || projectRoles.some(({ projectId }) => access.can('project_member:read', projectId));

/** The two actions on an existing invitation, each with its permission and the one in its projects. */
export const ACTIONS = {
  resend: ['invitation:update', 'project_member:create'],
  delete: ['invitation:delete', 'project_member:delete'],
} as const satisfies Record<string, readonly [Permission, Permission]>;

/** Whether the caller has the permission on invitations or, for an invitation to projects only, the other one in all of them. */
export function mayAct(access: Access, roles: Roles, action: keyof typeof ACTIONS): boolean {
  const [permission, inProjects] = ACTIONS[action];
  if (access.can(permission)) return true;
  return isOfProjects(roles) && roles.projectRoles.every(({ projectId }) => access.can(inProjects, projectId));
}

/**
 * The permissions that the caller has on the invitation: on invitations, and in all of its projects. Without those for
 * sending it again if the caller may not assign its roles.
 */
export function permissionsOnInvitation(access: Access, roles: Roles, mayResend: boolean): Permission[] {
  const isUseful = (name: Permission): boolean => mayResend || !ACTIONS.resend.some((needed) => needed === name);
  const own = (['invitation:read', 'invitation:update', 'invitation:delete'] as const).filter(
    (name) => access.can(name) && isUseful(name),
  );
  if (!isOfProjects(roles)) return own;
  const names = ['project_member:read', 'project_member:create', 'project_member:delete'] as const;
  const inAll = (name: Permission): boolean => roles.projectRoles.every(({ projectId }) => access.can(name, projectId));
  return [...own, ...names.filter((name) => inAll(name) && isUseful(name))];
}
