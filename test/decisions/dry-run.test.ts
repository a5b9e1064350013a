import { expect, test } from 'vitest';
import { PERMISSIONS } from '../../src/access/catalog.ts';
import type { Json } from '../support/api.ts';
import { join, mutate } from '../support/world.ts';
import {
  allow,
  createPolicy,
  createProject,
  createRole,
  createServiceAccount,
  deny,
  giveProjectRole,
  giveRole,
  projectRoleId,
  roleIdOf,
  startWorld,
} from './support.ts';

const { api, acme, people } = await startWorld();
const { owner, admin } = people;

const CHANGES = 'accessChanges { principal { id } project { id } gained lost }';
const project = await createProject(owner, 'project');

/** Everything that everybody may do, in the organization and in the project. */
async function world(): Promise<Json> {
  const places = await Promise.all(
    [undefined, project].map((target) =>
      owner.query(
        'query ($target: ID) { accessMatrix(targetId: $target, first: 50) { nodes { principal { id } entries { permission allowed } } } }',
        { target },
      ),
    ),
  );
  return places.map(({ data }) =>
    Object.fromEntries(
      data.accessMatrix.nodes.map(({ principal, entries }: Json) => [
        principal.id,
        entries.filter(({ allowed }: Json) => allowed).map(({ permission }: Json) => permission),
      ]),
    ),
  );
}

/** The actual changes, in the form of `accessChanges`. */
function difference(before: Json, after: Json): Json[] {
  return [null, project].flatMap((place, at) =>
    [...new Set([...Object.keys(before[at]), ...Object.keys(after[at])])].flatMap((id) => {
      const [had, has] = [before[at][id] ?? [], after[at][id] ?? []];
      const [gained, lost] = [
        has.filter((name: string) => !had.includes(name)),
        had.filter((name: string) => !has.includes(name)),
      ];
      return gained.length + lost.length > 0 ? [{ id, place, gained, lost }] : [];
    }),
  );
}

const isAskedInProjects = (name: string): boolean => PERMISSIONS.get(name)?.level !== 'organization';

/** A change in the organization applies in every project that is not listed. */
function everywhere(reported: Json[]): Json[] {
  const implied = reported
    .filter(({ id, place }) => place === null && !reported.some((other) => other.id === id && other.place === project))
    .map(({ gained, lost, ...change }) => ({
      ...change,
      place: project,
      gained: gained.filter(isAskedInProjects),
      lost: lost.filter(isAskedInProjects),
    }));
  return [...reported, ...implied].filter(({ gained, lost }) => gained.length + lost.length > 0);
}

const keyed = (changes: Json[]): string[] => changes.map((change) => JSON.stringify(change)).sort();

const policy = await createPolicy(owner, [allow('dataset:*', 'project:read')]);
const role = (await mutate(owner, 'createRole', { name: 'Changing', policyIds: [policy] }, 'role { id }')).role.id;
const first = await join(api, acme, 'read', 'first');
const second = await join(api, acme, 'write', 'second');
const robot = await createServiceAccount(owner, 'robot', roleIdOf('read'));
await giveRole(owner, first.memberId, role);
const membership = await giveProjectRole(owner, project, second.memberId, projectRoleId('read'));
const narrow = await createRole(owner, 'Narrow', [allow('*:read'), deny('trace:*')]);

const MUTATIONS: [string, object][] = [
  ['updateMember', { id: second.memberId, roleId: narrow }],
  ['updatePolicy', { id: policy, statements: [allow('trace:*'), deny('trace:delete')] }],
  ['updateRole', { id: role, policyIds: [policy, policy] }],
  ['updateProjectMember', { id: membership, roleId: projectRoleId('owner') }],
  ['updateProjectMember', { id: membership, noAccess: true }],
  ['deleteProjectMember', { id: membership }],
  ['createProjectMember', { projectId: project, principalId: first.memberId, roleId: projectRoleId('manager') }],
  ['updateServiceAccount', { id: robot, roleId: roleIdOf('user') }],
  ['updatePlan', { plan: 'FREE' }],
  ['updatePlan', { plan: 'TEAM' }],
  ['deleteRole', { id: role, reassignTo: narrow }],
  ['deleteServiceAccount', { id: robot }],
  ['deleteMember', { id: second.memberId }],
  ['transferOwnership', { memberId: admin.memberId }],
];

test.each(MUTATIONS)('%s(%j) reports the same changes as a dry run that it then makes', async (name, input) => {
  const before = await world();
  const counted = async () => (await api.root`select count(*)::int as events from audit_events`)[0]?.['events'];
  const events = await counted();
  const dry = await mutate(owner, name, { ...input, dryRun: true }, CHANGES);
  expect(dry.errors).toEqual([]);
  expect(await world()).toEqual(before);
  expect(await counted()).toBe(events);
  const real = await mutate(owner, name, input, CHANGES);
  // A deleted principal is null afterwards, so compare what the dry run reported.
  expect(real.errors).toEqual([]);
  const reported = dry.accessChanges.map((change: Json) => ({
    id: change.principal?.id,
    place: change.project?.id ?? null,
    gained: change.gained,
    lost: change.lost,
  }));
  const watcher = name === 'transferOwnership' ? admin : owner;
  expect((await watcher.query('{ viewer { role { name } } }')).data.viewer.role.name).toBe('Owner');
  const after = name === 'transferOwnership' ? null : await world();
  if (after) expect(keyed(everywhere(reported))).toEqual(keyed(difference(before, after)));
  else
    expect(reported).toMatchObject(
      [
        { id: owner.memberId, gained: [] },
        { id: admin.memberId, lost: [] },
      ].map((change) => expect.objectContaining(change)),
    );
});
