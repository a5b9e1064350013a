import { expect, test } from 'vitest';
import type { Caller, Json } from '../support/api.ts';
import { addMember, createApiToken, mutate, queryData } from '../support/world.ts';
import {
  allow,
  createProject,
  createRole,
  deny,
  giveProjectRole,
  giveRole,
  projectRoleId,
  startWorld,
} from './support.ts';

const { api, acme, people } = await startWorld();
const { owner } = people;

const ASK = 'query ($requests: [AuthorizationRequest!]!) { authorize(requests: $requests) { allowed reason } }';

const ask = async (caller: Caller, permissions: string[], targetId?: string, principalId?: string): Promise<Json[]> => {
  const requests = permissions.map((permission) => ({ permission, targetId, principalId }));
  return (await queryData(caller, ASK, { requests })).authorize;
};

const may = async (...question: Parameters<typeof ask>): Promise<boolean[]> =>
  (await ask(...question)).map(({ allowed }) => allowed);

const reasons = async (caller: Caller, permission: string, target: string, principal?: string): Promise<string[]> =>
  (await ask(caller, [permission], target, principal)).map(({ reason }) => reason);

test('an Annotator can only view and edit datasets, without access to traces or test runs', async () => {
  const [project, other] = [await createProject(owner, 'evaluation'), await createProject(owner, 'elsewhere')];
  const annotator = await addMember(api, acme, 'guest', 'annotator');
  // The permissions of the page. It does not know project:read, which they imply.
  const role = await createRole(owner, 'Annotator', [allow('dataset:read', 'dataset:update')], project);
  await giveProjectRole(owner, project, annotator.memberId, role);
  const { projects } = await queryData(annotator, '{ projects { nodes { id viewerPermissions } } }');
  const held = ['project:read', 'dataset:read', 'dataset:update'];
  expect(projects.nodes).toEqual([{ id: project, viewerPermissions: held }]);
  const dataset = await mutate(owner, 'createDataset', { projectId: project, name: 'Questions' }, 'dataset { id }');
  const { id } = dataset.dataset;
  expect(await mutate(annotator, 'updateDataset', { id, name: 'Answers' }, 'dataset { name }')).toEqual({
    dataset: { name: 'Answers' },
    errors: [],
  });
  expect(await mutate(annotator, 'deleteDataset', { id })).toEqual({ refused: 'NO_GRANT' });
  // The same answers to the Annotator and, about the Annotator, to an Admin.
  const asked = [...held, 'dataset:create', 'trace:read', 'test_run:read', 'trace:delete'];
  const expected = [true, true, true, false, false, false, false];
  expect(await may(annotator, asked, project)).toEqual(expected);
  expect(await may(people.admin, asked, project, annotator.memberId)).toEqual(expected);
  expect(await may(people.admin, ['project:read', 'dataset:read'], other, annotator.memberId)).toEqual([false, false]);
  const WHY = `query ($target: ID) { access(permission: "project:read", targetId: $target) { steps { text } } }`;
  const { access } = await queryData(annotator, WHY, { target: project });
  expect(access.steps).toContainEqual({
    text: 'Annotator (custom) implies it, because the role grants dataset:read.',
  });
});

test('a policy that denies project:read hides the project and everything in it, in every answer', async () => {
  const project = await createProject(owner, 'unseen');
  const blind = await addMember(api, acme, 'guest', 'blind');
  await giveRole(owner, blind.memberId, await createRole(owner, 'Blind', [allow('*'), deny('project:read')]));
  const asked = ['project:read', 'dataset:read', 'role:read'];
  expect(await may(people.admin, asked, project, blind.memberId)).toEqual([false, false, false]);
  // The Admin sees the reason. For the member there is no such project.
  expect(await reasons(people.admin, 'dataset:read', project, blind.memberId)).toEqual(['DENIED']);
  expect(await reasons(blind, 'dataset:read', project)).toEqual(['NO_SUCH_TARGET']);
  expect(await may(blind, ['role:read', 'dataset:read'])).toEqual([true, false]);
});

test('a Researcher can view traces and run experiments, but cannot edit prompts or manage billing', async () => {
  const project = await createProject(owner, 'research');
  const researcher = await addMember(api, acme, 'read', 'researcher');
  const role = await createRole(owner, 'Researcher', [
    allow('project:read', 'trace:read', 'experiment:*', 'prompt:read'),
  ]);
  await giveRole(owner, researcher.memberId, role);
  expect(
    await may(researcher, ['trace:read', 'experiment:create', 'experiment:evaluate', 'prompt:read'], project),
  ).toEqual([true, true, true, true]);
  expect(await may(researcher, ['prompt:update', 'prompt_version:create'], project)).toEqual([false, false]);
  expect(await may(researcher, ['billing:read', 'billing:update'])).toEqual([false, false]);
});

test('a member has Write in staging and Read in production', async () => {
  const [staging, production] = [await createProject(owner, 'staging'), await createProject(owner, 'production')];
  const developer = await addMember(api, acme, 'read', 'developer');
  await giveProjectRole(owner, staging, developer.memberId, projectRoleId('write'));
  await giveProjectRole(owner, production, developer.memberId, projectRoleId('read'));
  const asked = ['prompt:read', 'prompt:update', 'project:update', 'api_key:create'];
  expect(await may(developer, asked, staging)).toEqual([true, true, true, true]);
  expect(await may(developer, asked, production)).toEqual([true, false, false, false]);
});

test('a project role Read overrides the organization role Write in that project', async () => {
  const project = await createProject(owner, 'overridden');
  const writer = await addMember(api, acme, 'write', 'overridden');
  expect(await may(writer, ['prompt:update'], project)).toEqual([true]);
  await giveProjectRole(owner, project, writer.memberId, projectRoleId('read'));
  expect(await may(writer, ['prompt:read', 'prompt:update'], project)).toEqual([true, false]);
  // A token never has more permissions than its holder, and a read-only token has fewer.
  const elsewhere = await createProject(owner, 'wide');
  expect(await may(writer, ['prompt:update'], elsewhere)).toEqual([true]);
  const token = await createApiToken(api, writer, 'READ');
  expect(await may(token, ['prompt:read', 'prompt:update'], elsewhere)).toEqual([true, false]);
});

test('a denial of the organization role applies in every project', async () => {
  const project = await createProject(owner, 'closed');
  const careful = await addMember(api, acme, 'read', 'careful');
  const role = await createRole(owner, 'Careful', [allow('*:read'), deny('*:delete')]);
  await giveRole(owner, careful.memberId, role);
  await giveProjectRole(owner, project, careful.memberId, projectRoleId('owner'));
  expect(await may(careful, ['dataset:create', 'dataset:delete', 'project:delete'], project)).toEqual([
    true,
    false,
    false,
  ]);
});
