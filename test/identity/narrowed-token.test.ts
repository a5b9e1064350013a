import { expect, test } from 'vitest';
import { createProject } from '../decisions/support.ts';
import { createAndGetId, uuidOf } from '../enforcement/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { createOrganization, membersOfEachRole, mutate, queryData, roleId } from '../support/world.ts';
import { post } from './support.ts';
import { createToken, INVALID, listed, tryCreate } from './tokens.ts';

const api = await startApi({ config: { trustedProxies: ['127.0.0.1', '::1'] } });
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const { admin, user } = await membersOfEachRole(api, acme);
const [staging, production] = [
  await createProject(acme.owner, 'staging'),
  await createProject(acme.owner, 'production'),
];
const abroad = await createProject(globex.owner, 'abroad');

const createCategory = (caller: Caller) => mutate(caller, 'createCategory', { name: `C ${Math.random()}` });
const permissionsOf = async (caller: Caller): Promise<string[]> =>
  (await queryData(caller, '{ viewer { permissions } }')).viewer.permissions;

test('a token limited to patterns has these permissions of its holder and no others', async () => {
  const token = await createToken(api, admin, { permissions: ['category:*', 'level:read', 'organization:delete'] });
  expect(token.row.permissions).toEqual(['category:*', 'level:read', 'organization:delete']);
  // An Admin does not hold organization:delete.
  const held = (await permissionsOf(admin)).filter((name) => /^(category:|level:read$)/.test(name));
  expect(await permissionsOf(token)).toEqual(held);
  expect(await createCategory(token)).toEqual({ errors: [] });
  expect(await mutate(token, 'updateRubric', { name: 'X' })).toEqual({ refused: 'TOKEN_NARROWED' });
  expect(await mutate(token, 'createApiToken', { name: 'X' })).toEqual({ refused: 'TOKEN_NARROWED' });
});

test('a token limited to projects sees and changes only these', async () => {
  const token = await createToken(api, acme.owner, { projectIds: [staging] });
  expect(token.row.projects).toEqual([{ id: staging }]);
  const seen = await queryData(
    token,
    `{ projects { nodes { id } totalCount } here: project(id: "${staging}") { key } there: project(id: "${production}") { key } }`,
  );
  expect(seen).toEqual({
    projects: { nodes: [{ id: staging }], totalCount: 1 },
    here: { key: 'staging' },
    there: null,
  });
  expect(await createCategory(token)).toEqual({ refused: 'TOKEN_NARROWED' });
  expect(await mutate(token, 'updateProject', { id: staging, name: 'Staging' })).toEqual({ errors: [] });
  expect(await mutate(token, 'updateProject', { id: production, name: 'X' })).toEqual({ refused: 'NOT_FOUND' });
});

test('createApiToken refuses wrong limits', async () => {
  const many = (count: number, item: string): string[] => Array.from({ length: count }, () => item);
  const wrong: [Json, Json[]][] = [
    [{ permissions: ['rubric:create'] }, [INVALID('permissions', '0')]],
    // Suggestions take time, so that only the first errors are reported.
    [
      { permissions: many(200, 'rubric:create') },
      Array.from({ length: 20 }, (_, at) => INVALID('permissions', `${at}`)),
    ],
    [
      { permissions: ['check:read', 'Check:Read', '__proto__:constructor'] },
      [1, 2].map((at) => INVALID('permissions', `${at}`)),
    ],
    [{ permissions: [] }, [{ code: 'TOO_SHORT', path: ['permissions'] }]],
    [{ permissions: many(201, 'check:read') }, [{ code: 'TOO_LONG', path: ['permissions'] }]],
    [{ projectIds: [] }, [{ code: 'TOO_SHORT', path: ['projectIds'] }]],
    [{ projectIds: many(101, staging) }, [{ code: 'TOO_LONG', path: ['projectIds'] }]],
    [{ projectIds: [staging, abroad] }, [{ code: 'NOT_FOUND', path: ['projectIds', '1'] }]],
    [{ projectIds: [acme.id] }, [{ code: 'NOT_FOUND', path: ['projectIds', '0'] }]],
    ...[
      '10.0.0.0/33',
      '10.0.0',
      'localhost',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      '10.0.0.0/1e1',
      'fe80::1%eth0',
      '::/129',
      '',
    ].map((address): [Json, Json[]] => [{ addresses: [address] }, [INVALID('addresses', '0')]]),
    [{ addresses: many(51, '10.0.0.1') }, [{ code: 'TOO_LONG', path: ['addresses'] }]],
  ];
  const before = Object.keys(await listed(admin)).length;
  for (const [input, errors] of wrong)
    expect(await tryCreate(admin, input), JSON.stringify(input)).toEqual({ secret: null, apiToken: null, errors });
  expect(Object.keys(await listed(admin))).toHaveLength(before);
});

test('a narrowed token creates only tokens that are limited at least as much', async () => {
  const limits = { permissions: ['api_token:*', '*:read'], addresses: ['127.0.0.0/8', '2001:db8::/32'] };
  const maker = await createToken(api, admin, limits);
  expect((await createToken(api, maker)).row).toMatchObject(limits);
  const within = {
    permissions: ['check:read', 'api_token:create'],
    addresses: ['127.0.0.1', '127.1.0.0/16', '2001:db8:1::/48', '2001:db8::'],
  };
  expect((await createToken(api, maker, within)).row).toMatchObject(within);
  const beyond: [Json, string[]][] = [
    [{ permissions: ['*'] }, ['permissions', '0']],
    [{ permissions: ['check:read', 'check:*'] }, ['permissions', '1']],
    [{ permissions: ['check:update'] }, ['permissions', '0']],
    ...['0.0.0.0/0', '127.0.0.0/7', '128.0.0.1', '::/0', '2001:db8::/31', '::ffff:127.0.0.1', '2001:db9::'].map(
      (address): [Json, string[]] => [{ addresses: [address] }, ['addresses', '0']],
    ),
  ];
  for (const [input, path] of beyond)
    expect(await tryCreate(maker, input), JSON.stringify(input)).toMatchObject({
      secret: null,
      errors: [INVALID(...path)],
    });
  // Null means the default: the limits of the token that creates it.
  const cleared = await createToken(api, maker, { permissions: null, projectIds: null, addresses: null });
  expect(cleared.row).toMatchObject({ ...limits, projects: null });
});

test('a narrowed token gives a service account no token with more than the caller holds', async () => {
  const account = (role: 'read' | 'admin') =>
    createAndGetId(
      acme.owner,
      'createServiceAccount',
      { name: `${role} robot`, roleId: roleId(role) },
      'serviceAccount',
    );
  const [reader, boss] = [await account('read'), await account('admin')];
  const maker = await createToken(api, admin, { permissions: ['api_token:*', 'service_account:*', '*:read'] });
  const forReader = await createToken(api, maker, { serviceAccountId: reader, access: 'READ' });
  expect(forReader.row).toMatchObject({ permissions: maker.row.permissions, createdWith: null });
  // The limits of the creating token also apply to the new token.
  const forBoss = await createToken(api, maker, { serviceAccountId: boss });
  expect(await createCategory(forBoss)).toEqual({ refused: 'TOKEN_NARROWED' });
  expect(await tryCreate(maker, { serviceAccountId: boss, permissions: ['*'] })).toMatchObject({
    errors: [INVALID('permissions', '0')],
  });
  const reading = await createToken(api, admin, { permissions: ['api_token:*', 'service_account:*', 'check:read'] });
  expect(
    await tryCreate(reading, {
      serviceAccountId: reader,
      access: 'READ',
      permissions: ['api_token:read', 'check:read'],
    }),
  ).toMatchObject({ errors: [] });
  expect(await tryCreate(user, { serviceAccountId: reader })).toEqual({ refused: 'NO_GRANT' });
});

test('a narrowed token of an Owner is no Owner', async () => {
  const token = await createToken(api, acme.owner, { permissions: ['*'] });
  const DEMOTE = { id: acme.owner.memberId, roleId: roleId('admin') };
  expect(await mutate(token, 'updateMember', DEMOTE)).toEqual({ refused: 'NOT_HELD' });
  expect(await mutate(token, 'updateMember', { id: user.memberId, roleId: roleId('owner') })).toEqual({
    refused: 'NOT_HELD',
  });
  expect(await mutate(token, 'updateMember', { id: user.memberId, roleId: roleId('write') })).toEqual({ errors: [] });
});

const CREDENTIAL = `{ viewer { credential {
  kind access permissions projects { id key } addresses expiresAt } } }`;

test('the viewer sees the limits of the credential', async () => {
  const expiresAt = '2100-01-01T00:00:00.000Z';
  const addresses = ['127.0.0.0/8', '::1'];
  const token = await createToken(api, acme.owner, {
    projectIds: [staging, production],
    permissions: ['project:*'],
    addresses,
    expiresAt,
  });
  await api.root`delete from projects where id = ${uuidOf('prj', production)}`;
  expect((await queryData(token, CREDENTIAL)).viewer.credential).toEqual({
    kind: 'API_TOKEN',
    access: 'WRITE',
    permissions: ['project:*'],
    projects: [{ id: staging, key: 'staging' }],
    addresses,
    expiresAt,
  });
  expect((await queryData(admin, CREDENTIAL)).viewer.credential).toMatchObject({
    kind: 'SESSION',
    permissions: null,
    projects: null,
    addresses: null,
  });
});

test('a token is refused from other addresses, whatever the client writes in X-Forwarded-For', async () => {
  const token = await createToken(api, admin, { addresses: ['192.0.2.0/24', '2001:db8::/32', '198.51.100.7'] });
  const from = async (forwarded: string): Promise<Json> => {
    const { status, data, errors } = await post(
      api,
      { authorization: `Bearer ${token.secret}`, 'x-forwarded-for': forwarded },
      '{ viewer { role { name } } }',
    );
    return errors ? [status, errors[0].extensions.code, errors[0].extensions.reason] : data.viewer.role.name;
  };
  const REFUSED = [expect.any(Number), 'FORBIDDEN', 'ADDRESS_NOT_ALLOWED'];
  // Twice each, because the second request finds the cached actor.
  for (const address of [
    '192.0.2.1',
    '::ffff:192.0.2.1',
    '2001:db8:1::5',
    '2001:DB8::1',
    '198.51.100.7',
    '203.0.113.9, 192.0.2.1',
  ])
    for (const _ of [1, 2]) expect(await from(address), address).toBe('Admin');
  for (const address of [
    '203.0.113.9',
    '::ffff:203.0.113.9',
    '2001:db9::1',
    '198.51.100.8',
    '192.0.2.1, 203.0.113.9',
    '::1',
    'unknown',
  ])
    for (const _ of [1, 2]) expect(await from(address), address).toEqual(REFUSED);
  expect(await queryData(admin, '{ viewer { role { name } } }')).toEqual({ viewer: { role: { name: 'Admin' } } });
});

test('without a trusted proxy, X-Forwarded-For does not change the address', async () => {
  const direct = await startApi({ database: api });
  const [inside, outside] = [
    await createToken(api, admin, { addresses: ['127.0.0.0/8', '::1'] }),
    await createToken(api, admin, { addresses: ['192.0.2.0/24'] }),
  ];
  const ask = (token: Caller) =>
    post(direct, { authorization: `Bearer ${token.token}`, 'x-forwarded-for': '192.0.2.1' }, '{ __typename }');
  expect((await ask(inside)).data).toEqual({ __typename: 'Query' });
  expect((await ask(outside)).errors).toMatchObject([{ extensions: { reason: 'ADDRESS_NOT_ALLOWED' } }]);
});
