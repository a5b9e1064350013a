import { BUILT_IN_ROLES, type BuiltInRole, PERMISSIONS, type Permission } from './catalog.ts';

export interface Role {
  key: BuiltInRole;
  /** The same in every organization, so it can be named in a configuration. */
  id: string;
  name: string;
  description: string;
  permissions: ReadonlySet<Permission>;
}

// UUIDv8 by hand: stable, and never equal to a generated UUIDv7.
const DESCRIPTIONS: Record<BuiltInRole, [id: string, description: string]> = {
  owner: ['00000000-0000-8000-8000-000000000005', 'Everything, also handing over and deleting the organization.'],
  admin: ['00000000-0000-8000-8000-000000000004', 'Everything but handing over and deleting the organization.'],
  write: ['00000000-0000-8000-8000-000000000003', 'Works with projects and what is in them; manages no members.'],
  user: [
    '00000000-0000-8000-8000-000000000002',
    'Reads checks and rubric; works with services, teams and own read-only tokens.',
  ],
  read: ['00000000-0000-8000-8000-000000000001', 'Reads, and changes nothing.'],
};

const permissionsOf = (key: BuiltInRole): ReadonlySet<Permission> =>
  new Set([...PERMISSIONS.values()].filter((row) => row.builtInRoles.includes(key)).map((row) => row.name));

const build = (key: BuiltInRole): Role => ({
  key,
  id: DESCRIPTIONS[key][0],
  name: key[0]?.toUpperCase() + key.slice(1),
  description: DESCRIPTIONS[key][1],
  permissions: permissionsOf(key),
});

/** The built-in organization roles, the most powerful first. They are code: nobody can change or delete one. */
export const ROLES: readonly Role[] = BUILT_IN_ROLES.map(build).reverse();

const BY_KEY = new Map(ROLES.map((role) => [role.key, role]));
const BY_ID = new Map(ROLES.map((role) => [role.id, role]));

export const roleByKey = (key: BuiltInRole): Role => BY_KEY.get(key) as Role;
export const findRoleById = (id: string): Role | null => BY_ID.get(id) ?? null;
