/**
 * A second implementation of the decision for comparison: slow, with loops and compared strings, and without a line of
 * `src/access`. It reads the permissions of the built-in roles from the specification, not from the catalog.
 */
import { type Key, keyAllows, leaves, type Narrowed } from './naive-credential.ts';
import {
  matches,
  organizationRoleHas,
  projectRoleHas,
  type Row,
  reads,
  rowOf,
  SPECIFICATION,
} from './specification.ts';

export interface Policy {
  name: string;
  statements: { effect: 'ALLOW' | 'DENY'; permissions: string[]; ownedByPrincipal?: boolean }[];
}

/** A project, the organization, or a service with its owner. */
export type Target = string | null | { ownerId: string | null };

/** The parent of each team. */
export const TEAMS: Record<string, string | null> = { core: null, api: 'core', ops: null };

/** A built-in role by its key, a custom one by its policies. */
export type AnyRole = string | Policy[];

/** One principal of an organization and its credential. */
export interface World {
  plan: 'FREE' | 'TEAM' | 'ENTERPRISE';
  organization: { role: AnyRole; expiresAt: number | null; fallback: AnyRole };
  /** Null says "no access". The role of the creator of a project counts on every plan. */
  projects: { id: string; role: AnyRole | null; ofCreator?: boolean }[];
  /** The teams that list the principal as a member. */
  teams?: string[];
  access: 'READ' | 'WRITE';
  /** Whether the credential is an API token of a member, and no session or token of a service account. */
  isTokenOfMember: boolean;
  /** What an API token is narrowed to. Null if it is not. */
  narrowed?: Narrowed | null;
  /** Given if the credential is an API key. It has no roles, so those above do not count. */
  key?: Key | null;
  now: number;
}

export interface Answer {
  allowed: boolean;
  /** Null if the permission is allowed, or if two reasons are equally true. */
  reason: string | null;
}

/** What the principal holds without the limit of its credential. */
export const signedIn = (world: World): World => ({
  ...world,
  access: 'WRITE',
  isTokenOfMember: false,
  narrowed: null,
});

/** A WRITE token of a member writes while the member may create such a token. */
const writes = (world: World): boolean =>
  world.access === 'WRITE' && (!world.isTokenOfMember || allows(signedIn(world), 'api_token:grant_write', null));

export function naiveAnswer(world: World, permission: string, target: Target): Answer {
  return allows(world, permission, target)
    ? { allowed: true, reason: null }
    : { allowed: false, reason: reasonOf(world, permission, target) };
}

export const naivePermissions = (world: World, target: Target): string[] =>
  SPECIFICATION.map((row) => row.name).filter((name) => allows(world, name, target));

/** Nothing in a project is allowed to those who may not see it. */
export const allows = (world: World, permission: string, target: Target): boolean =>
  needed(permission, target).every(
    (name) =>
      allowsByRoles(world, name, target) && (!world.narrowed || leaves(world.narrowed, name, projectOf(target))),
  );

const projectOf = (target: Target): string | null => (typeof target === 'string' ? target : null);

const needed = (permission: string, target: Target): string[] =>
  isInProject(permission, target) ? [permission, 'project:read'] : [permission];

const isInProject = (permission: string, target: Target): boolean =>
  projectOf(target) !== null || rowOf(permission)?.level === 'project';

function allowsByRoles(world: World, permission: string, target: Target, owned = isOwned(world, target)): boolean {
  const row = rowOf(permission);
  if (!row) return false;
  if (row.level === 'organization' && projectOf(target) !== null) return false;
  if (!reads(permission) && !writes(world)) return false;
  if (world.key) return keyAllows(world.key, world.plan, row, projectOf(target));
  const role = roleNow(world);
  if (says('DENY', role, permission, owned)) return false;
  const byOrganization =
    grants(role, organizationRoleHas, row, owned) && (!isSuspended(world, role) || organizationRoleHas('read', row));
  const inProject = projectRoleOf(world, target);
  if (inProject === undefined) return byOrganization;
  if (inProject === null || says('DENY', inProject, permission)) return false;
  const byProject =
    grants(inProject, projectRoleHas, row) && (!isSuspended(world, inProject) || projectRoleHas('read', row));
  // FREE suspends project roles. They still take permissions and no longer give any.
  const gives = world.plan !== 'FREE' || isCreator(world, target);
  return gives ? byProject : byProject && byOrganization;
}

/** A member of a team is a member of its child teams too. */
function isOwned({ teams = [] }: World, target: Target): boolean {
  let team = target !== null && typeof target === 'object' ? target.ownerId : null;
  while (team !== null) {
    if (teams.includes(team)) return true;
    team = TEAMS[team] ?? null;
  }
  return false;
}

function reasonOf(world: World, permission: string, target: Target): string | null {
  const writing = signedIn(world);
  if (!allowsByRoles(writing, permission, target)) return reasonByRoles(writing, permission, target);
  if (!allows(writing, permission, target)) return reasonByRoles(writing, 'project:read', target);
  return allows({ ...writing, narrowed: world.narrowed }, permission, target) ? 'READ_ONLY_TOKEN' : 'TOKEN_NARROWED';
}

/** Tries which condition would have to differ for the permission to be allowed. */
function reasonByRoles(world: World, permission: string, target: Target): string | null {
  if (rowOf(permission)?.level === 'organization' && projectOf(target) !== null) return 'WRONG_LEVEL';
  const roles = world.key ? [] : [roleNow(world), projectRoleOf(world, target)];
  if (roles.some((role) => role && says('DENY', role, permission, isOwned(world, target)))) return 'DENIED';
  const best: World = { ...world, plan: 'ENTERPRISE' };
  if (allowsByRoles(best, permission, target)) return 'PLAN_LACKS';
  const reasons: string[] = [];
  if (allowsByRoles(best, permission, target, true)) reasons.push('NOT_OWNED');
  if (allowsByRoles({ ...best, projects: [] }, permission, target)) reasons.push('OVERRIDDEN_BY_PROJECT_ROLE');
  if (allowsByRoles({ ...best, now: Number.NEGATIVE_INFINITY }, permission, target)) reasons.push('ROLE_EXPIRED');
  return reasons.length > 1 ? null : (reasons[0] ?? 'NO_GRANT');
}

export function roleNow({ organization: { role, expiresAt, fallback }, now }: World): AnyRole {
  return expiresAt !== null && expiresAt <= now ? fallback : role;
}

/** Undefined if the organization role applies: there is no project role, or none overrides the organization role. */
function projectRoleOf(world: World, target: Target): AnyRole | null | undefined {
  const role = roleNow(world);
  if (role === 'owner' || role === 'admin') return undefined;
  for (const project of world.projects) if (project.id === target) return project.role;
  return undefined;
}

const isCreator = (world: World, target: Target): boolean => {
  for (const project of world.projects) if (project.id === target) return project.ofCreator ?? false;
  return false;
};

/** Of a custom role, FREE leaves what Read grants as well. */
const isSuspended = (world: World, role: AnyRole): boolean => world.plan === 'FREE' && typeof role !== 'string';

const grants = (role: AnyRole, builtInHas: (role: string, row: Row) => boolean, row: Row, owned = false): boolean =>
  typeof role === 'string' ? builtInHas(role, row) : allowsByPolicies(role, row.name, owned);

/** Each permission in a project implies project:read. */
function allowsByPolicies(role: Policy[], permission: string, owned: boolean): boolean {
  // Only an Owner can make an Owner.
  if (permission === 'organization:transfer') return false;
  if (says('ALLOW', role, permission, owned)) return true;
  if (permission !== 'project:read') return false;
  for (const { name, level } of SPECIFICATION)
    if (level === 'project' && says('ALLOW', role, name) && !says('DENY', role, name)) return true;
  return false;
}

/** A statement with the condition says something only about services of the principal's teams. */
function says(effect: 'ALLOW' | 'DENY', role: AnyRole, permission: string, owned = false): boolean {
  if (typeof role === 'string') return false;
  for (const policy of role)
    for (const statement of policy.statements) {
      if (statement.ownedByPrincipal && !(owned && isOnServices(permission))) continue;
      for (const pattern of statement.permissions)
        if (statement.effect === effect && matches(pattern, permission)) return true;
    }
  return false;
}

const isOnServices = (permission: string): boolean =>
  /^(service|check_result):/.test(permission) && permission !== 'service:create';
