import { permissionsOf, unrestricted } from '../../access/access.ts';
import { grantsOfRoles } from '../../access/grants.ts';
import type { Role } from '../../access/model.ts';
import type { Plan } from '../../lib/plans.ts';
import type { AccessChanged } from '../principal/change-access.ts';

/** The roles that an invitation grants. */
export interface OfferedRoles {
  role: Role;
  projectRoles: { projectId: string; role: Role }[];
}

/** The permissions that a new member gains with these roles: in the organization, then in each project. */
export function gainsOf(
  principalId: string,
  plan: Plan,
  { role, projectRoles }: OfferedRoles,
): AccessChanged<unknown>['accessChanges'] {
  const projects = new Map(projectRoles.map((own) => [own.projectId, own.role]));
  const held = unrestricted({ ...grantsOfRoles(role, projects), plan });
  return [null, ...projects.keys()].map((projectId) => ({
    principalId,
    projectId,
    teamIds: null,
    gained: permissionsOf(held, projectId),
    lost: [],
  }));
}
