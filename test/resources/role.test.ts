import { expect, test } from 'vitest';
import type { Caller, Json } from '../support/api.ts';
import { startApi } from '../support/api.ts';
import { ask, cast, found, roleId, schemaOf, tokenOf } from '../support/world.ts';

const api = await startApi();
const people = await cast(api, await found(api, 'acme'));

const ROLES = '{ roles { nodes { id name description builtIn permissions viewerPermissions } } }';

test('the roles are five, the most powerful first, and each contains the next', async () => {
  const { nodes } = (await ask(people.read, ROLES)).roles;
  expect(nodes.map(({ name }: Json) => name)).toEqual(['Owner', 'Admin', 'Write', 'User', 'Read']);
  for (const [at, role] of nodes.slice(1).entries())
    expect(nodes[at].permissions, `${nodes[at].name} ⊃ ${role.name}`).toEqual(expect.arrayContaining(role.permissions));
  expect(nodes.every((role: Json) => role.builtIn && role.description)).toBe(true);
});

test('roles have the same ids in every organization', async () => {
  const other = await found(api, 'globex');
  const ids = async (caller: Caller) => (await ask(caller, ROLES)).roles.nodes.map(({ id }: Json) => id as string);
  expect(await ids(other.owner)).toEqual(await ids(people.owner));
  expect(await ids(people.owner)).toEqual((['owner', 'admin', 'write', 'user', 'read'] as const).map(roleId));
});

test('a role is found by its id', async () => {
  const document = 'query ($id: ID!) { node(id: $id) { id ... on Role { name permissions } } }';
  const { node } = await ask(people.read, document, { id: roleId('read') });
  expect(node).toMatchObject({ id: roleId('read'), name: 'Read' });
  expect(node.permissions).toContain('check:read');
  expect(node.permissions.every((permission: string) => permission.endsWith(':read'))).toBe(true);
});

test('an id that looks like a role’s names nothing', async () => {
  const almost = roleId('owner').replace(/5$/, '6');
  expect(await ask(people.owner, 'query ($id: ID!) { node(id: $id) { id } }', { id: almost })).toEqual({ node: null });
});

test('what a role grants is what its members hold', async () => {
  for (const person of Object.values(people)) {
    const { viewer } = await ask(person, '{ viewer { permissions role { name permissions } } }');
    expect(viewer.permissions.toSorted(), viewer.role.name).toEqual(viewer.role.permissions.toSorted());
  }
});

test('an Owner may give every role, an Admin all but Owner, others none; and nobody changes a built-in one', async () => {
  const given = async (caller: Caller) => {
    const { nodes } = (await ask(caller, ROLES)).roles;
    for (const { viewerPermissions } of nodes)
      expect(['role:read', 'role:assign']).toEqual(expect.arrayContaining(viewerPermissions));
    return nodes.filter((role: Json) => role.viewerPermissions.includes('role:assign')).map(({ name }: Json) => name);
  };
  expect(await given(people.owner)).toEqual(['Owner', 'Admin', 'Write', 'User', 'Read']);
  expect(await given(people.admin)).toEqual(['Admin', 'Write', 'User', 'Read']);
  expect(await given(await tokenOf(api, people.admin, 'READ'))).toEqual([]);
  expect(await given(people.write)).toEqual([]);
});

test('no mutation changes a built-in role', async () => {
  const mutations = Object.keys((await schemaOf(people.owner)).getMutationType()?.getFields() ?? {});
  expect(mutations.filter((name) => /(update|delete)Role$/.test(name))).toEqual([]);
});
