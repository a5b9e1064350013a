import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createProject, giveProjectRole, giveRole, projectRoleId, startWorld } from '../decisions/support.ts';
import type { Caller, Json } from '../support/api.ts';
import { addMember, mutate, type Person, queryData, roleId, setRole } from '../support/world.ts';

const { api, acme, people } = await startWorld();
const { owner, admin } = people;
const project = await createProject(owner, 'production');
const manager = await addMember(api, acme, 'read', 'manager');
await giveProjectRole(owner, project, manager.memberId, projectRoleId('manager'));

const noEffect = (path: string) => ({ errors: [{ code: 'NO_EFFECT', path: [path] }] });
const ASK = `query ($id: ID!) { authorize(requests: [{ permission: "project:read", targetId: $id }, { permission: "dataset:create", targetId: $id }]) { allowed } }`;
const may = async (caller: Caller): Promise<boolean[]> =>
  (await queryData(caller, ASK, { id: project })).authorize.map(({ allowed }: Json) => allowed);
const INACTIVE = 'query ($id: ID!) { projectMember(id: $id) { inactive } }';
const inactive = async (id: string): Promise<boolean> =>
  (await queryData(owner, INACTIVE, { id })).projectMember.inactive;

let last = 0;
const freshMember = (role: Parameters<typeof addMember>[2]): Promise<Person> =>
  addMember(api, acme, role, `member-${++last}`);

test('nobody gives an Owner or an Admin a project role or no access, and the error states the reason', async () => {
  for (const { memberId: principalId } of [owner, admin])
    for (const role of [{ noAccess: true }, { roleId: projectRoleId('read') }]) {
      const input = { projectId: project, principalId, ...role };
      expect(await mutate(owner, 'createProjectMember', input)).toEqual(noEffect('principalId'));
      expect(await mutate(manager, 'createProjectMember', input)).toEqual(noEffect('principalId'));
    }
  const { data } = await owner.query(
    'mutation ($input: CreateProjectMemberInput!) { createProjectMember(input: $input) { errors { message } } }',
    { input: { projectId: project, principalId: admin.memberId, noAccess: true } },
  );
  expect(data.createProjectMember.errors[0].message).toContain('no effect on the organization role Admin');
});

test('an invitation as Admin has no project roles', async () => {
  const projectRoles = [{ projectId: project, roleId: projectRoleId('read') }];
  const invite = (role: 'admin' | 'write') =>
    mutate(owner, 'createInvitations', { emails: [`${role}@else.test`], roleId: roleId(role), projectRoles });
  expect(await invite('admin')).toEqual(noEffect('projectRoles'));
  expect(await invite('write')).toEqual({ errors: [] });
});

test('a project role has no effect from a promotion to Admin on, until somebody assigns it again', async () => {
  const member = await freshMember('write');
  const id = await giveProjectRole(owner, project, member.memberId, null);
  expect([await may(member), await inactive(id)]).toEqual([[false, false], false]);
  await giveRole(owner, member.memberId, roleId('admin'));
  expect([await may(member), await inactive(id)]).toEqual([[true, true], true]);
  expect(await mutate(owner, 'updateProjectMember', { id, noAccess: true })).toEqual(noEffect('id'));
  await giveRole(owner, member.memberId, roleId('write'));
  expect([await may(member), await inactive(id)]).toEqual([[true, true], true]);
  // The manager of the project holds what the assignment takes.
  expect(await mutate(manager, 'updateProjectMember', { id, noAccess: true })).toEqual({ errors: [] });
  expect([await may(member), await inactive(id)]).toEqual([[false, false], false]);
});

test('a project role stays without effect when the role Admin expires or was a fallback', async () => {
  const [expiring, rising] = [await freshMember('write'), await freshMember('write')];
  const ids = [];
  for (const { memberId } of [expiring, rising]) ids.push(await giveProjectRole(owner, project, memberId, null));
  const later = { roleExpiresAt: new Date(Date.now() + 3_600_000) };
  await giveRole(owner, expiring.memberId, roleId('admin'), { ...later, fallbackRoleId: roleId('write') });
  await giveRole(owner, rising.memberId, roleId('write'), { ...later, fallbackRoleId: roleId('admin') });
  expect([await may(expiring), await may(rising)]).toEqual([
    [true, true],
    [false, false],
  ]);
  await api.root`update assignments set expires_at = now() where expires_at is not null`;
  expect([await may(expiring), await may(rising)]).toEqual([
    [true, true],
    [true, true],
  ]);
  await giveRole(owner, rising.memberId, roleId('write'), { roleExpiresAt: null });
  expect(await may(rising)).toEqual([true, true]);
  expect(await Promise.all(ids.map(inactive))).toEqual([true, true]);
});

test('a transfer and a dry run leave the project roles of the new Owner without effect', async () => {
  const heir = await freshMember('write');
  const id = await giveProjectRole(owner, project, heir.memberId, projectRoleId('read'));
  const dry = await mutate(
    owner,
    'updateMember',
    { id: heir.memberId, roleId: roleId('admin'), dryRun: true },
    'accessChanges { project { id } gained lost }',
  );
  expect(dry.accessChanges).toContainEqual({
    project: { id: project },
    gained: expect.arrayContaining(['dataset:create']),
    lost: [],
  });
  expect([await may(heir), await inactive(id)]).toEqual([[true, false], false]);
  await giveRole(owner, heir.memberId, roleId('owner'));
  await giveRole(owner, heir.memberId, roleId('write'));
  expect([await may(heir), await inactive(id)]).toEqual([[true, true], true]);
});

test('the migration marks the project roles that Owners and Admins already have', async () => {
  const [before, other] = [await freshMember('write'), await freshMember('write')];
  const ids = [];
  for (const { memberId } of [before, other]) ids.push(await giveProjectRole(owner, project, memberId, null));
  await setRole(api.root, before.email, 'admin');
  const [migration = ''] = globSync('migrations/*_never_narrowed.sql');
  const [update = ''] = readFileSync(migration, 'utf8').match(/^UPDATE[^;]+/m) ?? [];
  // Citus refuses the function in the condition. The migration itself always runs before the tables are distributed.
  await api.root.unsafe(update.replace('now()', `'${new Date().toISOString()}'`));
  await setRole(api.root, before.email, 'write');
  expect(await Promise.all(ids.map(inactive))).toEqual([true, false]);
  expect([await may(before), await may(other)]).toEqual([
    [true, true],
    [false, false],
  ]);
});

test('the audit log tells when a project role loses its effect and gets it back', async () => {
  const member = await freshMember('write');
  const id = await giveProjectRole(owner, project, member.memberId, null);
  await giveRole(owner, member.memberId, roleId('admin'));
  await giveRole(owner, member.memberId, roleId('write'));
  await mutate(owner, 'updateProjectMember', { id, noAccess: true });
  const EVENTS =
    'query ($id: ID!) { auditEvents(first: 3, filter: { targetId: $id }) { nodes { action before after } } }';
  const { nodes } = (await queryData(owner, EVENTS, { id: member.memberId })).auditEvents;
  const inProject = ({ roles }: Json) => roles.find(({ projectId }: Json) => projectId === project).inactive;
  expect(nodes.slice(1).map(({ before, after }: Json) => [inProject(before), inProject(after)])).toEqual([
    [true, true],
    [false, true],
  ]);
  expect(nodes[0]).toMatchObject({
    action: 'updateProjectMember',
    before: { inactive: true },
    after: { inactive: false },
  });
});
