import fc from 'fast-check';
import { expect, test } from 'vitest';
import { permissionsOf, type Target, wholly } from '../../src/access/access.ts';
import type { Grants } from '../../src/access/decide.ts';
import { loadGrants } from '../../src/access/grants.ts';
import { ROLES } from '../../src/access/roles.ts';
import { drizzleOn } from '../../src/db/client.ts';
import { decodeId, toPublicId } from '../../src/ids.ts';
import type { Json } from '../support/api.ts';
import { join, mutate, type Person } from '../support/world.ts';
import { allow, createPolicy, createProject, createRole, createServiceAccount, deny, startWorld } from './support.ts';

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
const half = await join(api, acme, 'read', 'half');
await mutate(owner, 'updateMember', { id: half.memberId, roleId: custom[0] });
const actors: Person[] = [...Object.values(people), half];
const principals = [...actors.map(({ memberId }) => memberId), robot];
const roles = [...ROLES.map((role) => toPublicId('rol', role.id)), ...custom];

const organizationId = decodeId(acme.id)?.uuid ?? '';
const everybody = (): Promise<Map<string, Grants>> =>
  loadGrants(drizzleOn(api.root), organizationId, 'ENTERPRISE', new Date());
const places: Target[] = [null, ...projects.map((id) => decodeId(id)?.uuid ?? '')];

const projectMember = async (principal: string, project: string): Promise<string> => {
  const [row] =
    await api.root`select id from assignments where principal_id = ${decodeId(principal)?.uuid ?? ''} and project_id = ${decodeId(project)?.uuid ?? ''}`;
  return row ? toPublicId('pmb', row['id'] as string) : 'none';
};

const pick = <T>(from: readonly T[]) => fc.constantFrom(...from);

/** A mutation that somebody may try. */
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
  ]),
  principal: pick(principals),
  role: pick(roles),
  noRole: fc.boolean(),
  project: pick(projects),
  policyIds: fc.subarray(policies, { minLength: 1 }),
  statements: fc.subarray([allow('*'), allow('dataset:*'), deny('member:delete'), deny('trace:*'), allow('*:read')], {
    minLength: 1,
  }),
});

type Attempt = typeof attempt extends fc.Arbitrary<infer T> ? T : never;

async function inputOf({ name, principal, role, noRole, project, policyIds, statements }: Attempt): Promise<Json> {
  switch (name) {
    case 'updateMember':
    case 'updateServiceAccount':
      return { id: principal, roleId: role };
    case 'createProjectMember':
      return { projectId: project, principalId: principal, roleId: noRole ? null : role };
    case 'updateProjectMember':
      return { id: await projectMember(principal, project), roleId: noRole ? null : role };
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

test('nobody’s action raises what anybody holds above what the actor held, in 200 random histories', async () => {
  const outcomes = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(attempt, { minLength: 3, maxLength: 6 }), async (history) => {
      for (const step of history) {
        const before = await everybody();
        const answer = await mutate(step.actor, step.name, await inputOf(step));
        const after = await everybody();
        const outcome = answer.refused ?? answer.errors[0]?.code ?? 'done';
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        const actor = before.get(decodeId(step.actor.memberId)?.uuid ?? '') as Grants;
        for (const place of places) {
          const bound = new Set(permissionsOf(wholly(actor), place));
          for (const [id, grants] of after) {
            const own = before.get(id);
            const had = new Set(own ? permissionsOf(wholly(own), place) : []);
            const above = permissionsOf(wholly(grants), place).filter((name) => !had.has(name) && !bound.has(name));
            expect(above).toEqual([]);
          }
        }
      }
    }),
    { numRuns: 200, endOnFailure: true },
  );
  // Histories in which nothing happens, or nothing is refused, would prove nothing.
  for (const outcome of ['done', 'NOT_HELD', 'NO_GRANT']) expect(outcomes.get(outcome) ?? 0).toBeGreaterThan(20);
});
