import { permissionsOf, unrestricted } from '../../access/access.ts';
import type { Role } from '../../access/model.ts';
import type { Plan } from '../../lib/plans.ts';
import type { AccessChanged } from '../principal/change-access.ts';

interface OfferedRoles {
  role: Role;
  projectRoles: { projectId: string; role: Role }[];
}

/** What a new member gains with these roles: first in the organization, then in each project. */
export function gainsOf(
  principalId: string,
  plan: Plan,
  { role, projectRoles }: OfferedRoles,
): AccessChanged<unknown>['accessChanges'] {
  const projects = new Map(projectRoles.map((own) => [own.projectId, own.role]));
  const held = unrestricted({ plan, role, expired: null, projects, validUntil: Number.POSITIVE_INFINITY });
  return [null, ...projects.keys()].map((projectId) => ({
    principalId,
    projectId,
    gained: permissionsOf(held, projectId),
    lost: [],
  }));
}
