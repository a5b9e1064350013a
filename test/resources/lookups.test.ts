import { complexityFromQuery } from '@pothos/plugin-complexity';
import { describe, expect, test } from 'vitest';
import {
  allow,
  createPolicy,
  createProject,
  createRole,
  createServiceAccount,
  deny,
  giveRole,
} from '../decisions/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { schema } from '../support/introspect.ts';
import { addMember, createApiToken, createOrganization, mutate, queryData, roleId } from '../support/world.ts';

const api = await startApi({ pool: 2 });
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const [zoe, adam] = [await addMember(api, acme, 'read', 'zoe'), await addMember(api, acme, 'write', 'adam')];
const robot = await createServiceAccount(owner, 'Robot', roleId('read'));
await createServiceAccount(owner, 'Another', roleId('write'));
await createProject(owner, 'web');
await createProject(owner, 'mobile');
const policy = await createPolicy(owner, [allow('check:read')]);
const custom = await createRole(owner, 'Auditor', [allow('*'), deny('role:read')]);

const names = async (by: Caller, list: string): Promise<Json> => {
  const [name = ''] = list.split('(');
  return (await queryData(by, `{ ${list} { nodes { name } totalCount } }`))[name];
};
const found = (...all: string[]) => ({ nodes: all.map((name) => ({ name })), totalCount: all.length });

describe('members and service accounts', () => {
  test('are searched by name or address, in any case', async () => {
    expect(await names(owner, 'members(filter: { search: "ZO" })')).toEqual(found('zoe'));
    expect(await names(owner, 'members(filter: { search: "adam@ACME" })')).toEqual(found('adam'));
    expect(await names(owner, 'members(filter: { search: "%" })')).toEqual(found());
    expect(await names(owner, 'serviceAccounts(filter: { search: "rob" })')).toEqual(found('Robot'));
  });

  test('are filtered by their current organization role, if the caller sees the role', async () => {
    expect(await names(owner, `members(filter: { roleId: "${roleId('read')}" })`)).toEqual(found('zoe'));
    expect(await names(owner, `members(filter: { roleId: "${roleId('read')}", search: "adam" })`)).toEqual(found());
    expect(await names(owner, `serviceAccounts(filter: { roleId: "${roleId('write')}" })`)).toEqual(found('Another'));
    const ended = await addMember(api, acme, 'read', 'ended');
    const term = { roleExpiresAt: new Date(Date.now() + 3_600_000).toISOString(), fallbackRoleId: roleId('user') };
    await giveRole(owner, ended.memberId, roleId('write'), term);
    expect(await names(owner, `members(filter: { roleId: "${roleId('user')}" })`)).toEqual(found());
    await api.root`update assignments set expires_at = now() - interval '1 minute' where expires_at is not null`;
    expect(await names(owner, `members(filter: { roleId: "${roleId('user')}" })`)).toEqual(found('ended'));
    await mutate(owner, 'deleteMember', { id: ended.memberId });
  });

  test('are not found by a role that the caller does not see', async () => {
    const limited = await addMember(api, acme, 'read', 'limited');
    await giveRole(owner, limited.memberId, custom);
    const byRole = `members(filter: { roleId: "${roleId('write')}" })`;
    expect(await names(limited, byRole)).toEqual(found());
    expect(await names(owner, byRole)).toEqual(found('adam'));
    await mutate(owner, 'deleteMember', { id: limited.memberId });
  });

  test('are ordered by name or by time, page by page', async () => {
    const order = (field: string, direction: string) => `orderBy: { field: ${field}, direction: ${direction} }`;
    expect(await names(owner, `members(${order('NAME', 'ASC')})`)).toEqual(found('adam', 'owner@acme.test', 'zoe'));
    expect(await names(owner, `members(${order('NAME', 'DESC')})`)).toEqual(found('zoe', 'owner@acme.test', 'adam'));
    expect(await names(owner, `members(${order('CREATED_AT', 'DESC')})`)).toEqual(
      found('adam', 'zoe', 'owner@acme.test'),
    );
    expect(await names(owner, `serviceAccounts(${order('NAME', 'ASC')})`)).toEqual(found('Another', 'Robot'));
    const page = `query ($after: String) { members(first: 1, after: $after, ${order('NAME', 'ASC')}) { nodes { name } pageInfo { endCursor } } }`;
    const first = (await queryData(owner, page)).members;
    const second = (await queryData(owner, page, { after: first.pageInfo.endCursor })).members;
    expect([...first.nodes, ...second.nodes]).toEqual([{ name: 'adam' }, { name: 'owner@acme.test' }]);
  });

  test('a member is found by the ID of the user', async () => {
    const { member } = await queryData(owner, `{ member(userId: "${zoe.userId}") { id } }`);
    expect(member).toEqual({ id: zoe.memberId });
    expect((await queryData(owner, `{ member(userId: "${zoe.memberId}") { id } }`)).member).toBeNull();
  });
});

test('projects, roles and policies are searched by name', async () => {
  expect(await names(owner, 'projects(filter: { search: "WE" })')).toEqual(found('web'));
  expect(await names(owner, 'roles(filter: { search: "audit" })')).toEqual(found('Auditor'));
  expect(await names(owner, 'roles(filter: { search: "adm" })')).toEqual(found('Admin'));
  const { policies } = await queryData(owner, '{ policies { nodes { id name } } }');
  const { name } = policies.nodes.find(({ id }: Json) => id === policy);
  expect(await names(owner, `policies(filter: { search: "${name.toUpperCase()}" })`)).toEqual(found(name));
});

test('invitations are searched by address and filtered by status', async () => {
  const emails = ['ada@x.test', 'bob@x.test'];
  await mutate(owner, 'createInvitations', { emails, roleId: roleId('read') });
  await api.root`update invitations set expires_at = now() - interval '1 minute' where email = 'bob@x.test'`;
  const emailsOf = async (filter: string) =>
    (await queryData(owner, `{ invitations(filter: { ${filter} }) { nodes { email } } }`)).invitations.nodes.map(
      ({ email }: Json) => email,
    );
  expect(await emailsOf('status: PENDING')).toEqual(['ada@x.test']);
  expect(await emailsOf('status: EXPIRED')).toEqual(['bob@x.test']);
  expect(await emailsOf('search: "BOB"')).toEqual(['bob@x.test']);
  expect(await emailsOf('search: "bob", status: PENDING')).toEqual([]);
});

test('API tokens are filtered by their member or service account', async () => {
  const token = await createApiToken(api, adam, 'READ');
  const idsOf = async (by: Caller, principalId: string) =>
    (await queryData(by, `{ apiTokens(filter: { principalId: "${principalId}" }) { nodes { id } } }`)).apiTokens.nodes;
  expect(await idsOf(owner, adam.memberId)).toEqual([{ id: token.id }]);
  expect(await idsOf(owner, robot)).toEqual([]);
  expect(await idsOf(adam, adam.memberId)).toEqual([{ id: token.id }]);
  expect(await idsOf(zoe, adam.memberId)).toEqual([]);
});

test('checks are filtered by type, owner and time of the update', async () => {
  const { data } = await owner.query(
    '{ checks(filter: { type: MANUAL, updatedAt: { from: "2000-01-01T00:00:00Z" } }, orderBy: { field: UPDATED_AT }) { totalCount } }',
  );
  expect(data.checks.totalCount).toBe(0);
  const { errors } = await owner.query('{ checks(filter: { type: OTHER }) { totalCount } }');
  expect(errors?.[0].extensions.code).toBe('BAD_REQUEST');
});

test.each([
  ['members(filter: { search: "x" })', true],
  ['members(orderBy: { field: NAME })', true],
  ['serviceAccounts(filter: { search: "x" })', true],
  ['invitations(filter: { search: "x" })', true],
  ['projects(filter: { search: "x" })', true],
  ['roles(filter: { search: "x" })', true],
  ['policies(filter: { search: "x" })', true],
  ['members(orderBy: { field: CREATED_AT })', false],
  ['policies', false],
])('%s counts as 2,500 fields: %s', (list, isCostly) => {
  const { complexity } = complexityFromQuery(`{ ${list} { totalCount } }`, { schema, variables: {}, ctx: {} });
  expect(complexity > 2_500).toBe(isCostly);
});

describe('a decision about a person by address', () => {
  const ask = (by: Caller, given: string) =>
    by.query(`{ access(permission: "dataset:update", ${given}) { allowed }
      authorize(requests: [{ permission: "dataset:update", ${given} }]) { allowed reason }
      permissionsOf(${given}) }`);

  test('is the same as by ID', async () => {
    const { data, errors } = await ask(owner, 'principalEmail: " ADAM@acme.test"');
    expect(errors).toBeUndefined();
    expect(data).toEqual((await ask(owner, `principalId: "${adam.memberId}"`)).data);
    expect(data.authorize[0].allowed).toBe(true);
  });

  test('needs access:read, except for the own address', async () => {
    expect((await ask(zoe, 'principalEmail: "zoe@acme.test"')).errors).toBeUndefined();
    const { errors } = await ask(zoe, 'principalEmail: "adam@acme.test"');
    expect(new Set(errors?.map(({ extensions }) => extensions.permission))).toEqual(new Set(['access:read']));
  });

  test('fails for an unknown address and for two keys', async () => {
    const { data, errors } = await ask(owner, 'principalEmail: "nobody@acme.test"');
    expect(data.authorize).toEqual([{ allowed: false, reason: 'NO_SUCH_PRINCIPAL' }]);
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['NOT_FOUND', 'NOT_FOUND']);
    const both = await ask(owner, `principalEmail: "zoe@acme.test", principalId: "${zoe.memberId}"`);
    expect(new Set(both.errors?.map(({ extensions }) => extensions.code))).toEqual(new Set(['BAD_REQUEST']));
  });
});
