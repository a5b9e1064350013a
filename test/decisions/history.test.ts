import fc from 'fast-check';
import { expect, test } from 'vitest';
import { permissionsOf, type Target, unrestricted } from '../../src/access/access.ts';
import { type GrantsById, loadGrants } from '../../src/access/grants.ts';
import type { Grants } from '../../src/access/model.ts';
import { ROLES } from '../../src/access/roles.ts';
import { drizzleOn } from '../../src/db/client.ts';
import { decodeId, toPublicId } from '../../src/lib/ids.ts';
import type { Plan } from '../../src/lib/plans.ts';
import type { Json } from '../support/api.ts';
import { size } from '../support/size.ts';
import { addMember, mutate, type Person } from '../support/world.ts';
import {
  allow,
  createPolicy,
  createProject,
  createRole,
  createServiceAccount,
  deny,
  projectRole,
  startWorld,
} from './support.ts';

const { api, acme, people } = await startWorld();
const { owner } = people;

const projects = [await createProject(owner, 'one'), await createProject(owner, 'two')];
const policies = [
  await createPolicy(owner, [allow('*')]),
  await createPolicy(owner, [
    allow('role:*', 'policy:*', 'member:*', 'project_member:*', 'project:*', '*:read'),
    deny('billing:*'),
  ]),
];
const custom = [
  await createRole(owner, 'Half', [allow('member:*', 'role:*', 'project_member:*', '*:read', 'dataset:*')]),
  await createRole(owner, 'Denying', [allow('*'), deny('member:delete', 'dataset:*')]),
  await createRole(owner, 'Bound', [allow('*')], projects[0]),
];
const robot = await createServiceAccount(owner, 'robot', toPublicId('rol', ROLES[4]?.id ?? ''));
const half = await addMember(api, acme, 'read', 'half');
await mutate(owner, 'updateMember', { id: half.memberId, roleId: custom[0] });
const actors: Person[] = [...Object.values(people), half];
const principals = [...actors.map(({ memberId }) => memberId), robot];
const roles = [...ROLES.map((role) => toPublicId('rol', role.id)), ...custom];

const organizationId = decodeId(acme.id)?.uuid ?? '';
/** The current time and plan, the largest plan, and the largest plan after every role has expired. */
const MOMENTS: [Date | null, Plan | null][] = [
  [null, null],
  [null, 'ENTERPRISE'],
  [new Date(8_640_000_000_000_000), 'ENTERPRISE'],
];

async function loadGrantsAt([time, plan]: (typeof MOMENTS)[number]): Promise<GrantsById> {
  const [row] = await api.root`select plan from organizations where id = ${organizationId}`;
  return await loadGrants(drizzleOn(api.root), organizationId, plan ?? (row?.['plan'] as Plan), time ?? new Date());
}

const TABLES = ['policies', 'roles', 'role_policies', 'assignments', 'principals'];
await api.root`create schema kept`;
for (const table of TABLES) await api.root.unsafe(`create table kept.${table} as table public.${table}`);

/** Restores the initial rows before each history. */
const restore = (): Promise<unknown> =>
  api.root.begin(async (tx) => {
    // Citus then sends the next settings to the workers. Plain PostgreSQL ignores it.
    await tx`set local citus.propagate_set_commands = 'local'`;
    await tx`set local session_replication_role = replica`;
    for (const table of TABLES) {
      await tx.unsafe(`delete from public.${table}`);
      await tx.unsafe(`insert into public.${table} table kept.${table}`);
    }
    await tx`update organizations set plan = 'ENTERPRISE', access_version = access_version + 1`;
  });

const scopes: Target[] = [null, ...projects.map((id) => decodeId(id)?.uuid ?? '')];

const projectMember = async (principal: string, project: string): Promise<string> => {
  const [row] =
    await api.root`select id from assignments where principal_id = ${decodeId(principal)?.uuid ?? ''} and project_id = ${decodeId(project)?.uuid ?? ''}`;
  return row ? toPublicId('pmb', row['id'] as string) : 'none';
};

const pick = <T>(from: readonly T[]) => fc.constantFrom(...from);

/** A random mutation. */
const attempt = fc.record({
  actor: pick(actors),
  name: pick([
    'updateMember',
    'updateServiceAccount',
    'createProjectMember',
    'updateProjectMember',
    'deleteProjectMember',
    'updateRole',
    'updatePolicy',
    'deleteRole',
    'createRole',
    'createPolicy',
    'createServiceAccount',
    'updatePlan',
    'transferOwnership',
  ]),
  principal: pick(principals),
  role: pick(roles),
  noRole: fc.boolean(),
  fallback: fc.option(pick(roles)),
  plan: pick(['FREE', 'TEAM', 'ENTERPRISE']),
  project: pick(projects),
  policyIds: fc.subarray(policies, { minLength: 1 }),
  statements: fc.subarray([allow('*'), allow('dataset:*'), deny('member:delete'), deny('trace:*'), allow('*:read')], {
    minLength: 1,
  }),
});

type Attempt = typeof attempt extends fc.Arbitrary<infer T> ? T : never;

async function inputOf({
  name,
  principal,
  role,
  noRole,
  fallback,
  plan,
  project,
  policyIds,
  statements,
}: Attempt): Promise<Json> {
  const term =
    fallback === null
      ? {}
      : { roleExpiresAt: new Date(Date.now() + 3_600_000).toISOString(), fallbackRoleId: fallback };
  switch (name) {
    case 'updateMember':
    case 'updateServiceAccount':
      return { id: principal, roleId: role, ...term };
    case 'createServiceAccount':
      return { name: `${Math.random()}`, roleId: role, ...term };
    case 'updatePlan':
      return { plan };
    case 'transferOwnership':
      return { memberId: principal };
    case 'createProjectMember':
      return { projectId: project, principalId: principal, ...projectRole(noRole ? null : role) };
    case 'updateProjectMember':
      return { id: await projectMember(principal, project), ...projectRole(noRole ? null : role) };
    case 'deleteProjectMember':
      return { id: await projectMember(principal, project) };
    case 'updateRole':
      return { id: role, policyIds };
    case 'updatePolicy':
      return { id: policyIds[0], statements };
    case 'deleteRole':
      return { id: role, reassignTo: roles[0] };
    case 'createRole':
      return { name: `${Math.random()}`, policyIds };
    default:
      return { name: `${Math.random()}`, statements };
  }
}

/** What loadGrantsAt holds, by moment, principal and scope. */
type PermissionTable = Map<string, Set<string>[]>[];

const readPermissions = async (): Promise<PermissionTable> =>
  (await Promise.all(MOMENTS.map(loadGrantsAt))).map(
    (all) => new Map([...all].map(([id, grants]) => [id, scopes.map((scope) => permissionsIn(grants, scope))])),
  );

const permissionsIn = (grants: Grants, scope: Target): Set<string> =>
  new Set(permissionsOf(unrestricted(grants), scope));

/** The permissions that a principal gained and that the actor did not have before. */
function escalations(before: PermissionTable, after: PermissionTable, actor: string): string[] {
  const none = scopes.map(() => new Set<string>());
  return after.flatMap((all, moment) => {
    const ofActor = before[moment]?.get(actor) ?? none;
    return [...all].flatMap(([id, held]) => {
      const had = before[moment]?.get(id) ?? none;
      return held.flatMap((has, scope) => {
        const gained = has.difference(had[scope] as Set<string>).difference(ofActor[scope] as Set<string>);
        return [...gained].map((name) => `${id} gains ${name} in ${scopes[scope] ?? 'the organization'}`);
      });
    });
  });
}

test('in random histories, no action grants a permission that its actor did not have', async () => {
  const outcomes = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(attempt, { minLength: 3, maxLength: 6 }), async (history) => {
      await restore();
      let before = await readPermissions();
      for (const step of history) {
        const answer = await mutate(step.actor, step.name, await inputOf(step));
        const after = await readPermissions();
        const outcome = answer.refused ?? answer.errors[0]?.code ?? 'done';
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        expect(escalations(before, after, decodeId(step.actor.memberId)?.uuid ?? '')).toEqual([]);
        before = after;
      }
    }),
    { numRuns: size(50, 200), endOnFailure: true },
  );
  // Histories without successful or without refused mutations would prove nothing.
  const count = (outcome: string): number => outcomes.get(outcome) ?? 0;
  expect(count('done')).toBeGreaterThan(size(5, 20));
  expect(count('NOT_HELD') + count('NO_GRANT')).toBeGreaterThan(size(10, 40));
});
