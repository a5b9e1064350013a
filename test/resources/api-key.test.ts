import { afterEach, describe, expect, test } from 'vitest';
import { API_KEY_PRESETS } from '../../src/access/key-role.ts';
import { allow, createProject, giveProjectRole, projectRoleId } from '../decisions/support.ts';
import { organizationUuid } from '../enforcement/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { differencesOfDirectories } from '../support/directories.ts';
import {
  addMember,
  createApiToken,
  createOrganization,
  mutate,
  type Person,
  queryData,
  roleId,
} from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const project = await createProject(owner, 'main');

afterEach(async () => expect(await differencesOfDirectories(api.root)).toEqual([]));

let count = 0;
const unique = (text: string): string => `${text} ${++count}`;
const DAY = 24 * 60 * 60 * 1000;
const inDays = (days: number): string => new Date(Date.now() + days * DAY).toISOString();
const setPlan = (plan: string) =>
  api.root`update organizations set plan = ${plan} where id = ${organizationUuid(acme)}`;

const FIELDS = `id name preset permissions effectivePermissions access suspended addresses hint expiresAt
  previousSecret { hint } createdBy { id } createdById viewerPermissions project { id }`;
type Key = Caller & { id: string; row: Json };

const tryCreate = (by: Caller, input: object = {}): Promise<Json> =>
  mutate(by, 'createApiKey', { projectId: project, name: unique('key'), ...input }, `secret apiKey { ${FIELDS} }`);
const keyOf = (answer: Json): Key => {
  if (!answer.secret) throw new Error(JSON.stringify(answer));
  return { ...api.as(answer.secret), id: answer.apiKey.id, row: answer.apiKey };
};
const create = async (by: Caller, input: object = {}): Promise<Key> =>
  keyOf(await tryCreate(by, { preset: 'FULL', ...input }));
const tryUpdate = (by: Caller, { id }: Key, input: object): Promise<Json> =>
  mutate(by, 'updateApiKey', { id, ...input }, `apiKey { ${FIELDS} }`);
const tryRotate = (by: Caller, { id }: Key, input: object = {}): Promise<Json> =>
  mutate(by, 'rotateApiKey', { id, ...input }, `secret apiKey { ${FIELDS} }`);
const remove = (by: Caller, { id }: Key): Promise<Json> => mutate(by, 'deleteApiKey', { id }, 'deletedId');

/** What a mutation answers: the codes of its errors, the reason of its refusal, or `ok`. */
const outcome = ({ refused, errors }: Json): string =>
  refused ?? (errors.map(({ code }: Json) => code).join(' ') || 'ok');
const statusOf = async (key: Caller): Promise<number> => (await key.query('{ viewer { apiKey { id } } }')).status;
const addDataset = (by: Caller, projectId = project): Promise<Json> =>
  mutate(by, 'createDataset', { projectId, name: unique('dataset') });
const find = async (by: Caller, { id }: Key): Promise<Json> =>
  (await queryData(by, `query ($id: ID!) { apiKey(id: $id) { ${FIELDS} } }`, { id })).apiKey;

/** A member with a project role, besides an organization role. */
async function join(
  role: 'guest' | 'read' | 'user' | 'write' | 'admin',
  inProject?: 'manager' | 'member',
): Promise<Person> {
  const person = await addMember(api, acme, role, unique('person').replace(' ', '-'));
  if (inProject) await giveProjectRole(owner, project, person.memberId, projectRoleId(inProject));
  return person;
}

describe('a new key', () => {
  test('has the permissions of its preset in its project and none elsewhere', async () => {
    const other = await createProject(owner, 'other');
    for (const [preset, access] of [
      ['SDK', 'WRITE'],
      ['READ_ONLY', 'READ'],
      ['FULL', 'WRITE'],
    ] as const) {
      const key = await create(owner, { preset });
      const permissions = API_KEY_PRESETS[preset];
      expect(key.row).toMatchObject({ preset, permissions, access, suspended: false, project: { id: project } });
      expect([...key.row.effectivePermissions].sort()).toEqual([...new Set([...permissions, 'project:read'])].sort());
      const may = 'query ($project: ID!) { permissionsOf(targetId: $project) }';
      const inProject = await queryData(key, may, { project });
      expect(inProject.permissionsOf).toEqual(key.row.effectivePermissions);
      expect((await key.query(may, { project: other })).data).toEqual({ permissionsOf: null });
      expect(outcome(await addDataset(key))).toBe(preset === 'FULL' ? 'ok' : 'NO_GRANT');
      expect(outcome(await addDataset(key, other))).toBe('NOT_FOUND');
    }
  });

  test('has the permissions that its patterns match, without those on API keys that they do not list', async () => {
    const key = await create(owner, { preset: null, permissions: ['*', 'api_key:delete'] });
    expect(key.row).toMatchObject({ preset: null, permissions: ['*', 'api_key:delete'], access: 'WRITE' });
    expect(key.row.effectivePermissions).toEqual(expect.arrayContaining(['api_key:read', 'project_member:create']));
    const ofKeys = key.row.effectivePermissions.filter((name: string) => name.startsWith('api_key:'));
    expect(ofKeys).toEqual(['api_key:read', 'api_key:delete']);
    const reading = await create(owner, { preset: null, permissions: ['*:read'] });
    expect(reading.row).toMatchObject({ access: 'READ' });
  });

  test('shows its secret once, and later only the end of it', async () => {
    const key = await create(owner);
    expect(key.token).toMatch(/^ambit_key_[0-9a-f]{72}$/);
    expect(key.row).toMatchObject({ hint: `ambit_key_…${key.token?.slice(-4)}`, createdBy: { id: owner.memberId } });
    const stored = await api.root`select * from api_tokens t where to_jsonb(t)::text like ${`%${key.token}%`}`;
    expect(stored).toHaveLength(0);
    const events = await api.root`select * from audit_events e where to_jsonb(e)::text like ${`%${key.token}%`}`;
    expect(events).toHaveLength(0);
  });

  test('needs exactly one of preset and permissions, and only patterns that give something', async () => {
    const permissions = ['dataset:read'];
    const cases: [object, string, string[]][] = [
      [{}, 'REQUIRED', ['preset']],
      [{ preset: null, permissions: null }, 'REQUIRED', ['preset']],
      [{ preset: 'SDK', permissions }, 'INVALID', ['preset']],
      [{ permissions: [] }, 'TOO_SHORT', ['permissions']],
      [{ permissions: ['dataset:read', 'datasets:*'] }, 'INVALID', ['permissions', '1']],
      [{ permissions: ['member:*'] }, 'INVALID', ['permissions', '0']],
      [{ permissions: ['role:read'] }, 'INVALID', ['permissions', '0']],
      [{ permissions: Array(201).fill('dataset:read') }, 'TOO_LONG', ['permissions']],
      [{ preset: 'SDK', addresses: ['here'] }, 'INVALID', ['addresses', '0']],
      [{ preset: 'SDK', expiresAt: inDays(-1) }, 'INVALID', ['expiresAt']],
      [{ preset: 'SDK', name: ' ' }, 'TOO_SHORT', ['name']],
    ];
    for (const [input, code, path] of cases)
      expect((await tryCreate(owner, input)).errors, JSON.stringify(input)).toEqual([{ code, path }]);
  });

  test('has a name that no other key of the project has, in any case, also when two are created at once', async () => {
    const name = unique('Deploy');
    const taken = { errors: [{ code: 'TAKEN', path: ['name'] }] };
    const created = await Promise.all(
      [name, name.toUpperCase(), name].map((one) => tryCreate(owner, { name: one, preset: 'SDK' })),
    );
    expect(created.map(outcome).sort()).toEqual(['TAKEN', 'TAKEN', 'ok']);
    expect(await tryCreate(owner, { name: name.toLowerCase(), preset: 'SDK' })).toMatchObject(taken);
    expect(await tryUpdate(owner, await create(owner), { name: name.toLowerCase() })).toMatchObject(taken);
    const elsewhere = await createProject(owner, 'elsewhere');
    expect(outcome(await tryCreate(owner, { name, preset: 'SDK', projectId: elsewhere }))).toBe('ok');
  });

  test('can be used from its addresses only', async () => {
    const [here, away] = [['127.0.0.0/8', '::1'], ['192.0.2.0/24']];
    const [near, far] = [await create(owner, { addresses: here }), await create(owner, { addresses: away })];
    expect(near.row.addresses).toEqual(here);
    expect(await statusOf(near)).toBe(200);
    expect((await far.query('{ viewer { apiKey { id } } }')).errors).toMatchObject([
      { extensions: { code: 'FORBIDDEN', reason: 'ADDRESS_NOT_ALLOWED' } },
    ]);
    await tryUpdate(owner, far, { addresses: null });
    expect(await statusOf(far)).toBe(200);
  });
});

describe('the plan', () => {
  afterEach(() => setPlan('ENTERPRISE'));

  test('limits the number of keys of a project, also when two requests create the last one', async () => {
    const full = await createProject(owner, 'full');
    await setPlan('FREE');
    const input = { projectId: full, preset: 'SDK' };
    for (let at = 0; at < 4; at += 1) expect(outcome(await tryCreate(owner, input))).toBe('ok');
    const last = await Promise.all([tryCreate(owner, input), tryCreate(owner, input)]);
    expect(last.map(outcome).sort()).toEqual(['PLAN_REQUIRED', 'ok']);
    await setPlan('TEAM');
    expect(outcome(await tryCreate(owner, input))).toBe('ok');
  });

  test('FREE has presets and no patterns, and suspends the patterns of existing keys', async () => {
    await setPlan('TEAM');
    const patterns = await create(owner, { preset: null, permissions: ['dataset:*'] });
    const preset = await create(owner, { preset: 'FULL' });
    await setPlan('FREE');
    expect(outcome(await tryCreate(owner, { permissions: ['dataset:read'] }))).toBe('PLAN_REQUIRED');
    expect(outcome(await tryUpdate(owner, preset, { permissions: ['dataset:read'] }))).toBe('PLAN_REQUIRED');
    expect(await find(owner, patterns)).toMatchObject({
      suspended: true,
      effectivePermissions: ['project:read', 'dataset:read'],
    });
    expect([outcome(await addDataset(patterns)), outcome(await addDataset(preset))]).toEqual(['PLAN_LACKS', 'ok']);
    expect(outcome(await tryUpdate(owner, patterns, { name: unique('renamed') }))).toBe('ok');
    await setPlan('TEAM');
    expect(outcome(await addDataset(patterns))).toBe('ok');
  });
});

describe('escalation', () => {
  test('nobody creates a key with a permission that they do not have in the project', async () => {
    const [manager, member] = [await join('read', 'manager'), await join('read', 'member')];
    expect(outcome(await tryCreate(member, { preset: 'SDK' }))).toBe('NO_GRANT');
    expect(outcome(await tryCreate(manager, { preset: 'SDK' }))).toBe('ok');
    // Only an Owner of the project deletes it.
    expect(outcome(await tryCreate(manager, { preset: 'FULL' }))).toBe('NOT_HELD');
    expect(outcome(await tryCreate(manager, { permissions: ['dataset:*'] }))).toBe('ok');
    expect(outcome(await tryCreate(manager, { permissions: ['dataset:*', 'project:delete'] }))).toBe('NOT_HELD');
  });

  test('nobody changes or rotates a key that has more than they have, but may revoke it', async () => {
    const manager = await join('read', 'manager');
    const [greater, equal] = [await create(owner), await create(owner, { preset: 'SDK' })];
    expect((await find(manager, greater)).viewerPermissions).toEqual(['api_key:read', 'api_key:delete']);
    expect((await find(manager, equal)).viewerPermissions).toEqual([
      'api_key:read',
      'api_key:update',
      'api_key:delete',
    ]);
    expect(outcome(await tryUpdate(manager, greater, { name: unique('name') }))).toBe('NOT_HELD');
    expect(outcome(await tryUpdate(manager, greater, { preset: 'SDK' }))).toBe('NOT_HELD');
    expect(outcome(await tryRotate(manager, greater))).toBe('NOT_HELD');
    expect(outcome(await tryUpdate(manager, equal, { preset: 'FULL' }))).toBe('NOT_HELD');
    expect(outcome(await tryUpdate(manager, equal, { permissions: ['dataset:*'] }))).toBe('ok');
    expect(outcome(await tryRotate(manager, equal))).toBe('ok');
    expect(outcome(await remove(manager, greater))).toBe('ok');
    expect(await statusOf(greater)).toBe(401);
  });

  test('a member whose role expires gives nothing that lasts longer', async () => {
    const admin = await join('admin');
    const term = {
      id: admin.memberId,
      roleId: roleId('admin'),
      roleExpiresAt: inDays(10),
      fallbackRoleId: roleId('read'),
    };
    expect(outcome(await mutate(owner, 'updateMember', term))).toBe('ok');
    expect(outcome(await tryCreate(admin, { preset: 'FULL' }))).toBe('NOT_HELD');
    expect(outcome(await tryCreate(admin, { preset: 'FULL', expiresAt: inDays(11) }))).toBe('NOT_HELD');
    // After the role has expired, the member can still read.
    expect(outcome(await tryCreate(admin, { permissions: ['dataset:read'] }))).toBe('ok');
    const key = await create(admin, { preset: 'FULL', expiresAt: inDays(9) });
    expect(outcome(await tryUpdate(admin, key, { name: unique('name') }))).toBe('ok');
    expect(outcome(await tryUpdate(admin, key, { expiresAt: inDays(11) }))).toBe('NOT_HELD');
    expect(outcome(await tryUpdate(admin, key, { expiresAt: null }))).toBe('NOT_HELD');
    expect(outcome(await tryRotate(admin, key))).toBe('ok');
    expect(outcome(await tryRotate(admin, await create(owner)))).toBe('NOT_HELD');
  });

  test('a key does not shrink with its creator', async () => {
    const admin = await join('admin');
    const key = await create(admin);
    await mutate(owner, 'updateMember', { id: admin.memberId, roleId: roleId('guest') });
    expect(outcome(await addDataset(admin))).toBe('NOT_FOUND');
    expect(outcome(await addDataset(key))).toBe('ok');
  });
});

describe('a key that creates keys', () => {
  const literal = ['dataset:*', 'api_key:create', 'api_key:update', 'api_key:read'];

  test('needs the permission itself among its patterns, and gives no more than it has', async () => {
    for (const permissions of [['*'], ['api_key:*'], ['*:create', '*:update']]) {
      const wild = await create(owner, { preset: null, permissions });
      expect(outcome(await tryCreate(wild, { permissions: ['project:read'] })), permissions.join()).toBe('NO_GRANT');
    }
    const key = await create(owner, { preset: null, permissions: literal });
    expect(outcome(await tryCreate(key, { permissions: ['dataset:*'] }))).toBe('ok');
    expect(outcome(await tryCreate(key, { permissions: ['prompt:read'] }))).toBe('NOT_HELD');
    expect(outcome(await tryCreate(key, { preset: 'SDK' }))).toBe('NOT_HELD');
    expect(outcome(await tryUpdate(key, key, { permissions: [...literal, 'prompt:read'] }))).toBe('NOT_HELD');
    expect(outcome(await tryRotate(key, await create(owner, { preset: null, permissions: ['dataset:read'] })))).toBe(
      'SESSION_REQUIRED',
    );
  });

  test('ends them with itself, and so does its expiry', async () => {
    const key = await create(owner, { preset: null, permissions: literal, expiresAt: inDays(30) });
    expect(outcome(await tryCreate(key, { permissions: ['dataset:*'] }))).toBe('INVALID');
    expect(outcome(await tryCreate(key, { permissions: ['dataset:*'], expiresAt: inDays(31) }))).toBe('INVALID');
    const child = await create(key, { preset: null, permissions: literal, expiresAt: inDays(29) });
    const grandchild = await create(child, { preset: null, permissions: ['dataset:*'], expiresAt: inDays(28) });
    expect(child.row).toMatchObject({ createdBy: null, createdById: key.id });
    expect(outcome(await tryUpdate(key, key, { expiresAt: null }))).toBe('INVALID');
    expect(outcome(await tryUpdate(owner, child, { expiresAt: inDays(31) }))).toBe('INVALID');
    const sooner = inDays(5);
    expect(outcome(await tryUpdate(owner, key, { expiresAt: sooner }))).toBe('ok');
    expect([(await find(owner, child)).expiresAt, (await find(owner, grandchild)).expiresAt]).toEqual([sooner, sooner]);
    expect(await remove(owner, key)).toMatchObject({ deletedId: key.id });
    expect([await statusOf(child), await statusOf(grandchild)]).toEqual([401, 401]);
  });

  test('limits them to its own addresses', async () => {
    const own = { addresses: ['127.0.0.0/8', '::1/128'] };
    const key = await create(owner, { preset: null, permissions: literal, ...own });
    const made = await create(key, { preset: null, permissions: ['dataset:*'] });
    expect(made.row.addresses).toEqual(own.addresses);
    expect(outcome(await tryCreate(key, { permissions: ['dataset:*'], addresses: ['0.0.0.0/0'] }))).toBe('INVALID');
    expect(outcome(await tryUpdate(key, key, { addresses: ['0.0.0.0/0'] }))).toBe('INVALID');
    expect(outcome(await tryUpdate(owner, made, { addresses: null }))).toBe('ok');
    expect(outcome(await tryRotate(key, made))).toBe('SESSION_REQUIRED');
  });
});

test('an update applies to the next request, and null is for what can be missing', async () => {
  const key = await create(owner, { expiresAt: inDays(1) });
  expect(outcome(await addDataset(key))).toBe('ok');
  expect(await tryUpdate(owner, key, { preset: 'READ_ONLY' })).toMatchObject({
    apiKey: { preset: 'READ_ONLY', access: 'READ' },
  });
  expect(outcome(await addDataset(key))).toBe('NO_GRANT');
  expect(await tryUpdate(owner, key, { preset: null, permissions: ['dataset:*'] })).toMatchObject({
    apiKey: { preset: null, permissions: ['dataset:*'], access: 'WRITE' },
  });
  expect(outcome(await addDataset(key))).toBe('ok');
  for (const field of ['name', 'preset', 'permissions'])
    expect((await tryUpdate(owner, key, { [field]: null })).errors, field).toEqual([
      { code: 'REQUIRED', path: [field] },
    ]);
  expect(await tryUpdate(owner, key, { expiresAt: null })).toMatchObject({ apiKey: { expiresAt: null } });
  expect(await tryUpdate(owner, key, {})).toMatchObject({ apiKey: { expiresAt: null, permissions: ['dataset:*'] } });
});

test('a rotation keeps the previous secret for the grace, and a third secret must wait for its end', async () => {
  const key = await create(owner);
  const rotated = keyOf(await tryRotate(owner, key, { graceSeconds: 3_600 }));
  expect(rotated.row).toMatchObject({ id: key.id, previousSecret: { hint: key.row.hint } });
  expect([await statusOf(key), await statusOf(rotated)]).toEqual([200, 200]);
  expect(outcome(await tryRotate(owner, key))).toBe('CONFLICT');
  expect(outcome(await tryRotate(owner, key, { graceSeconds: 7 * 24 * 3_600 + 1 }))).toBe('INVALID');
  await api.root`update api_tokens set previous_ends_at = now() - interval '1 second' where previous_ends_at is not null`;
  expect([await statusOf(key), await statusOf(rotated)]).toEqual([401, 200]);
  const last = keyOf(await tryRotate(owner, key));
  expect([await statusOf(rotated), await statusOf(last)]).toEqual([401, 200]);
  const again = keyOf(await tryRotate(owner, key, { graceSeconds: 60 }));
  await remove(owner, key);
  expect([await statusOf(last), await statusOf(again)]).toEqual([401, 401]);
});

describe('the creator', () => {
  const LEFT = 'deletedId apiKeys { id createdBy { id } createdById }';
  const listed = async (by: Caller, filter: object): Promise<string[]> => {
    const document = `query ($id: ID!, $filter: ApiKeyFilter) { project(id: $id) { apiKeys(filter: $filter) { nodes { id } } } }`;
    return (await queryData(by, document, { id: project, filter })).project.apiKeys.nodes.map(({ id }: Json) => id);
  };

  test('is known after the member has left, and keys that were created with a session stay', async () => {
    const admin = await join('admin');
    const [key, token] = [await create(admin), await createApiToken(api, admin, 'WRITE')];
    const made = await create(token);
    expect(await listed(owner, { createdBy: admin.memberId })).toEqual([key.id, made.id]);
    const dry = await mutate(owner, 'deleteMember', { id: admin.memberId, dryRun: true }, LEFT);
    expect(dry).toMatchObject({ deletedId: null, apiKeys: null });
    const { apiKeys } = await mutate(owner, 'deleteMember', { id: admin.memberId }, LEFT);
    expect(apiKeys).toEqual([{ id: key.id, createdBy: null, createdById: admin.memberId }]);
    expect([await statusOf(key), await statusOf(made)]).toEqual([200, 401]);
    expect(await listed(owner, { createdBy: admin.memberId })).toEqual([key.id]);
    expect(await listed(owner, { createdBy: owner.memberId })).not.toContain(key.id);
    expect(await listed(owner, { createdBy: admin.memberId.replace('mem_', 'sva_') })).toEqual([]);
  });

  test('who leaves gets a list of the keys that the creator can see', async () => {
    const admin = await join('admin');
    const key = await create(admin);
    const { apiKeys } = await mutate(admin, 'leaveOrganization', {}, LEFT);
    expect(apiKeys).toEqual([{ id: key.id, createdBy: null, createdById: admin.memberId }]);
    expect(await statusOf(key)).toBe(200);
  });

  test('whoever removes a member sees no keys of projects that are hidden from them', async () => {
    const [hidden, creator, remover] = [await createProject(owner, 'hidden'), await join('admin'), await join('user')];
    const key = await create(creator, { projectId: hidden });
    await mutate(owner, 'updateMember', { id: creator.memberId, roleId: roleId('guest') });
    const everything = { name: unique('Everything'), statements: [allow('*')] };
    const { role } = await mutate(owner, 'createRole', everything, 'role { id }');
    await mutate(owner, 'updateMember', { id: remover.memberId, roleId: role.id });
    await giveProjectRole(owner, hidden, remover.memberId, null);
    const removed = await mutate(remover, 'deleteMember', { id: creator.memberId }, LEFT);
    expect(removed).toMatchObject({ deletedId: creator.memberId, apiKeys: [] });
    expect(await statusOf(key)).toBe(200);
  });
});

test('keys end with their project, and so do their secrets', async () => {
  const own = await createProject(owner, 'short-lived');
  const key = await create(owner, { projectId: own });
  const rotated = keyOf(await tryRotate(owner, key, { graceSeconds: 60 }));
  const dry = { id: own, key: 'short-lived', dryRun: true };
  expect(outcome(await mutate(owner, 'deleteProject', dry))).toBe('ok');
  expect([await statusOf(key), await statusOf(rotated)]).toEqual([200, 200]);
  expect(outcome(await mutate(owner, 'deleteProject', { ...dry, dryRun: false }))).toBe('ok');
  expect([await statusOf(key), await statusOf(rotated)]).toEqual([401, 401]);
});

test('the audit log names the key that acted, and shows a changed key without its secret', async () => {
  const key = await create(owner);
  await addDataset(key);
  await tryUpdate(owner, key, { preset: 'SDK' });
  const document = `query ($filter: AuditEventFilter!) { auditEvents(filter: $filter) {
    nodes { action actor { kind id name } role credentialKind credentialId before after } } }`;
  const byKey = await queryData(owner, document, { filter: { actorId: key.id } });
  expect(byKey.auditEvents.nodes).toMatchObject([
    {
      ...{ action: 'createDataset', actor: { kind: 'API_KEY', id: key.id, name: key.row.name }, role: null },
      ...{ credentialKind: 'API_KEY', credentialId: key.id },
    },
  ]);
  const ofKey = await queryData(owner, document, { filter: { targetId: key.id } });
  expect(ofKey.auditEvents.nodes.map(({ action }: Json) => action)).toEqual(['updateApiKey', 'createApiKey']);
  expect(ofKey.auditEvents.nodes[0]).toMatchObject({
    before: { id: key.id, projectId: project, preset: 'FULL', createdById: owner.memberId },
    after: { preset: 'SDK' },
  });
  expect(JSON.stringify(ofKey)).not.toMatch(/hash/i);
});

test('the list is ordered, filtered and paged', async () => {
  const own = await createProject(owner, 'listed');
  const names = ['banana', 'Apple', 'cherry'];
  for (const name of names) await create(owner, { projectId: own, name, preset: name === 'cherry' ? 'SDK' : 'FULL' });
  const list = async (args: string): Promise<string[]> => {
    const { project: found } = await queryData(
      owner,
      `query ($id: ID!) { project(id: $id) { apiKeys${args} { totalCount nodes { name } } } }`,
      { id: own },
    );
    return [found.apiKeys.totalCount, ...found.apiKeys.nodes.map(({ name }: Json) => name)];
  };
  const byName = [...names].sort();
  expect(await list('')).toEqual([3, ...byName]);
  expect(await list('(orderBy: { field: NAME, direction: DESC })')).toEqual([3, ...byName.toReversed()]);
  expect(await list('(orderBy: { field: CREATED_AT })')).toEqual([3, ...names]);
  expect(await list('(filter: { search: "AN" })')).toEqual([1, 'banana']);
  expect(await list('(filter: { preset: SDK }, first: 5)')).toEqual([1, 'cherry']);
  expect(await list('(first: 1)')).toEqual([3, byName[0]]);
});
