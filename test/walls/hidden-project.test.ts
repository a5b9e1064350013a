import { expect, test } from 'vitest';
import {
  allow,
  createPolicy,
  createProject,
  createRole,
  deny,
  giveProjectRole,
  giveRole,
} from '../decisions/support.ts';
import { startApi } from '../support/api.ts';
import { ask, found, join, mutate, roleId } from '../support/world.ts';
import { expectAlike, inputsOf, mutationAt, QUESTIONS } from './places.ts';
import { dump, furnish, made } from './support.ts';

/**
 * One organization, and a project that is closed to somebody who may do everything else: to them it does not exist.
 * But for the log, which tells everything of the organization to who may read it at all.
 */
const api = await startApi();
const acme = await found(api, 'acme');
const { owner } = acme;
const own = await furnish(api, acme);
const blind = await join(api, acme, 'read', 'blind');
const everything = await createRole(owner, 'Everything', [allow('*'), deny('audit_event:read')]);
await giveRole(owner, blind.memberId, everything);
const projectMember = await giveProjectRole(owner, own.otherProject, own.serviceAccount, own.role);
const open = { ...own, project: own.otherProject, projectMember, otherProject: await createProject(owner, 'third') };
await giveProjectRole(owner, own.project, blind.memberId, null);

const hidden: [type: string, id: string][] = [
  ['Project', own.project],
  ['ProjectMember', own.projectMember],
  ['Policy', own.projectPolicy],
  ['Role', own.projectRole],
];

test.each(Object.entries(QUESTIONS))(
  'what is hidden is answered as %s like what does not exist',
  async (_place, question) => {
    for (const [type, id] of hidden)
      expect(JSON.stringify(await expectAlike(blind, question, id)), type).not.toMatch(/INTERNAL|first|"allowed":true/);
  },
);

test.each(Object.entries(inputsOf(open, acme)))(
  'what is hidden is answered as %s like what does not exist, and does not change',
  async (place, input) => {
    const before = await dump(api, ['audit_events']);
    for (const [type, id] of hidden) {
      const { data, errors } = await expectAlike(blind, (asked) => mutationAt(place, input(asked)), id);
      const complaints = [...(errors ?? []), ...(data[place.split('.')[0] as string]?.errors ?? [])];
      expect(complaints, type).toHaveLength(1);
      expect(JSON.stringify(complaints), type).toMatch(/NOT_FOUND/);
    }
    expect(await dump(api, ['audit_events'])).toEqual(before);
  },
);

test.each(hidden)('node and nodes tell of the hidden %s to the Owner alone', async (type, id) => {
  const document = 'query ($id: ID!) { node(id: $id) { __typename } nodes(ids: [$id]) { __typename } }';
  expect(await ask(blind, document, { id })).toEqual({ node: null, nodes: [null] });
  expect(await ask(owner, document, { id })).toEqual({ node: { __typename: type }, nodes: [{ __typename: type }] });
});

test('the hidden project is in no list, no count and under no key', async () => {
  const document = `query ($key: String!) { projects { totalCount nodes { key } } project(key: $key) { id } }`;
  const [second, third] = [{ key: 'second' }, { key: 'third' }];
  expect(await ask(blind, document, { key: 'FIRST' })).toEqual({
    projects: { totalCount: 2, nodes: [second, third] },
    project: null,
  });
  expect(await ask(owner, document, { key: 'FIRST' })).toEqual({
    projects: { totalCount: 3, nodes: [{ key: 'first' }, second, third] },
    project: { id: own.project },
  });
});

test('who has a role in the hidden project alone is not among its holders, nor told as what stands in the way', async () => {
  const role = await createRole(owner, 'Secret agent', [allow('dataset:read')]);
  const agent = await join(api, acme, 'user', 'agent');
  await giveProjectRole(owner, own.project, agent.memberId, role);
  const members = 'query ($id: ID!) { node(id: $id) { ... on Role { members { totalCount nodes { id } } } } }';
  expect((await ask(blind, members, { id: role })).node.members).toEqual({ totalCount: 0, nodes: [] });
  expect((await ask(owner, members, { id: role })).node.members).toMatchObject({ totalCount: 1 });

  const document = 'mutation ($id: ID!) { deleteRole(input: { id: $id }) { errors { code message usedBy { id } } } }';
  const told = await ask(blind, document, { id: role });
  expect(told.deleteRole.errors).toMatchObject([{ code: 'IN_USE', usedBy: [] }]);
  expect(told.deleteRole.errors[0].message).not.toMatch(/\d/);
  expect((await ask(owner, document, { id: role })).deleteRole.errors).toMatchObject([
    { usedBy: [{ id: agent.memberId }] },
  ]);
});

test('which role of the hidden project uses a policy is not told, nor how many do', async () => {
  const id = await createPolicy(owner, [allow('dataset:read')]);
  const name = 'Hidden role';
  const role = await made(owner, 'createRole', { name, policyIds: [id], projectId: own.project }, 'role');
  const document = 'mutation ($id: ID!) { deletePolicy(input: { id: $id }) { errors { code message usedBy { id } } } }';
  const { deletePolicy } = await ask(blind, document, { id });
  expect(deletePolicy.errors).toMatchObject([{ code: 'IN_USE', usedBy: [] }]);
  expect(deletePolicy.errors[0].message).not.toMatch(/\d|Hidden/);
  const seen = (await ask(owner, document, { id })).deletePolicy.errors[0];
  expect(seen).toMatchObject({ message: expect.stringContaining(name), usedBy: [{ id: role }] });
});

test('a change of access does not tell that somebody has a role in the hidden project', async () => {
  const target = await join(api, acme, 'user', 'target');
  await giveProjectRole(owner, own.project, target.memberId, null);
  const input = { id: target.memberId, roleId: roleId('read'), dryRun: true };
  const results = 'accessChanges { project { id } lost }';
  const { accessChanges } = await mutate(blind, 'updateMember', input, results);
  expect(accessChanges).toEqual([{ project: null, lost: expect.arrayContaining(['team:create']) }]);
  const all = await mutate(owner, 'updateMember', input, results);
  expect(all.accessChanges).toEqual([...accessChanges, { project: { id: own.project }, lost: [] }]);
});

test('an invitation does not tell that it offers a role in the hidden project', async () => {
  const offered = { projectId: own.project, roleId: own.projectRole };
  const input = { emails: ['agent@elsewhere.test'], roleId: roleId('read'), projectRoles: [offered] };
  const id = await made(owner, 'createInvitations', input, 'invitations');
  const document = 'query ($id: ID!) { node(id: $id) { ... on Invitation { projectRoles { project { id } } } } }';
  expect(await ask(blind, document, { id })).toEqual({ node: { projectRoles: [] } });
  expect(await ask(owner, document, { id })).toEqual({ node: { projectRoles: [{ project: { id: own.project } }] } });
});
