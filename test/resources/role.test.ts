import { expect, test } from 'vitest';
import { allow, createPolicy, projectRoleId } from '../decisions/support.ts';
import type { Caller, Json } from '../support/api.ts';
import { startApi } from '../support/api.ts';
import { createOrganization, membersOfEachRole, mutate, queryData, roleId } from '../support/world.ts';

const api = await startApi();
const people = await membersOfEachRole(api, await createOrganization(api, 'acme'));

const ROLES =
  '{ roles { nodes { id name description builtIn scope permissions denied policies { id } project { id } viewerPermissions } } }';
const ORGANIZATION_ROLES = ['Owner', 'Admin', 'Write', 'User', 'Read', 'Guest'];
const PROJECT_ROLES = ['Owner', 'Manager', 'Write', 'Member', 'Read'];

const ofScope = (nodes: Json[], scope: string): Json[] => nodes.filter((role) => role.scope === scope);

test('the eleven built-in roles are listed by power, organization roles before project roles', async () => {
  const { nodes } = (await queryData(people.read, ROLES)).roles;
  expect(nodes.map(({ name, scope }: Json) => [name, scope])).toEqual([
    ...ORGANIZATION_ROLES.map((name) => [name, 'ORGANIZATION']),
    ...PROJECT_ROLES.map((name) => [name, 'PROJECT']),
  ]);
  for (const role of nodes) {
    expect(role).toMatchObject({ builtIn: true, denied: [], policies: [], project: null });
    expect(role.description).toBeTruthy();
  }
});

test('each built-in role contains the next one, except Write in a project', async () => {
  const { nodes } = (await queryData(people.read, ROLES)).roles;
  const project = ofScope(nodes, 'PROJECT');
  const chains = [ofScope(nodes, 'ORGANIZATION'), project.filter(({ name }) => name !== 'Write')];
  for (const chain of chains)
    for (const [at, role] of chain.slice(1).entries()) {
      const what = `${chain[at].name} ⊃ ${role.name}`;
      expect(chain[at].permissions, what).toEqual(expect.arrayContaining(role.permissions));
      expect(chain[at].permissions.length, what).toBeGreaterThan(role.permissions.length);
    }
  const [write, read] = ['Write', 'Read'].map((name) => project.find((role) => role.name === name));
  expect(write.permissions).toEqual(expect.arrayContaining(read.permissions));
});

test('roles have the same ids in every organization', async () => {
  const other = await createOrganization(api, 'globex');
  const ids = async (caller: Caller) =>
    (await queryData(caller, ROLES)).roles.nodes.map(({ id }: Json) => id as string);
  expect(await ids(other.owner)).toEqual(await ids(people.owner));
  expect(await ids(people.owner)).toEqual([
    ...(['owner', 'admin', 'write', 'user', 'read', 'guest'] as const).map(roleId),
    ...(['owner', 'manager', 'write', 'member', 'read'] as const).map(projectRoleId),
  ]);
});

test('node returns a role by its ID', async () => {
  const document = 'query ($id: ID!) { node(id: $id) { id ... on Role { name permissions } } }';
  const { node } = await queryData(people.read, document, { id: roleId('read') });
  expect(node).toMatchObject({ id: roleId('read'), name: 'Read' });
  expect(node.permissions).toContain('check:read');
  expect(node.permissions.every((permission: string) => /:read(_content)?$/.test(permission))).toBe(true);
});

test('a well-formed ID of an unknown role returns null', async () => {
  const almost = roleId('owner').replace(/5$/, '9');
  expect(await queryData(people.owner, 'query ($id: ID!) { node(id: $id) { id } }', { id: almost })).toEqual({
    node: null,
  });
});

test('the permissions of a role are those of its members', async () => {
  for (const person of Object.values(people)) {
    const { viewer } = await queryData(person, '{ viewer { permissions role { name permissions } } }');
    expect(viewer.permissions.toSorted(), viewer.role.name).toEqual(viewer.role.permissions.toSorted());
  }
});

test('viewerPermissions promises no change of a built-in role', async () => {
  const { nodes } = (await queryData(people.owner, ROLES)).roles;
  for (const { viewerPermissions } of nodes) expect(viewerPermissions).toEqual(['role:read']);
});

test('no caller can change a built-in role', async () => {
  const before = (await queryData(people.owner, ROLES)).roles.nodes;
  const policies = [await createPolicy(people.owner, [allow('*:read')])];
  for (const { id } of before) {
    const builtIn = { errors: [{ code: 'INVALID', path: ['id'] }] };
    for (const input of [{ name: 'Mine' }, { description: null }, { policyIds: policies }, {}])
      expect(await mutate(people.owner, 'updateRole', { id, ...input })).toEqual(builtIn);
    for (const input of [{}, { reassignTo: roleId('read') }, { dryRun: true }])
      expect(await mutate(people.owner, 'deleteRole', { id, ...input })).toEqual(builtIn);
    expect(await mutate(people.write, 'updateRole', { id, name: 'Mine' })).toEqual({ refused: 'NO_GRANT' });
    expect(await mutate(people.write, 'deleteRole', { id })).toEqual({ refused: 'NO_GRANT' });
  }
  expect((await queryData(people.owner, ROLES)).roles.nodes).toEqual(before);
});
