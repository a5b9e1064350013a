import { describe, expect, test } from 'vitest';
import type { Json } from '../support/api.ts';
import { startApi } from '../support/api.ts';
import {
  ask,
  cast,
  duringChange,
  found,
  join,
  memberInput,
  mutate,
  roleId,
  setRole,
  tokenOf,
} from '../support/world.ts';

const api = await startApi();
const acme = await found(api, 'acme');
const people = await cast(api, acme);

const MEMBER = 'member { id role { name } user { name email } }';
const rolesNow = async (): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await ask(people.read, '{ members { nodes { user { name } role { name } } } }')).members.nodes.map(
      ({ user, role }: Json) => [user.name, role.name],
    ),
  );

test('everybody sees the members, in the order of joining', async () => {
  const { members } = await ask(people.read, '{ members { totalCount nodes { user { email } role { name } } } }');
  expect(members).toEqual({
    totalCount: 5,
    nodes: [
      { user: { email: 'owner@acme.test' }, role: { name: 'Owner' } },
      { user: { email: 'read@acme.test' }, role: { name: 'Read' } },
      { user: { email: 'user@acme.test' }, role: { name: 'User' } },
      { user: { email: 'write@acme.test' }, role: { name: 'Write' } },
      { user: { email: 'admin@acme.test' }, role: { name: 'Admin' } },
    ],
  });
});

describe('an Admin', () => {
  test('gives every role but Owner, and a member with role Write gives none', async () => {
    const { memberId: id } = await join(api, acme, 'read', 'rising');
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

  test('makes nobody an Owner: not another, not themselves', async () => {
    const before = await rolesNow();
    for (const { memberId: id } of [people.read, people.write, people.admin])
      expect(await mutate(people.admin, 'updateMember', { id, roleId: roleId('owner') })).toEqual({
        refused: 'NOT_HELD',
      });
    expect(await rolesNow()).toEqual(before);
  });

  test('neither demotes, removes nor signs out an Owner, and does not touch one in any other way', async () => {
    const { memberId: id } = people.owner;
    for (const role of ['read', 'admin', 'owner'] as const)
      expect(await mutate(people.admin, 'updateMember', { id, roleId: roleId(role) })).toEqual({ refused: 'NOT_HELD' });
    for (const mutation of ['updateMember', 'deleteMember', 'signOutMember'])
      expect(await mutate(people.admin, mutation, memberInput(mutation, id))).toEqual({ refused: 'NOT_HELD' });
    expect((await rolesNow())['owner@acme.test']).toBe('Owner');
    expect((await people.owner.query('{ viewer { role { name } } }')).status).toBe(200);
  });

  test('does no more with a token than in a session', async () => {
    const token = await tokenOf(api, people.admin, 'WRITE');
    const owner = { id: people.owner.memberId };
    expect(await mutate(token, 'updateMember', { id: people.admin.memberId, roleId: roleId('owner') })).toEqual({
      refused: 'NOT_HELD',
    });
    expect(await mutate(token, 'deleteMember', owner)).toEqual({ refused: 'NOT_HELD' });
    expect(await mutate(token, 'updateMember', { id: people.read.memberId, roleId: roleId('read') })).toEqual({
      errors: [],
    });
  });

  test('signs out and removes another Admin', async () => {
    const peer = await join(api, acme, 'admin', 'peer');
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

test('an Owner makes an Owner, demotes and removes one', async () => {
  const { memberId: id } = await join(api, acme, 'read', 'heir');
  const give = (role: 'owner' | 'admin') => mutate(people.owner, 'updateMember', { id, roleId: roleId(role) }, MEMBER);
  const heir = { id, user: { name: 'heir', email: 'heir@acme.test' } };
  expect(await give('owner')).toEqual({ member: { ...heir, role: { name: 'Owner' } }, errors: [] });
  expect(await give('admin')).toEqual({ member: { ...heir, role: { name: 'Admin' } }, errors: [] });
  await give('owner');
  expect(await mutate(people.owner, 'deleteMember', { id }, 'deletedId')).toEqual({ deletedId: id, errors: [] });
});

test.each([
  ['no role at all', () => 'rol_01h455vb4pex5vsknk084sn02q'],
  ['a role’s name', () => 'admin'],
  ['nothing', () => ''],
  ['a member', () => people.admin.memberId],
  ['a property of every object', () => 'constructor'],
])('%s is no role to give', async (_what, role) => {
  const before = await rolesNow();
  const input = { id: people.read.memberId, roleId: role() };
  expect(await mutate(people.owner, 'updateMember', input, 'member { id }')).toEqual({
    member: null,
    errors: [{ code: 'NOT_FOUND', path: ['roleId'] }],
  });
  expect(await rolesNow()).toEqual(before);
});

describe('a demotion counts from the next request on', () => {
  test('for sessions and tokens alike', async () => {
    const fallen = await join(api, acme, 'admin', 'fallen');
    const token = await tokenOf(api, fallen, 'WRITE');
    for (const caller of [fallen, token])
      expect(await mutate(caller, 'createCategory', { name: `By ${caller.token?.slice(-9)}` })).toEqual({ errors: [] });
    await mutate(people.admin, 'updateMember', { id: fallen.memberId, roleId: roleId('user') });
    for (const caller of [fallen, token]) {
      expect(await mutate(caller, 'createCategory', { name: 'Too late' })).toEqual({ refused: 'NO_GRANT' });
      expect((await ask(caller, '{ viewer { permissions } }')).viewer.permissions).not.toContain('category:create');
      expect((await ask(caller, '{ checks { totalCount } }')).checks).toEqual({ totalCount: 0 });
    }
  });

  test('also for what they had begun', async () => {
    const late = await join(api, acme, 'admin', 'late');
    const before = await rolesNow();
    const answer = await duringChange(
      api,
      (sql) => setRole(sql, late.email, 'read'),
      () => mutate(late, 'updateMember', { id: people.read.memberId, roleId: roleId('admin') }),
    );
    expect(answer).toEqual({ refused: 'NO_GRANT' });
    expect(await rolesNow()).toEqual({ ...before, late: 'Read' });
  });

  test('and from the next field on, for who demotes themselves', async () => {
    const humble = await join(api, acme, 'admin', 'humble');
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
