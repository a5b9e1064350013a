/**
 * THE table: each permission, where it is asked, the least built-in role that has it, and what it is for.
 *
 * `organization` is asked on the organization, `project` on a project, `both` on either. The organization's roles are
 * owner ⊃ admin ⊃ write ⊃ user ⊃ read, a project's owner ⊃ manager ⊃ member ⊃ read. A pair that has no row does not
 * exist. `test/golden/permissions.tsv` holds what each row must say.
 */
export const CATALOG = [
  // permission, level, least organization role, least project role, description
  ['organization:read', 'organization', 'read', null, 'See the organization and its settings'],
  ['organization:update', 'organization', 'admin', null, 'Rename it and change its settings'],
  ['organization:delete', 'organization', 'owner', null, 'Delete it with everything inside'],
  ['organization:transfer', 'organization', 'owner', null, 'Hand the ownership to another member'],
  ['member:read', 'organization', 'read', null, 'See who belongs to the organization and with which role'],
  ['member:update', 'organization', 'admin', null, 'Change a member: name, role, end date of the role'],
  ['member:delete', 'organization', 'admin', null, 'Remove a member'],
  ['session:read', 'organization', 'admin', null, "See other members' sessions"],
  ['session:delete', 'organization', 'admin', null, 'Log other members out'],
  ['role:read', 'both', 'read', 'read', 'See roles and what they grant'],
  ['role:create', 'both', 'admin', 'owner', 'Create a custom role'],
  ['role:update', 'both', 'admin', 'owner', 'Change a custom role'],
  ['role:delete', 'both', 'admin', 'owner', 'Delete a custom role'],
  ['role:assign', 'both', 'admin', 'manager', 'Give or take a role'],
  ['api_token:read', 'organization', 'admin', null, "See other members' API tokens"],
  ['api_token:create', 'organization', 'user', null, "Create a read-only API token of one's own"],
  ['api_token:grant_write', 'organization', 'admin', null, 'Give an API token write access'],
  ['api_token:delete', 'organization', 'admin', null, "Revoke other members' API tokens"],
  ['audit_event:read', 'organization', 'admin', null, 'Read the audit log'],
  ['audit_event:export', 'organization', 'admin', null, 'Export the audit log'],
  ['check:read', 'organization', 'read', null, 'See the checks'],
  ['check:create', 'organization', 'admin', null, 'Create a check'],
  ['check:update', 'organization', 'admin', null, 'Update a check'],
  ['check:delete', 'organization', 'admin', null, 'Delete a check'],
  ['category:read', 'organization', 'read', null, 'See the rubric categories'],
  ['category:create', 'organization', 'admin', null, 'Create a rubric category'],
  ['category:update', 'organization', 'admin', null, 'Update a rubric category'],
  ['category:delete', 'organization', 'admin', null, 'Delete a rubric category'],
  ['level:read', 'organization', 'read', null, 'See the rubric levels'],
  ['level:create', 'organization', 'admin', null, 'Create a rubric level'],
  ['level:update', 'organization', 'admin', null, 'Update a rubric level'],
  ['level:delete', 'organization', 'admin', null, 'Delete a rubric level'],
  ['rubric:read', 'organization', 'read', null, 'See the rubric'],
  ['rubric:update', 'organization', 'admin', null, 'Change the rubric'],
] as const;

export type Permission = (typeof CATALOG)[number][0];
export type Level = 'organization' | 'project' | 'both';

/** Organization roles from the least to the most. */
export const BUILT_IN_ROLES = ['read', 'user', 'write', 'admin', 'owner'] as const;
export type BuiltInRole = (typeof BUILT_IN_ROLES)[number];

export interface PermissionDefinition {
  name: Permission;
  level: Level;
  description: string;
  /** Organization roles that have it, the least first. */
  builtInRoles: BuiltInRole[];
}

// A Map, not an object: names come from clients, and `constructor` is no permission.
export const PERMISSIONS: ReadonlyMap<string, PermissionDefinition> = new Map(
  CATALOG.map(([name, level, leastRole, , description]) => [
    name,
    { name, level, description, builtInRoles: BUILT_IN_ROLES.slice(BUILT_IN_ROLES.indexOf(leastRole)) },
  ]),
);

/** What a READ token may do at most: look. */
export const isReading = (permission: Permission): boolean => permission.endsWith(':read');
