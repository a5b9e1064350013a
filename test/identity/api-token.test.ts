import { expect, test } from 'vitest';
import { BUILT_IN_ROLES, type BuiltInRole } from '../../src/access/catalog.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import {
  addMember,
  addToOrganization,
  createApiToken,
  createOrganization,
  executeMutation,
  membersOfEachRole,
  roleId,
  signIn,
} from '../support/world.ts';
import { everythingStored, inside, look, moveTo, REFUSED, refusedAt, whole } from './support.ts';

const UPDATE_MEMBER = `mutation ($id: ID!, $roleId: ID!) {
  updateMember(input: { id: $id, roleId: $roleId }) { member { role { name } } errors { code } }
}`;
const CREATE_CATEGORY = 'mutation ($name: String!) { createCategory(input: { name: $name }) { errors { code } } }';

const api = await startApi();
const node = await startApi({ database: api });
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const people = await membersOfEachRole(api, acme);
const onNode = (caller: Caller) => node.as(caller.token);

const permissionsOf = async (caller: Caller): Promise<string[]> =>
  (await caller.query('{ viewer { permissions } }')).data.viewer.permissions;
const setRoleOf = (person: { memberId: string }, role: BuiltInRole) =>
  executeMutation(acme.owner, UPDATE_MEMBER, { id: person.memberId, roleId: roleId(role) });
const forbidden = (field: string, permission: string | null, reason: string) => ({
  data: { [field]: null },
  errors: [{ path: [field], extensions: { code: 'FORBIDDEN', permission, reason } }],
});

test('a token has the current permissions of its holder, and a READ token only those that read', async () => {
  const holder = await addMember(api, acme, 'admin', 'changing');
  const write = await createApiToken(api, holder, 'WRITE');
  const read = await createApiToken(api, holder, 'READ');
  for (const role of ['admin', 'read', 'write', 'owner', 'user'] as const) {
    await setRoleOf(holder, role);
    const held = await permissionsOf(holder);
    expect(held).toEqual(await permissionsOf(people[role]));
    expect(await permissionsOf(onNode(write))).toEqual(held);
    expect(await permissionsOf(onNode(read))).toEqual(held.filter((name) => /:(read(_content)?|export)$/.test(name)));
  }
});

test('a demotion takes effect for a token with the next request and the next field of the document', async () => {
  const holder = await addMember(api, acme, 'admin', 'demoted');
  const token = await createApiToken(api, holder, 'WRITE');
  const answer = await token.query(
    `mutation ($id: ID!, $roleId: ID!) {
      before: createCategory(input: { name: "While Admin" }) { errors { code } }
      demote: updateMember(input: { id: $id, roleId: $roleId }) { member { role { name } } errors { code } }
      after: createCategory(input: { name: "No more" }) { errors { code } }
    }`,
    { id: holder.memberId, roleId: roleId('user') },
  );
  expect(answer).toMatchObject({
    status: 200,
    data: { before: { errors: [] }, demote: { member: { role: { name: 'User' } }, errors: [] }, after: null },
    errors: [{ path: ['after'], extensions: { code: 'FORBIDDEN', permission: 'category:create', reason: 'NO_GRANT' } }],
  });
  const later = await onNode(token).query(CREATE_CATEGORY, { name: 'No more' });
  expect(later).toMatchObject(forbidden('createCategory', 'category:create', 'NO_GRANT'));
  await setRoleOf(holder, 'admin');
  expect((await executeMutation(token, CREATE_CATEGORY, { name: 'Admin again' })).errors).toEqual([]);
  expect(await api.root`select from categories where name = 'No more'`).toHaveLength(0);
});

test('a token becomes invalid when its holder is removed or the organization is deleted', async () => {
  const holder = await addMember(api, acme, 'admin', 'removed');
  const token = await createApiToken(api, holder, 'WRITE');
  const DELETE = 'mutation ($id: ID!) { deleteMember(input: { id: $id }) { deletedId errors { code } } }';
  expect(await look(token)).toEqual(inside(holder.email, 'acme'));
  await executeMutation(acme.owner, DELETE, { id: holder.memberId });
  for (const caller of [token, onNode(token)]) expect(await look(caller)).toEqual(REFUSED);

  const { id, slug, owner } = await createOrganization(api, 'short-lived');
  const theirs = await createApiToken(api, owner, 'WRITE');
  const DELETE_ORGANIZATION = `mutation ($id: ID!, $slug: String!) {
    deleteOrganization(input: { id: $id, slug: $slug }) { deletedId errors { code } }
  }`;
  await executeMutation(theirs, DELETE_ORGANIZATION, { id, slug });
  expect(await look(onNode(theirs))).toEqual(REFUSED);
});

test('a READ token of an Owner changes nothing', async () => {
  const { owner } = people;
  const token = await createApiToken(api, owner, 'READ');
  const other = await createApiToken(api, owner, 'READ');
  const { data } = await owner.query('{ categories(first: 1) { nodes { id } } }');
  const attempts = [
    'createApiToken(input: { name: "more" }) { secret }',
    `deleteApiToken(input: { id: "${token.id}" }) { deletedId }`,
    `deleteApiToken(input: { id: "${other.id}" }) { deletedId }`,
    'createCategory(input: { name: "New" }) { category { id } }',
    `deleteCategory(input: { category: { id: "${data.categories.nodes[0].id}" } }) { deletedId }`,
    'updateRubric(input: { name: "Changed" }) { rubric { name } }',
    `updateOrganization(input: { id: "${acme.id}", name: "Changed" }) { organization { name } }`,
    `deleteOrganization(input: { id: "${acme.id}", slug: "acme" }) { deletedId }`,
    `updateMember(input: { id: "${people.user.memberId}", roleId: "${roleId('owner')}" }) { member { id } }`,
    `deleteMember(input: { id: "${people.user.memberId}" }) { deletedId }`,
    `signOutMember(input: { memberId: "${people.user.memberId}" }) { endedSessions }`,
    'createOrganization(input: { name: "Own", slug: "own" }) { organization { id } }',
    `switchOrganization(input: { organizationId: "${acme.id}" }) { session { accessToken } }`,
    'signOut(input: {}) { deletedId }',
  ];
  const stored = async () => {
    await api.root`delete from audit_events`;
    return everythingStored(api);
  };
  const before = await stored();
  for (const attempt of attempts) {
    const answer = await token.query(`mutation { field: ${attempt} }`);
    expect(answer).toMatchObject({
      data: { field: null },
      errors: [{ path: ['field'], extensions: { code: 'FORBIDDEN', reason: 'READ_ONLY_TOKEN' } }],
    });
  }
  expect(await stored()).toBe(before);
  expect((await owner.query(`mutation { field: ${attempts[3]} }`)).errors).toBeUndefined();
});

test('a WRITE token needs api_token:grant_write, a READ token api_token:create', async () => {
  const CREATE = `mutation ($access: ApiTokenAccess) {
    createApiToken(input: { name: "probe", access: $access }) { apiToken { access } errors { code } }
  }`;
  const outcome = async (caller: Caller, access: string): Promise<string> => {
    const { data, errors } = await caller.query(CREATE, { access });
    return data.createApiToken?.apiToken.access ?? errors?.[0].extensions.permission;
  };
  const outcomes: Json = {};
  for (const role of BUILT_IN_ROLES)
    outcomes[role] = [await outcome(people[role], 'READ'), await outcome(people[role], 'WRITE')];
  expect(outcomes).toEqual({
    guest: ['api_token:create', 'api_token:create'],
    read: ['api_token:create', 'api_token:create'],
    user: ['READ', 'api_token:grant_write'],
    write: ['READ', 'api_token:grant_write'],
    admin: ['READ', 'WRITE'],
    owner: ['READ', 'WRITE'],
  });
  const made = await api.root`select access, count(*)::int from api_tokens where name = 'probe' group by 1 order by 1`;
  expect(made).toEqual([
    { access: 'READ', count: 4 },
    { access: 'WRITE', count: 2 },
  ]);
});

test('a token creates tokens only with the current permissions of its holder', async () => {
  const holder = await addMember(api, acme, 'admin', 'minter');
  const token = await createApiToken(api, holder, 'WRITE');
  expect(await permissionsOf(await createApiToken(api, token, 'WRITE'))).toEqual(await permissionsOf(holder));
  await setRoleOf(holder, 'user');
  await createApiToken(api, token, 'READ');
  await expect(createApiToken(api, token, 'WRITE')).rejects.toThrow('api_token:grant_write');
  await setRoleOf(holder, 'read');
  await expect(createApiToken(api, token, 'READ')).rejects.toThrow('api_token:create');
});

test('a token that revokes itself is refused from the next field on and on the other node', async () => {
  const token = await createApiToken(api, people.admin, 'WRITE');
  const answer = await token.query(
    `mutation ($id: ID!) {
      revoke: deleteApiToken(input: { id: $id }) { deletedId }
      more: createApiToken(input: { name: "heir", access: WRITE }) { secret }
      category: createCategory(input: { name: "Heir" }) { category { id } }
    }`,
    { id: token.id },
  );
  expect(whole(answer)).toEqual({
    status: 401,
    data: { revoke: { deletedId: token.id }, more: null, category: null },
    errors: [refusedAt('more'), refusedAt('category')],
  });
  expect(await api.root`select from api_tokens where name = 'heir'`).toHaveLength(0);
  for (const caller of [token, onNode(token)]) expect(await look(caller)).toEqual(REFUSED);
});

test('a token belongs to one organization, even if its holder switches to another', async () => {
  const holder = await addMember(api, acme, 'admin', 'traveller');
  const token = await createApiToken(api, holder, 'WRITE');
  await addToOrganization(api, globex, holder, 'admin');
  const abroad = await moveTo(api, holder, globex.id);
  const ABROAD = `{
    organization { slug }
    viewer { memberships { organization { slug } } }
    node(id: "${globex.owner.memberId}") { id }
  }`;
  expect((await abroad.query(ABROAD)).data).toEqual({
    organization: { slug: 'globex' },
    viewer: { memberships: [{ organization: { slug: 'acme' } }, { organization: { slug: 'globex' } }] },
    node: { id: globex.owner.memberId },
  });
  expect((await token.query(ABROAD)).data).toEqual({
    organization: { slug: 'acme' },
    viewer: { memberships: [{ organization: { slug: 'acme' } }] },
    node: null,
  });
  expect(await look(token)).toEqual(inside(holder.email, 'acme'));
});

test('a WRITE token cannot use the mutations that require a session', async () => {
  const token = await createApiToken(api, people.owner, 'WRITE');
  const attempts = {
    switchOrganization: `(input: { organizationId: "${acme.id}" }) { errors { code } }`,
    signOut: '(input: {}) { errors { code } }',
    createOrganization: '(input: { name: "Own", slug: "own" }) { errors { code } }',
  };
  for (const [field, rest] of Object.entries(attempts))
    expect(await token.query(`mutation { ${field}${rest} }`)).toMatchObject(forbidden(field, null, 'SESSION_REQUIRED'));
  expect(await api.root`select from organizations where slug = 'own'`).toHaveLength(0);
  expect(await look(await signIn(api, people.owner.email))).toEqual(inside(people.owner.email, 'acme'));
});
