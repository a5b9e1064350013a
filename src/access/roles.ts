import { capitalized } from '../lib/words.ts';
import type { Statement } from '../resources/policy/table.ts';
import {
  BUILT_IN_ROLES,
  type BuiltInRole,
  PERMISSIONS,
  type Permission,
  PROJECT_ROLES,
  type ProjectRole,
} from './catalog.ts';
import { compilePolicy, compileStatements, customRole, type PolicySource, type RoleFacts } from './compile.ts';
import type { Role } from './model.ts';

const ORGANIZATION_ROLES: Record<BuiltInRole, string> = {
  owner: 'All permissions, including the transfer and the deletion of the organization.',
  admin: 'All permissions except the transfer and the deletion of the organization.',
  write: 'Works with projects and their resources. Does not manage members.',
  user: 'Reads checks and the rubric. Works with services and teams. Creates read-only API tokens.',
  read: 'Read-only access to the organization and its projects.',
  guest: 'Reads the organization and its settings. For people who work in single projects by project roles.',
};

const IN_PROJECT: Record<ProjectRole, string> = {
  owner: 'All permissions in the project, including its deletion.',
  manager: 'Manages the members and the resources of the project.',
  member: 'Works with the resources of the project.',
  read: 'Read-only access to the project and its resources.',
  write: 'The permissions that the organization role Write grants in a project, and those of the project role Read.',
};

/** The last two digits of the ids. They are stored in assignments, so they never change. */
const ORGANIZATION_IDS: Record<BuiltInRole, string> = {
  read: '01',
  user: '02',
  write: '03',
  admin: '04',
  owner: '05',
  guest: '06',
};
const PROJECT_IDS: Record<ProjectRole, string> = { read: '11', member: '12', manager: '13', owner: '14', write: '15' };

// A UUIDv8, so that it is never equal to a generated UUIDv7.
const idOf = (digits: string): string => `00000000-0000-8000-8000-0000000000${digits}`;

const granted = (
  has: (row: { builtInRoles: BuiltInRole[]; projectRoles: ProjectRole[] }) => boolean,
): ReadonlySet<Permission> => new Set([...PERMISSIONS.values()].filter(has).map((row) => row.name));

const UNCONDITIONAL: Pick<Role, 'deny' | 'allowIfOwned' | 'denyIfOwned' | 'hasCondition'> = {
  deny: new Map(),
  allowIfOwned: new Set(),
  denyIfOwned: new Map(),
  hasCondition: false,
};

const organizationRole = (key: BuiltInRole): Role => ({
  id: idOf(ORGANIZATION_IDS[key]),
  name: capitalized(key),
  description: ORGANIZATION_ROLES[key],
  builtIn: key,
  scope: 'organization',
  projectId: null,
  allow: granted((row) => row.builtInRoles.includes(key)),
  impliesProjectRead: null,
  ...UNCONDITIONAL,
  neverOverridden: key === 'owner' || key === 'admin',
  decisions: {},
});

const projectRole = (key: ProjectRole): Role => ({
  id: idOf(PROJECT_IDS[key]),
  name: capitalized(key),
  description: IN_PROJECT[key],
  builtIn: key,
  scope: 'project',
  projectId: null,
  allow: granted((row) => row.projectRoles.includes(key)),
  impliesProjectRead: null,
  ...UNCONDITIONAL,
  neverOverridden: false,
  decisions: {},
});

/** The built-in roles, the most powerful first. They are code, so nobody can change or delete one. */
export const ROLES: readonly Role[] = [
  ...BUILT_IN_ROLES.map(organizationRole).reverse(),
  ...PROJECT_ROLES.map(projectRole).reverse(),
];

export const roleByKey = (key: BuiltInRole): Role =>
  ROLES.find((role) => role.scope === 'organization' && role.builtIn === key) as Role;

const projectRoleByKey = (key: ProjectRole): Role =>
  ROLES.find((role) => role.scope === 'project' && role.builtIn === key) as Role;

/** What a plan leaves of a custom role: the permissions that Read of the same place grants as well. */
export const READ_IN_ORGANIZATION = roleByKey('read');
export const READ_IN_PROJECT = projectRoleByKey('read');

/** The project role Owner as the creator of the project has it. No plan suspends it. */
export const CREATOR: Role = { ...projectRoleByKey('owner'), neverSuspended: true, decisions: {} };

const BY_ID = new Map(ROLES.map((role) => [role.id, role]));

export const findBuiltIn = (id: string): Role | null => BY_ID.get(id) ?? null;

export const OWNER = roleByKey('owner');

/** The role of people who are invited to projects only. */
export const GUEST = roleByKey('guest');

/** Whether the role is Owner. Only an Owner assigns or removes it, and nobody is invited with it. */
export const isOwnerRole = (role: Role): boolean => role.id === OWNER.id;

/** Names that no custom role can have, regardless of case. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set(ROLES.map((role) => role.name.toLowerCase()));

export interface CustomRole extends RoleFacts {
  /** The statements of the role itself. */
  statements?: readonly Statement[];
  policies: readonly PolicySource[];
}

/** Resolves the statements of a role and of its policies to permissions. */
export const compileRole = ({ statements = [], policies, ...role }: CustomRole): Role =>
  customRole(role, compileStatements(statements), policies.map(compilePolicy));
