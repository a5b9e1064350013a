import { expect, test } from 'vitest';
import { join, tokenOf } from '../support/world.ts';
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

const may = async (
  caller: { query: typeof owner.query },
  permissions: string[],
  target?: string,
): Promise<boolean[]> => {
  const requests = permissions.map((permission) => ({ permission, targetId: target }));
  const { data, errors } = await caller.query(
    'query ($requests: [AuthorizationRequest!]!) { authorize(requests: $requests) { allowed reason } }',
    { requests },
  );
  expect(errors).toBeUndefined();
  return data.authorize.map(({ allowed }: { allowed: boolean }) => allowed);
};

test('an Annotator reads and writes datasets, without access to traces or test runs', async () => {
  const project = await createProject(owner, 'evaluation');
  const annotator = await join(api, acme, 'read', 'annotator');
  const role = await createRole(owner, 'Annotator', [allow('project:read', 'dataset:*', 'golden:*')], project);
  await giveProjectRole(owner, project, annotator.memberId, role);
  expect(await may(annotator, ['dataset:read', 'dataset:create', 'dataset:update', 'golden:update'], project)).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect(await may(annotator, ['trace:read', 'test_run:read', 'trace:delete'], project)).toEqual([false, false, false]);
});

test('somebody can view traces and run experiments, but cannot edit prompts or manage billing', async () => {
  const project = await createProject(owner, 'research');
  const researcher = await join(api, acme, 'read', 'researcher');
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
  const developer = await join(api, acme, 'read', 'developer');
  await giveProjectRole(owner, staging, developer.memberId, projectRoleId('write'));
  await giveProjectRole(owner, production, developer.memberId, projectRoleId('read'));
  const asked = ['prompt:read', 'prompt:update', 'project:update', 'api_key:create'];
  expect(await may(developer, asked, staging)).toEqual([true, true, true, true]);
  expect(await may(developer, asked, production)).toEqual([true, false, false, false]);
});

test('a member whose organization role is Write reads only, where the project role is Read', async () => {
  const project = await createProject(owner, 'overridden');
  const writer = await join(api, acme, 'write', 'overridden');
  expect(await may(writer, ['prompt:update'], project)).toEqual([true]);
  await giveProjectRole(owner, project, writer.memberId, projectRoleId('read'));
  expect(await may(writer, ['prompt:read', 'prompt:update'], project)).toEqual([true, false]);
  // A token never reaches further than whom it acts for, and a read-only one not as far.
  const elsewhere = await createProject(owner, 'wide');
  expect(await may(writer, ['prompt:update'], elsewhere)).toEqual([true]);
  const token = await tokenOf(api, writer, 'READ');
  expect(await may(token, ['prompt:read', 'prompt:update'], elsewhere)).toEqual([true, false]);
});

test('no project role overrides Owner or Admin, and a denial of the organization role applies in every project', async () => {
  const project = await createProject(owner, 'closed');
  await giveProjectRole(owner, project, people.admin.memberId, null);
  expect(await may(people.admin, ['project:read', 'dataset:delete'], project)).toEqual([true, true]);
  const careful = await join(api, acme, 'read', 'careful');
  const role = await createRole(owner, 'Careful', [allow('*:read'), deny('*:delete')]);
  await giveRole(owner, careful.memberId, role);
  await giveProjectRole(owner, project, careful.memberId, projectRoleId('owner'));
  expect(await may(careful, ['dataset:create', 'dataset:delete', 'project:delete'], project)).toEqual([
    true,
    false,
    false,
  ]);
});
