import { expect, test } from 'vitest';
import { PERMISSIONS } from '../../src/access/catalog.ts';
import type { Caller, Json } from '../support/api.ts';
import { addMember, createApiToken } from '../support/world.ts';
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

const { api, acme, people, globex } = await startWorld();
const { owner } = people;
const project = await createProject(owner, 'project');
const hidden = await createProject(owner, 'hidden');
const robot = await createServiceAccount(owner, 'robot', roleIdOf('write'));
const mixed = await addMember(api, acme, 'read', 'mixed');
await giveRole(
  owner,
  mixed.memberId,
  await createRole(owner, 'Mixed', [allow('*:read', 'dataset:*'), deny('dataset:delete')]),
);
await giveProjectRole(owner, project, mixed.memberId, projectRoleId('member'));
await giveProjectRole(owner, hidden, people.user.memberId, null);

const ASK = 'query ($requests: [AuthorizationRequest!]!) { authorize(requests: $requests) { allowed reason } }';
const authorize = async (caller: Caller, ...requests: object[]): Promise<Json> =>
  (await caller.query(ASK, { requests })).data.authorize;

test('authorize returns decisions in the order of the requests, with the reason of each refusal', async () => {
  expect(
    await authorize(
      mixed,
      { permission: 'check:read' },
      { permission: 'check:create' },
      { permission: 'dataset:delete', targetId: project },
      { permission: 'dataset:create', targetId: project },
      { permission: 'check:read', targetId: project },
      { permission: 'dataset:creat' },
      { permission: '__proto__' },
    ),
  ).toEqual([
    { allowed: true, reason: null },
    { allowed: false, reason: 'NO_GRANT' },
    { allowed: false, reason: 'DENIED' },
    { allowed: true, reason: null },
    { allowed: false, reason: 'WRONG_LEVEL' },
    { allowed: false, reason: 'UNKNOWN_PERMISSION' },
    { allowed: false, reason: 'UNKNOWN_PERMISSION' },
  ]);
});

test('an unknown target, a target of another organization and a hidden target get NO_SUCH_TARGET', async () => {
  const foreign = await createProject(globex.owner, 'theirs');
  const inside = await createPolicy(owner, [allow('dataset:read')], hidden);
  const none = { allowed: false, reason: 'NO_SUCH_TARGET' };
  const allowed = { allowed: true, reason: null };
  const unknown = ['prj_00000000000000000000000000', 'mem_00000000000000000000000000', 'rubbish'];
  for (const targetId of [...unknown, foreign, globex.id, globex.owner.memberId, hidden, inside])
    expect(await authorize(people.user, { permission: 'dataset:read', targetId }), targetId).toEqual([none]);
  for (const targetId of [acme.id, acme.owner.memberId, project])
    expect(await authorize(people.user, { permission: 'dataset:read', targetId }), targetId).toEqual([allowed]);
  expect(await authorize(owner, { permission: 'dataset:read', targetId: inside })).toEqual([allowed]);
});

test('a decision about another principal requires access:read', async () => {
  const about = (principalId: string) => ({ permission: 'check:create', principalId });
  const refused = await people.user.query(ASK, { requests: [{ permission: 'check:read' }, about(owner.memberId)] });
  expect([refused.data.authorize, refused.errors?.[0].extensions]).toMatchObject([
    null,
    { code: 'FORBIDDEN', permission: 'access:read', reason: 'NO_GRANT' },
  ]);
  expect(await authorize(people.user, about(people.user.memberId), about(people.user.userId))).toEqual([
    { allowed: false, reason: 'NO_GRANT' },
    { allowed: false, reason: 'NO_GRANT' },
  ]);
  expect(
    await authorize(
      people.admin,
      about(owner.memberId),
      about(people.user.userId),
      about(robot),
      about(globex.owner.memberId),
      about(globex.owner.userId),
    ),
  ).toEqual([
    { allowed: true, reason: null },
    { allowed: false, reason: 'NO_GRANT' },
    { allowed: false, reason: 'NO_GRANT' },
    { allowed: false, reason: 'NO_SUCH_PRINCIPAL' },
    { allowed: false, reason: 'NO_SUCH_PRINCIPAL' },
  ]);
});

test('a read-only token gets the reason READ_ONLY_TOKEN, and 1,001 requests are refused', async () => {
  const token = await createApiToken(api, owner, 'READ');
  expect(await authorize(token, { permission: 'check:create' })).toEqual([
    { allowed: false, reason: 'READ_ONLY_TOKEN' },
  ]);
  const many = (count: number) =>
    owner.query(ASK, { requests: Array.from({ length: count }, () => ({ permission: 'check:read' })) });
  expect((await many(1000)).data.authorize).toHaveLength(1000);
  expect((await many(1001)).errors?.[0].extensions.code).toBe('BAD_REQUEST');
});

test('access returns every step of a decision, whether allowed or refused', async () => {
  const WHY =
    'query ($permission: Permission!, $target: ID, $principal: ID) { access(permission: $permission, targetId: $target, principalId: $principal) { allowed reason message hint steps { kind passed text } } }';
  const { data } = await mixed.query(WHY, { permission: 'dataset:delete', target: project });
  expect(data.access).toEqual({
    allowed: false,
    reason: 'DENIED',
    message: expect.stringMatching(/^dataset:delete is needed, and policy policy \d+ of role Mixed denies it\.$/),
    hint: 'A denial overrides every grant. Change the policy or the role.',
    steps: [
      { kind: 'LEVEL', passed: true, text: 'dataset:delete is checked on the project; its level is project.' },
      { kind: 'ORGANIZATION_ROLE', passed: true, text: 'The organization role is Mixed (custom).' },
      { kind: 'DENIAL', passed: false, text: expect.stringMatching(/^Policy policy \d+ of Mixed denies it\.$/) },
    ],
  });
  const allowed = await owner.query(WHY, { permission: 'trace:create', target: project, principal: mixed.memberId });
  expect(allowed.data.access).toMatchObject({
    allowed: true,
    reason: null,
    steps: expect.arrayContaining([
      {
        kind: 'PROJECT_ROLE',
        passed: true,
        text: 'In this project Member (built-in) overrides the organization role.',
      },
    ]),
  });
  expect((await mixed.query(WHY, { permission: 'traces:read' })).errors?.[0].message).toBe(
    'permission: "traces:read" is spelled trace:read.',
  );
  expect(
    (await people.user.query(WHY, { permission: 'check:read', principal: owner.memberId })).errors?.[0].extensions.code,
  ).toBe('FORBIDDEN');
});

test('authorize, access, permissionsOf, whoCan, accessMatrix and the guard agree for every principal and permission', async () => {
  const names = [...PERMISSIONS.keys()];
  const principals = [...Object.values(people).map(({ memberId }) => memberId), mixed.memberId, robot];
  for (const target of [undefined, project, hidden]) {
    const matrix: Json = {};
    const rows = await owner.query(
      'query ($target: ID) { accessMatrix(targetId: $target, first: 20) { nodes { principal { id } entries { permission allowed role { name } reason } } } }',
      { target },
    );
    for (const { principal, entries } of rows.data.accessMatrix.nodes) matrix[principal.id] = entries;
    expect(Object.keys(matrix).sort()).toEqual([...principals].sort());
    for (const principal of principals) {
      const requests = names.map((permission) => ({ permission, targetId: target, principalId: principal }));
      const answers = await authorize(owner, ...requests);
      const held = names.filter((_, at) => answers[at].allowed);
      const { data } = await owner.query(
        'query ($principal: ID, $target: ID) { permissionsOf(principalId: $principal, targetId: $target) }',
        { principal, target },
      );
      expect(data.permissionsOf).toEqual(held);
      expect(matrix[principal].map(({ permission, allowed, reason }: Json) => [permission, allowed, reason])).toEqual(
        names.map((name, at) => [name, answers[at].allowed, answers[at].reason]),
      );
      for (const { allowed, role } of matrix[principal]) expect(role !== null).toBe(allowed);
    }
    for (const permission of ['dataset:delete', 'check:create', 'trace:create', 'project:read', 'role:create']) {
      const { data } = await owner.query(
        'query ($permission: Permission!, $target: ID) { whoCan(permission: $permission, targetId: $target) { totalCount nodes { id } } }',
        { permission, target },
      );
      const can = principals.filter((id) => matrix[id].find((entry: Json) => entry.permission === permission).allowed);
      expect(data.whoCan.nodes.map(({ id }: Json) => id).sort()).toEqual([...can].sort());
      expect(data.whoCan.totalCount).toBe(can.length);
    }
  }
  const own = await mixed.query(
    'query ($target: ID!) { permissionsOf(targetId: $target) project(id: $target) { viewerPermissions } }',
    { target: project },
  );
  expect(own.data.project.viewerPermissions).toEqual(own.data.permissionsOf);
});
