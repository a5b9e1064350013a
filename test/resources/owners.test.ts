import { expect, test } from 'vitest';
import { allow, createRole, createServiceAccount, giveRole, startWorld } from '../decisions/support.ts';
import type { Caller, Json } from '../support/api.ts';
import { addMember, createApiToken, executeMutation, mutate, queryData, roleId } from '../support/world.ts';

const { api, acme, people } = await startWorld();
const { owner } = people;
const second = await addMember(api, acme, 'owner', 'second');
const mighty = await addMember(api, acme, 'read', 'mighty');
await giveRole(owner, mighty.memberId, await createRole(owner, 'Mighty', [allow('*')]));
const robot = await createServiceAccount(owner, 'robot', roleId('owner'));

const tokenOf = async (account: string): Promise<string> =>
  (
    await executeMutation(
      owner,
      'mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { apiToken { id } errors { code } } }',
      { input: { name: 'robot', access: 'WRITE', serviceAccountId: account } },
    )
  ).apiToken.id;

const token = (await createApiToken(api, second, 'WRITE')).id;
const robotToken = await tokenOf(robot);

const ON_OWNERS: [string, object][] = [
  ['updateMember', { id: second.memberId, roleId: roleId('admin') }],
  ['updateMember', { id: second.memberId, roleId: roleId('owner') }],
  ['deleteMember', { id: second.memberId }],
  ['signOutMember', { memberId: second.memberId }],
  ['updateMember', { id: people.read.memberId, roleId: roleId('owner') }],
  ['transferOwnership', { memberId: people.read.memberId }],
  ['updateServiceAccount', { id: robot, name: 'Renamed' }],
  ['deleteServiceAccount', { id: robot }],
  ['deleteApiToken', { id: token }],
  ['deleteApiToken', { id: robotToken }],
  ['createApiToken', { name: 'read', access: 'READ', serviceAccountId: robot }],
];

test.each(ON_OWNERS)('%s of an Owner is for Owners only, whatever else the caller holds (%j)', async (name, input) => {
  for (const caller of [people.admin, mighty]) {
    const { refused } = await mutate(caller, name, input);
    expect(['NOT_HELD', 'NO_GRANT']).toContain(refused);
  }
});

test('a custom role grants no organization:transfer, so authorize and viewerPermissions do not promise it', async () => {
  const ASK =
    '{ authorize(requests: [{ permission: "organization:transfer" }]) { allowed reason } organization { viewerPermissions } }';
  const { authorize, organization } = await queryData(mighty, ASK);
  expect(authorize).toEqual([{ allowed: false, reason: 'NO_GRANT' }]);
  expect(organization.viewerPermissions).not.toContain('organization:transfer');
  expect(organization.viewerPermissions).toContain('organization:delete');
  expect((await queryData(owner, ASK)).authorize).toEqual([{ allowed: true, reason: null }]);
});

const VIEWER = `query ($id: ID!) { node(id: $id) {
  ... on Member { viewerPermissions } ... on ServiceAccount { viewerPermissions } ... on ApiToken { viewerPermissions }
} }`;
const may = async (caller: Caller, id: string): Promise<string[]> =>
  (await queryData(caller, VIEWER, { id })).node.viewerPermissions;

test('viewerPermissions of an Owner, their service account and their token promise others nothing but reading', async () => {
  for (const caller of [people.admin, mighty])
    for (const id of [second.memberId, robot, token, robotToken])
      expect(await may(caller, id), id).toEqual((await may(caller, id)).filter((name) => name.endsWith(':read')));
  expect(await may(owner, token)).toContain('api_token:delete');
  expect(await may(owner, second.memberId)).toContain('member:delete');
});

test('an Admin revokes the tokens of others, and an Owner those of an Owner', async () => {
  const { id } = await createApiToken(api, people.user, 'READ');
  expect(await may(people.admin, id)).toContain('api_token:delete');
  expect(await mutate(people.admin, 'deleteApiToken', { id })).toEqual({ errors: [] });
  expect(await mutate(owner, 'deleteApiToken', { id: token })).toEqual({ errors: [] });
});

const inAnHour = (): Date => new Date(Date.now() + 3_600_000);
const outcome = ({ refused, errors }: Json): string => refused ?? errors[0]?.code ?? 'done';

test('viewerPermissions of a member whose fallback role is greater promise what the mutations allow', async () => {
  const staff = await addMember(api, acme, 'read', 'staff');
  await giveRole(
    owner,
    staff.memberId,
    await createRole(owner, 'Staff', [allow('*:read', '*:read_content', 'member:*', 'session:*')]),
  );
  const [growing, plain] = [await addMember(api, acme, 'read', 'growing'), await addMember(api, acme, 'read', 'plain')];
  await giveRole(owner, growing.memberId, roleId('read'), {
    roleExpiresAt: inAnHour(),
    fallbackRoleId: roleId('admin'),
  });
  for (const [{ memberId: id }, expected] of [
    [growing, 'NOT_HELD'],
    [plain, 'done'],
  ] as const) {
    const promised = await may(staff, id);
    const names = {
      'member:update': 'updateMember',
      'member:delete': 'deleteMember',
      'session:delete': 'signOutMember',
    };
    for (const [permission, name] of Object.entries(names)) {
      const input = name === 'signOutMember' ? { memberId: id } : { id, dryRun: true };
      expect(outcome(await mutate(staff, name, input)), name).toBe(expected);
      expect(promised.includes(permission), permission).toBe(expected === 'done');
    }
  }
});

test('a caller whose role expires is not promised to remove who will hold more', async () => {
  const [passing, user] = [
    await addMember(api, acme, 'admin', 'passing'),
    await addMember(api, acme, 'user', 'staying'),
  ];
  await giveRole(owner, passing.memberId, roleId('admin'), {
    roleExpiresAt: inAnHour(),
    fallbackRoleId: roleId('read'),
  });
  expect(outcome(await mutate(passing, 'deleteMember', { id: user.memberId, dryRun: true }))).toBe('NOT_HELD');
  expect(await may(passing, user.memberId)).toEqual(['member:read', 'member:update', 'session:read', 'session:delete']);
});
