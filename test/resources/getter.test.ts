import { describe, expect, test } from 'vitest';
import {
  allow,
  createPolicy,
  createProject,
  createRole,
  createServiceAccount,
  giveProjectRole,
  giveRole,
  projectRoleId,
  startWorld,
} from '../decisions/support.ts';
import type { Caller, Json } from '../support/api.ts';
import { addMember, createApiToken, mutate, queryData, roleId } from '../support/world.ts';

const { api, acme, people, globex } = await startWorld();
const { owner, user } = people;
const project = await createProject(owner, 'Shop');
const robot = await createServiceAccount(owner, 'Builder', roleId('read'));
const role = await createRole(owner, 'Annotator', [allow('dataset:read')]);
const ownRole = await createRole(owner, 'Annotator', [allow('dataset:read')], project);
const ownPolicy = await createPolicy(owner, [allow('dataset:read')], project);
const policyName = async (id: string): Promise<string> =>
  (await queryData(owner, 'query ($id: ID!) { policy(id: $id) { name } }', { id })).policy.name;

const idBy = async (caller: Caller, field: string): Promise<Json> => {
  const { data, errors } = await caller.query(`{ found: ${field} { id } }`);
  return errors ? errors[0].extensions.code : (data.found?.id ?? null);
};

test('a getter finds an object by ID and by natural key, ignoring case', async () => {
  expect(await idBy(user, `member(id: "${owner.memberId}")`)).toBe(owner.memberId);
  expect(await idBy(user, `member(email: "${owner.email.toUpperCase()}")`)).toBe(owner.memberId);
  expect(await idBy(user, `serviceAccount(id: "${robot}")`)).toBe(robot);
  expect(await idBy(user, 'serviceAccount(name: "BUILDER")')).toBe(robot);
  expect(await idBy(user, `role(id: "${role}")`)).toBe(role);
  expect(await idBy(user, 'role(name: "annotator")')).toBe(role);
  expect(await idBy(user, 'role(name: "OWNER")')).toBe(roleId('owner'));
  expect(await idBy(owner, 'project(key: "SHOP")')).toBe(project);
  expect(
    await idBy(
      owner,
      `session(id: "${(await queryData(owner, '{ viewer { credential { id } } }')).viewer.credential.id}")`,
    ),
  ).toMatch(/^ses_/);
  const token = await createApiToken(api, owner, 'READ');
  expect(await idBy(owner, `apiToken(id: "${token.id}")`)).toBe(token.id);
  const { auditEvents } = await queryData(owner, '{ auditEvents(first: 1) { nodes { id } } }');
  expect(await idBy(owner, `auditEvent(id: "${auditEvents.nodes[0].id}")`)).toBe(auditEvents.nodes[0].id);
});

test('a getter finds a role or policy of a project by name and project ID', async () => {
  expect(await idBy(owner, `role(name: "Annotator", projectId: "${project}")`)).toBe(ownRole);
  expect(await idBy(owner, `role(name: "Manager", projectId: "${project}")`)).toBe(projectRoleId('manager'));
  expect(await idBy(owner, `role(id: "${ownRole}")`)).toBe(ownRole);
  const name = await policyName(ownPolicy);
  expect(await idBy(owner, `policy(name: "${name.toUpperCase()}", projectId: "${project}")`)).toBe(ownPolicy);
  expect(await idBy(owner, `policy(name: "${name}")`)).toBeNull();
});

describe('a getter returns null', async () => {
  const id = await giveProjectRole(owner, project, user.memberId, null);
  const FIELDS = [
    `member(id: "${owner.memberId}")`,
    `member(email: "${owner.email}")`,
    `serviceAccount(id: "${robot}")`,
    'serviceAccount(name: "Builder")',
    `role(id: "${role}")`,
    'role(name: "Annotator")',
    `project(id: "${project}")`,
    'project(key: "Shop")',
    `projectMember(id: "${id}")`,
    `policy(id: "${ownPolicy}")`,
  ];

  test.each(FIELDS)('for an object of another organization: %s', async (field) => {
    expect(await idBy(owner, field)).not.toBeNull();
    expect(await idBy(globex.owner, field)).toBeNull();
  });

  test.each([`role(id: "${ownRole}")`, `policy(id: "${ownPolicy}")`, `project(id: "${project}")`])(
    'for an object of a hidden project: %s',
    async (field) => {
      expect(await idBy(user, field)).toBeNull();
    },
  );

  test.each([
    'member',
    'role',
    'policy',
    'serviceAccount',
    'project',
    'apiToken',
    'session',
    'invitation',
    'auditEvent',
  ])('for an ID of another type: %s', async (field) => {
    expect(await idBy(owner, `${field}(id: "${acme.id}")`)).toBeNull();
    expect(await idBy(owner, `${field}(id: "made up")`)).toBeNull();
  });
});

test.each([
  ['member', 'email'],
  ['serviceAccount', 'name'],
  ['role', 'name'],
  ['policy', 'name'],
  ['project', 'key'],
])('%s takes exactly one of id and %s', async (field, key) => {
  expect(await idBy(owner, `${field}`)).toBe('BAD_REQUEST');
  expect(await idBy(owner, `${field}(id: null, ${key}: null)`)).toBe('BAD_REQUEST');
  expect(await idBy(owner, `${field}(id: "x", ${key}: "x")`)).toBe('BAD_REQUEST');
  expect(await idBy(owner, `${field}(${key}: "none\\u0000")`)).not.toBe('INTERNAL');
});

test('members and service accounts have a name, roles and viewerPermissions', async () => {
  const visitor = await addMember(api, acme, 'read', 'visitor');
  const roleExpiresAt = new Date(Date.now() + 3_600_000).toISOString();
  await giveRole(owner, visitor.memberId, roleId('user'), { roleExpiresAt, fallbackRoleId: roleId('read') });
  const PRINCIPAL = '{ id name role { name } roleExpiresAt fallbackRole { name } viewerPermissions }';
  const { whoCan } = await queryData(owner, `{ whoCan(permission: "check:read", first: 100) { nodes ${PRINCIPAL} } }`);
  const of = (id: string): Json => whoCan.nodes.find((node: Json) => node.id === id);
  expect(of(visitor.memberId)).toEqual({
    ...{ id: visitor.memberId, name: 'visitor', role: { name: 'User' }, roleExpiresAt, fallbackRole: { name: 'Read' } },
    viewerPermissions: ['member:read', 'member:update', 'member:delete', 'session:read', 'session:delete'],
  });
  expect(of(robot)).toEqual({
    ...{ id: robot, name: 'Builder', role: { name: 'Read' }, roleExpiresAt: null, fallbackRole: null },
    viewerPermissions: ['service_account:read', 'service_account:update', 'service_account:delete'],
  });
});

const CHANGES = 'accessChanges { principal { id } project { id } gained lost }';

test('a dry run of deleteProject returns the access that project members would lose, and deletes nothing', async () => {
  const doomed = await createProject(owner, 'doomed');
  const manager = await addMember(api, acme, 'read', 'manager');
  await giveProjectRole(owner, doomed, manager.memberId, projectRoleId('manager'));
  const held = (await queryData(manager, 'query ($id: ID) { permissionsOf(targetId: $id) }', { id: doomed }))
    .permissionsOf;
  const input = { id: doomed, key: 'doomed' };
  expect(await mutate(owner, 'deleteProject', { ...input, dryRun: true }, `deletedId ${CHANGES}`)).toEqual({
    deletedId: null,
    accessChanges: [{ principal: { id: manager.memberId }, project: { id: doomed }, gained: [], lost: held }],
    errors: [],
  });
  expect(await idBy(owner, `project(id: "${doomed}")`)).toBe(doomed);
  expect(await mutate(owner, 'deleteProject', input, 'deletedId')).toEqual({ deletedId: doomed, errors: [] });
});

test('a dry run of createInvitations returns the access that people would gain, and sends no mail', async () => {
  const projectRoles = [{ projectId: project, roleId: projectRoleId('read') }];
  const input = { emails: ['new@elsewhere.test'], roleId: roleId('user'), projectRoles, dryRun: true };
  const mails = api.logged.length;
  const answer = await mutate(owner, 'createInvitations', input, `invitations { id } ${CHANGES}`);
  const { permissionsOf } = await queryData(user, '{ permissionsOf }');
  expect(answer).toEqual({
    ...{ invitations: null, errors: [] },
    accessChanges: [
      { principal: null, project: null, gained: permissionsOf, lost: [] },
      { principal: null, project: { id: project }, gained: expect.arrayContaining(['dataset:read']), lost: [] },
    ],
  });
  expect((await queryData(owner, '{ invitations { totalCount } }')).invitations).toEqual({ totalCount: 0 });
  expect(api.logged.length).toBe(mails);
});
