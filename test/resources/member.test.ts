import { describe, expect, test } from 'vitest';
import type { Json } from '../support/api.ts';
import { startApi } from '../support/api.ts';
import {
  addMember,
  createApiToken,
  createOrganization,
  duringChange,
  memberInput,
  membersOfEachRole,
  mutate,
  queryData,
  roleId,
  setRole,
} from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);

const MEMBER = 'member { id role { name } user { name email } }';
const rolesNow = async (): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await queryData(people.read, '{ members { nodes { user { name } role { name } } } }')).members.nodes.map(
      ({ user, role }: Json) => [user.name, role.name],
    ),
  );

test('a Guest sees only their own membership', async () => {
  const { viewer, members } = (
    await people.guest.query('{ viewer { member { id role { name } user { email } } } members { totalCount } }')
  ).data;
  const own = { id: people.guest.memberId, role: { name: 'Guest' }, user: { email: 'guest@acme.test' } };
  expect([viewer.member, members]).toEqual([own, null]);
});

test('every other member can list the members, in the order of joining', async () => {
  const { members } = await queryData(people.read, '{ members { totalCount nodes { user { email } role { name } } } }');
  expect(members).toEqual({
    totalCount: 6,
    nodes: [
      { user: { email: 'owner@acme.test' }, role: { name: 'Owner' } },
      { user: { email: 'guest@acme.test' }, role: { name: 'Guest' } },
      { user: { email: 'read@acme.test' }, role: { name: 'Read' } },
      { user: { email: 'user@acme.test' }, role: { name: 'User' } },
      { user: { email: 'write@acme.test' }, role: { name: 'Write' } },
      { user: { email: 'admin@acme.test' }, role: { name: 'Admin' } },
    ],
  });
});

describe('an Admin', () => {
  test('can give every role but Owner, and a member with role Write none', async () => {
    const { memberId: id } = await addMember(api, acme, 'read', 'rising');
    for (const role of ['user', 'write', 'admin', 'read'] as const) {
      const answer = await mutate(
        people.admin,
        'updateMember',
        { id, roleId: roleId(role) },
        'member { id role { id } }',
      );
      expect(answer).toEqual({ member: { id, role: { id: roleId(role) } }, errors: [] });
    }
    expect(await mutate(people.write, 'updateMember', { id, roleId: roleId('read') })).toEqual({ refused: 'NO_GRANT' });
  });

  test('cannot make anybody an Owner, also not themselves', async () => {
    const before = await rolesNow();
    for (const { memberId: id } of [people.read, people.write, people.admin])
      expect(await mutate(people.admin, 'updateMember', { id, roleId: roleId('owner') })).toEqual({
        refused: 'NOT_HELD',
      });
    expect(await rolesNow()).toEqual(before);
  });

  test('cannot demote, remove, sign out or otherwise change an Owner', async () => {
    const { memberId: id } = people.owner;
    for (const role of ['read', 'admin', 'owner'] as const)
      expect(await mutate(people.admin, 'updateMember', { id, roleId: roleId(role) })).toEqual({ refused: 'NOT_HELD' });
    for (const mutation of ['updateMember', 'deleteMember', 'signOutMember'])
      expect(await mutate(people.admin, mutation, memberInput(mutation, id))).toEqual({ refused: 'NOT_HELD' });
    expect((await rolesNow())['owner@acme.test']).toBe('Owner');
    expect((await people.owner.query('{ viewer { role { name } } }')).status).toBe(200);
  });

  test('has the same limits with a token as in a session', async () => {
    const token = await createApiToken(api, people.admin, 'WRITE');
    const owner = { id: people.owner.memberId };
    expect(await mutate(token, 'updateMember', { id: people.admin.memberId, roleId: roleId('owner') })).toEqual({
      refused: 'NOT_HELD',
    });
    expect(await mutate(token, 'deleteMember', owner)).toEqual({ refused: 'NOT_HELD' });
    expect(await mutate(token, 'updateMember', { id: people.read.memberId, roleId: roleId('read') })).toEqual({
      errors: [],
    });
  });

  test('can sign out and remove another Admin', async () => {
    const peer = await addMember(api, acme, 'admin', 'peer');
    expect(await mutate(people.admin, 'signOutMember', { memberId: peer.memberId }, 'endedSessions')).toEqual({
      endedSessions: 1,
      errors: [],
    });
    expect(await mutate(people.admin, 'deleteMember', { id: peer.memberId }, 'deletedId')).toEqual({
      deletedId: peer.memberId,
      errors: [],
    });
  });
});

test('an Owner can promote, demote and remove another Owner', async () => {
  const { memberId: id } = await addMember(api, acme, 'read', 'successor');
  const give = (role: 'owner' | 'admin') => mutate(people.owner, 'updateMember', { id, roleId: roleId(role) }, MEMBER);
  const successor = { id, user: { name: 'successor', email: 'successor@acme.test' } };
  expect(await give('owner')).toEqual({ member: { ...successor, role: { name: 'Owner' } }, errors: [] });
  expect(await give('admin')).toEqual({ member: { ...successor, role: { name: 'Admin' } }, errors: [] });
  await give('owner');
  expect(await mutate(people.owner, 'deleteMember', { id }, 'deletedId')).toEqual({ deletedId: id, errors: [] });
});

test.each([
  ['an unknown role', () => 'rol_01h455vb4pex5vsknk084sn02q'],
  ['the name of a role', () => 'admin'],
  ['an empty text', () => ''],
  ['a member', () => people.admin.memberId],
  ['a property of every object', () => 'constructor'],
])('%s cannot be given', async (_what, role) => {
  const before = await rolesNow();
  const input = { id: people.read.memberId, roleId: role() };
  expect(await mutate(people.owner, 'updateMember', input, 'member { id }')).toEqual({
    member: null,
    errors: [{ code: 'NOT_FOUND', path: ['roleId'] }],
  });
  expect(await rolesNow()).toEqual(before);
});

describe('a demotion applies from the next request on', () => {
  test('for sessions and tokens alike', async () => {
    const fallen = await addMember(api, acme, 'admin', 'fallen');
    const token = await createApiToken(api, fallen, 'WRITE');
    for (const caller of [fallen, token])
      expect(await mutate(caller, 'createCategory', { name: `By ${caller.token?.slice(-9)}` })).toEqual({ errors: [] });
    await mutate(people.admin, 'updateMember', { id: fallen.memberId, roleId: roleId('user') });
    for (const caller of [fallen, token]) {
      expect(await mutate(caller, 'createCategory', { name: 'Too late' })).toEqual({ refused: 'NO_GRANT' });
      expect((await queryData(caller, '{ viewer { permissions } }')).viewer.permissions).not.toContain(
        'category:create',
      );
      expect((await queryData(caller, '{ checks { totalCount } }')).checks).toEqual({ totalCount: 0 });
    }
  });

  test('also for requests in progress', async () => {
    const late = await addMember(api, acme, 'admin', 'late');
    const before = await rolesNow();
    const answer = await duringChange(
      api,
      (sql) => setRole(sql, late.email, 'read'),
      () => mutate(late, 'updateMember', { id: people.read.memberId, roleId: roleId('admin') }),
    );
    expect(answer).toEqual({ refused: 'NO_GRANT' });
    expect(await rolesNow()).toEqual({ ...before, late: 'Read' });
  });

  test('and from the next field on for members who demote themselves', async () => {
    const humble = await addMember(api, acme, 'admin', 'humble');
    const document = `mutation ($id: ID!, $read: ID!, $admin: ID!) {
      down: updateMember(input: { id: $id, roleId: $read }) { member { role { name } viewerPermissions } }
      make: createCategory(input: { name: "After the fall" }) { category { id } }
      up: updateMember(input: { id: $id, roleId: $admin }) { member { id } } }`;
    const variables = { id: humble.memberId, read: roleId('read'), admin: roleId('admin') };
    const { data, errors } = await humble.query(document, variables);
    expect(data).toMatchObject({ down: { member: { role: { name: 'Read' } } }, make: null, up: null });
    expect(errors?.map(({ path, extensions }) => [path[0], extensions.reason])).toEqual([
      ['make', 'NO_GRANT'],
      ['up', 'NO_GRANT'],
    ]);
  });
});
