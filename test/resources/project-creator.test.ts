import { expect, test } from 'vitest';
import {
  allow,
  createProject,
  createRole,
  createServiceAccount,
  deny,
  giveProjectRole,
  giveRole,
  projectRoleId,
  startWorld,
} from '../decisions/support.ts';
import type { Caller, Json } from '../support/api.ts';
import { addMember, executeMutation, mutate, queryData, roleId } from '../support/world.ts';

const { api, acme, people } = await startWorld();
const { owner, admin, write, read } = people;

const MEMBERS = 'query ($id: ID!) { project(id: $id) { members { nodes { id principal { id } role { id } } } } }';
const membersOf = async (id: string): Promise<Json[]> =>
  (await queryData(owner, MEMBERS, { id })).project.members.nodes;
const permissions = async (caller: Caller, target: string): Promise<string[]> =>
  (await queryData(caller, 'query ($target: ID!) { permissionsOf(targetId: $target) }', { target })).permissionsOf;
const setPlan = (plan: string): Promise<Json> => mutate(owner, 'updatePlan', { plan });
const asOwner = (principalId: string) => ({ principal: { id: principalId }, role: { id: projectRoleId('owner') } });

let last = 0;
const freshProject = (by: Caller): Promise<string> => createProject(by, `made-${++last}`);

test('a member with role Write gives roles in the project it made, and deletes it', async () => {
  const project = await freshProject(write);
  expect(await membersOf(project)).toMatchObject([asOwner(write.memberId)]);
  await giveProjectRole(write, project, read.memberId, projectRoleId('manager'));
  expect(await permissions(read, project)).toContain('project_member:create');
  const { project: found } = await queryData(owner, 'query ($id: ID!) { project(id: $id) { key } }', { id: project });
  expect(await mutate(write, 'deleteProject', { id: project, key: found.key })).toEqual({ errors: [] });
  const other = await freshProject(owner);
  expect(await mutate(write, 'deleteProject', { id: other, key: 'any' })).toEqual({ refused: 'NO_GRANT' });
});

test('an Owner or Admin gets no project role, because none overrides theirs', async () => {
  for (const creator of [owner, admin]) expect(await membersOf(await freshProject(creator))).toEqual([]);
});

test('a service account gets it as well', async () => {
  const robot = await createServiceAccount(owner, 'robot', roleId('write'));
  const { secret } = await executeMutation(
    owner,
    'mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { secret errors { code } } }',
    { input: { name: 'robot', access: 'WRITE', serviceAccountId: robot } },
  );
  expect(await membersOf(await freshProject(api.as(secret)))).toMatchObject([asOwner(robot)]);
});

test('whoever may only create projects sees the new project in the payload, and its denials stay', async () => {
  const founder = await addMember(api, acme, 'guest', 'founder');
  const role = await createRole(owner, 'Founder', [allow('project:create'), deny('project:delete')]);
  await giveRole(owner, founder.memberId, role);
  const input = { key: `made-${++last}`, name: 'Made' };
  const { project } = await mutate(founder, 'createProject', input, 'project { id key viewerPermissions }');
  // The key has a suffix, because the founder cannot see other projects and so must not learn which keys are taken.
  expect(project.key).toMatch(new RegExp(`^${input.key}-[0-9a-z]{6}$`));
  expect(project.viewerPermissions).toEqual(await permissions(founder, project.id));
  expect(project.viewerPermissions).toContain('project_member:create');
  expect(project.viewerPermissions).not.toContain('project:delete');
});

test('the audit event of the creation names the project role', async () => {
  const project = await freshProject(write);
  const [member] = await membersOf(project);
  const { auditEvents } = await queryData(owner, '{ auditEvents(first: 500) { nodes { targetId after } } }');
  const event = auditEvents.nodes.find(({ targetId }: Json) => targetId === project);
  expect(event.after.creatorRole).toEqual({ id: member.id, roleId: projectRoleId('owner') });
});

test('a plan without project roles does not suspend it, until somebody changes it', async () => {
  const project = await freshProject(write);
  const [member] = await membersOf(project);
  const given = await freshProject(owner);
  await giveProjectRole(owner, given, write.memberId, projectRoleId('owner'));
  await setPlan('FREE');
  expect(await permissions(write, project)).toContain('project:delete');
  expect(await permissions(write, given)).not.toContain('project:delete');
  await setPlan('TEAM');
  const again = { id: member.id, roleId: projectRoleId('owner') };
  expect(await mutate(owner, 'updateProjectMember', again)).toEqual({ errors: [] });
  expect(await permissions(write, project)).toContain('project:delete');
  await setPlan('FREE');
  expect(await permissions(write, project)).not.toContain('project:delete');
  await setPlan('ENTERPRISE');
});
