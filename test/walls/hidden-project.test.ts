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
import { everything as state } from '../support/everything.ts';
import { createFixtures } from '../support/fixtures.ts';
import { typesInProjects } from '../support/introspect.ts';
import { ask, found, join, mutate, roleId } from '../support/world.ts';
import {
  byTitle,
  chosen,
  expectAlike,
  idsInMutations,
  idsInQueries,
  inputsOf,
  questionAt,
  typeNamed,
} from './places.ts';
import { furnish, made } from './support.ts';

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
await createProject(owner, 'third');
await giveProjectRole(owner, own.project, blind.memberId, null);

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

// The last, because they make more of everything.
const fixtures = createFixtures(api, acme);
const inputs = inputsOf(fixtures);

interface Hidden {
  type: string;
  id: string;
}
/** The hidden project, and one of each type inside. */
const hidden: { type: string; id: Promise<string> | undefined }[] = ['Project', ...typesInProjects].map((type) => ({
  type,
  id: undefined,
}));
const idOf = async (each: (typeof hidden)[number]): Promise<Hidden> => {
  each.id ??=
    each.type === 'Project' ? Promise.resolve(own.project) : fixtures.make(each.type, { projectId: own.project });
  return { type: each.type, id: await each.id };
};

test.each(byTitle(idsInQueries))('what is hidden is answered as %s like what does not exist', async (title, place) => {
  for (const each of chosen(hidden, typeNamed(place), title)) {
    const { type, id } = await idOf(each);
    const answer = await expectAlike(blind, questionAt(place), id);
    expect(JSON.stringify(answer), type).not.toMatch(/INTERNAL|first|"allowed":true/);
  }
});

test.each(byTitle(idsInMutations))(
  'what is hidden is answered as %s like what does not exist, and does not change',
  async (title, place) => {
    const tried = chosen(hidden, await inputs.typeAt(place), title);
    for (const each of tried) await idOf(each);
    const before = await state(api, ['audit_events']);
    for (const each of tried) {
      const { type, id } = await idOf(each);
      const { data, errors } = await expectAlike(blind, await inputs.askAt(place, id), id);
      const complaints = [...(errors ?? []), ...(data[place.mutation]?.errors ?? [])];
      expect(complaints, type).toHaveLength(1);
      expect(JSON.stringify(complaints), type).toMatch(/NOT_FOUND/);
    }
    expect(await state(api, ['audit_events'])).toEqual(before);
  },
);

test.each(hidden.map((each) => [each.type, each] as const))(
  'node and nodes tell of the hidden %s to the Owner alone',
  async (type, each) => {
    const { id } = await idOf(each);
    const document = 'query ($id: ID!) { node(id: $id) { __typename } nodes(ids: [$id]) { __typename } }';
    expect(await ask(blind, document, { id })).toEqual({ node: null, nodes: [null] });
    expect(await ask(owner, document, { id })).toEqual({ node: { __typename: type }, nodes: [{ __typename: type }] });
  },
);
