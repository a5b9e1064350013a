import fc from 'fast-check';
import { limitedBy } from '../../src/access/access.ts';
import { API_KEY_PRESETS, grantsOfKey, type KeyPermissions, permissionsOfPatterns } from '../../src/access/key-role.ts';
import type { EffectiveGrants, Narrowing, Role } from '../../src/access/model.ts';
import { NO_TEAMS } from '../../src/access/ownership.ts';
import { type AccessState, dependsOnTeams, NO_ACCESS, OF_CREATOR } from '../../src/access/principal-roles.ts';
import { CREATOR, compileRole, roleByKey } from '../../src/access/roles.ts';
import type { Statement } from '../../src/resources/policy/table.ts';
import { projectRole } from './examples.ts';
import { type AnyRole, type Policy, type Target, TEAMS, type World } from './naive.ts';
import type { Key, Narrowed } from './naive-credential.ts';
import { SPECIFICATION } from './specification.ts';

export const NAMES = SPECIFICATION.map((row) => row.name);
export const PROJECTS = ['staging', 'production', 'lab'];
/** The organization, the projects in which a world may have roles, and a project without roles. */
const PLACES: (string | null)[] = [null, ...PROJECTS, 'open'];
/** Services of each team, and one without an owner. */
export const SERVICES = [null, ...Object.keys(TEAMS)].map((ownerId) => ({ ownerId }));
export const TARGETS: Target[] = [...PLACES, ...SERVICES];

/** Patterns that no new policy can have, but that a stored policy could contain. */
const INERT = ['retired:read', 'dataset:read:all', '*:*:*', 'data*:read', 'dataset:', '__proto__', 'constructor', ''];

const pattern = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...NAMES) },
  { weight: 6, arbitrary: fc.constantFrom(...new Set(NAMES.map((name) => name.replace(/:.*/, ':*')))) },
  { weight: 3, arbitrary: fc.constantFrom(...new Set(NAMES.map((name) => name.replace(/.*:/, '*:')))) },
  { weight: 2, arbitrary: fc.constantFrom('*', '*:*') },
  { weight: 1, arbitrary: fc.constantFrom(...INERT) },
);

export const patterns = fc.array(pattern, { minLength: 1, maxLength: 4 });

const effect = fc.constantFrom('ALLOW' as const, 'ALLOW' as const, 'DENY' as const);

const onServices = fc.array(
  fc.constantFrom(
    'service:*',
    'service:read',
    'service:update',
    '*:delete',
    'check_result:*',
    'check_result:create',
    '*',
  ),
  { minLength: 1, maxLength: 2 },
);

const statement: fc.Arbitrary<Policy['statements'][number]> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ effect, permissions: patterns }) },
  {
    weight: 1,
    arbitrary: fc.record({
      effect,
      permissions: fc.oneof(onServices, onServices, patterns),
      ownedByPrincipal: fc.constant(true),
    }),
  },
);

const policies: fc.Arbitrary<Policy[]> = fc.array(
  fc.record({ name: fc.constantFrom('One', 'Two', 'Three'), statements: fc.array(statement, { maxLength: 3 }) }),
  { maxLength: 3 },
);

export const organizationRoles: fc.Arbitrary<AnyRole> = fc.oneof(
  fc.constantFrom('owner', 'admin', 'write', 'user', 'read', 'guest'),
  policies,
);

export const projectRoles: fc.Arbitrary<AnyRole | null> = fc.oneof(
  fc.constantFrom('owner', 'manager', 'member', 'read', 'write', null),
  policies,
);

export const NOW = Date.parse('2026-05-01T12:00:00Z');

/** Some match many permissions. */
const manyPatterns = fc.oneof(
  patterns,
  patterns.map((some) => ['*', ...some]),
  fc.constantFrom<string[][]>(['*:read', '*:create'], ['role:read']),
);

export const narrowings: fc.Arbitrary<Narrowed> = fc.record({
  permissions: fc.option(manyPatterns),
  projects: fc.option(fc.subarray([...PROJECTS, 'open'], { minLength: 1 })),
});

const keyPatterns = fc.oneof(
  manyPatterns,
  fc.subarray(['api_key:create', 'api_key:update', 'api_key:*', '*:delete', 'dataset:create'], { minLength: 1 }),
);

/** The boundary and the values next to it. */
const expiry = fc.option(fc.constantFrom(NOW - 1, NOW, NOW + 1));

export const worlds: fc.Arbitrary<World> = fc.record({
  plan: fc.constantFrom('FREE', 'TEAM', 'ENTERPRISE'),
  organization: fc.record({ role: organizationRoles, expiresAt: expiry, fallback: organizationRoles }),
  projects: fc
    .subarray(PROJECTS)
    .chain((ids) =>
      fc.tuple(
        ...ids.map((id) =>
          fc.oneof(
            { weight: 5, arbitrary: projectRoles.map((role) => ({ id, role })) },
            { weight: 1, arbitrary: fc.constant({ id, role: 'owner', ofCreator: true }) },
          ),
        ),
      ),
    ),
  teams: fc.subarray(Object.keys(TEAMS), { maxLength: 2 }),
  access: fc.constantFrom('READ', 'WRITE'),
  isTokenOfMember: fc.boolean(),
  narrowed: fc.option(narrowings),
  now: fc.constant(NOW),
});

const saying = (
  effect: 'ALLOW' | 'DENY',
  permissions: string[],
  ownedByPrincipal = false,
): Policy['statements'][number] => ({
  ...{ effect, permissions },
  ...(ownedByPrincipal && { ownedByPrincipal }),
});

/** Roles with few permissions on services, with and without the condition. */
export const serviceRoles: fc.Arbitrary<AnyRole> = fc.constantFrom(
  ...[
    [saying('ALLOW', ['service:update'], true)],
    [saying('ALLOW', ['service:read', 'service:update'])],
    [saying('ALLOW', ['service:read']), saying('ALLOW', ['service:*'], true)],
    [saying('ALLOW', ['service:*']), saying('DENY', ['service:read', 'service:update'], true)],
    [saying('ALLOW', ['service:*', 'check_result:*'])],
  ].map((statements): AnyRole => [{ name: 'One', statements }]),
);

/** Worlds in which the teams decide. */
export const teamWorlds: fc.Arbitrary<World> = fc.record({
  plan: fc.constant('ENTERPRISE'),
  organization: fc.record({
    role: serviceRoles,
    expiresAt: fc.constantFrom(null, null, NOW + 1),
    fallback: serviceRoles,
  }),
  projects: fc.constant([]),
  teams: fc.subarray(Object.keys(TEAMS), { maxLength: 2 }),
  access: fc.constant('WRITE'),
  isTokenOfMember: fc.constant(false),
  narrowed: fc.constant(null),
  now: fc.constant(NOW),
});

export const keys: fc.Arbitrary<Key> = fc.record({
  project: fc.constantFrom(...PROJECTS),
  preset: fc.constantFrom('SDK', 'READ_ONLY', 'FULL', null, null, null),
  permissions: keyPatterns,
});

/** Worlds in which the caller is a principal with roles or an API key. */
export const callers: fc.Arbitrary<World> = fc.oneof(
  { weight: 2, arbitrary: worlds },
  {
    weight: 1,
    arbitrary: fc
      .tuple(worlds, keys)
      .map(([world, key]) => ({ ...world, narrowed: null, isTokenOfMember: false, key })),
  },
);

/** A statement as it is stored. */
export const storedStatement = ({ effect, permissions, ownedByPrincipal }: Policy['statements'][number]): Statement => {
  if (!ownedByPrincipal) return { effect, permissions };
  return { effect, permissions: effect === 'ALLOW' ? [] : permissions, ifOwned: permissions };
};

const stored = (policies: Policy[]) =>
  policies.map(({ name, statements }) => ({ name, statements: statements.map(storedStatement) }));

const compiled = (policies: Policy[], projectId: string | null): Role =>
  compileRole({ id: 'custom', name: 'Custom', description: null, projectId, policies: stored(policies) });

/** The teams with all of their child teams. */
function withChildren(teams: readonly string[] = []): ReadonlySet<string> {
  const all = new Set(teams);
  for (const _ of teams.length > 0 ? Object.keys(TEAMS) : [])
    for (const [team, parent] of Object.entries(TEAMS)) if (parent !== null && all.has(parent)) all.add(team);
  return all;
}

const inOrganization = (role: AnyRole): Role =>
  typeof role === 'string' ? roleByKey(role as 'read') : compiled(role, null);

function inProject({ role, id: projectId, ofCreator }: World['projects'][number]): Role | null {
  if (role === null) return null;
  if (ofCreator) return CREATOR;
  return typeof role === 'string' ? projectRole(role) : compiled(role, projectId);
}

/** As it is stored. */
const storedKey = ({ preset, permissions }: Key): KeyPermissions => ({
  name: 'ci',
  preset,
  permissions: preset ? API_KEY_PRESETS[preset] : permissions,
});

export const narrowingOf = (narrowed: Narrowed | null | undefined): Narrowing | null =>
  narrowed
    ? {
        permissions: narrowed.permissions && permissionsOfPatterns(narrowed.permissions),
        projects: narrowed.projects && new Set(narrowed.projects),
      }
    : null;

/** The effective grants in a world, as `loadGrants` computes them from rows. */
export function grantsIn({
  plan,
  organization,
  projects,
  teams,
  now,
  narrowed,
  key,
  ...given
}: World): EffectiveGrants {
  const credential = { ...given, narrowing: narrowingOf(narrowed) };
  if (key) return limitedBy(credential, grantsOfKey(storedKey(key), key.project, plan));
  const { role, expiresAt, fallback } = organization;
  const over = expiresAt !== null && expiresAt <= now;
  return limitedBy(credential, {
    plan,
    role: inOrganization(over ? fallback : role),
    expired: over ? { role: inOrganization(role), at: new Date(expiresAt) } : null,
    projects: new Map(projects.map((project) => [project.id, inProject(project)])),
    teams: withChildren(teams),
    validUntil: expiresAt !== null && !over ? expiresAt : Number.POSITIVE_INFINITY,
  });
}

/** The access of an organization that consists of these principals, as `loadPrincipalRoles` reads it. All custom roles get IDs. */
export function stateOf(principals: Record<string, World>, plan: World['plan']): AccessState {
  const roles = new Map<string, Role>();
  const ids = new Map<Policy[], string>();
  const idOf = (role: AnyRole, projectId: string | null): string => {
    if (typeof role === 'string') return (projectId === null ? roleByKey(role as 'read') : projectRole(role)).id;
    const id = ids.get(role) ?? `custom ${ids.size}`;
    ids.set(role, id);
    roles.set(id, compiled(role, projectId));
    return id;
  };
  const projectRoleIdOf = ({ role, id, ofCreator }: World['projects'][number]): string => {
    if (ofCreator) return OF_CREATOR;
    return role === null ? NO_ACCESS : idOf(role, id);
  };
  const principalRoles = Object.entries(principals).map(([principalId, { organization, projects, teams }]) => {
    const { role, expiresAt, fallback } = organization;
    const fallbackId = expiresAt === null ? null : idOf(fallback, null);
    const assigned = { roleId: idOf(role, null), expiresAt, fallbackId };
    return [
      principalId,
      {
        assigned,
        teams: dependsOnTeams(assigned, roles) ? withChildren(teams) : NO_TEAMS,
        projects: new Map(projects.map((project) => [project.id, projectRoleIdOf(project)])),
      },
    ] as const;
  });
  return { principalRoles: new Map(principalRoles), roles, plan };
}

/** The world after `change` is applied to each custom role. */
export function withPolicies(world: World, change: (policies: Policy[]) => Policy[]): World {
  const changed = <R extends AnyRole | null>(role: R): R => (Array.isArray(role) ? (change(role) as R) : role);
  const { role, fallback, expiresAt } = world.organization;
  return {
    ...world,
    organization: { role: changed(role), fallback: changed(fallback), expiresAt },
    projects: world.projects.map((project) => ({ ...project, role: changed(project.role) })),
  };
}
