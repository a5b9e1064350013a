import { expect, test } from 'vitest';
import { allow, createPolicy, createProject, createRole, giveProjectRole, giveRole } from '../decisions/support.ts';
import { allRows, LOG_AND_COUNTERS } from '../support/all-rows.ts';
import { startApi } from '../support/api.ts';
import { createFixtures } from '../support/fixtures.ts';
import { typesInProjects } from '../support/introspect.ts';
import { addMember, createOrganization, mutate, queryData, roleId } from '../support/world.ts';
import {
  byTitle,
  expectSameRefusal,
  expectSameResponse,
  idsInMutations,
  idsInQueries,
  inputsOf,
  queryAt,
  sampleIds,
  typeNamed,
} from './id-inputs.ts';
import { createAndGetId, createSampleObjects } from './support.ts';

/**
 * A project that a member with all other permissions cannot read. For this member it does not exist, also in the audit log.
 */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const own = await createSampleObjects(api, acme);
const restricted = await addMember(api, acme, 'read', 'restricted');
const everything = await createRole(owner, 'Everything', [allow('*')]);
await giveRole(owner, restricted.memberId, everything);
await createProject(owner, 'third');
await giveProjectRole(owner, own.project, restricted.memberId, null);

test('lists, counts and lookups by key exclude the hidden project', async () => {
  const document = `query ($key: String!) { projects { totalCount nodes { key } } project(key: $key) { id } }`;
  const [second, third] = [{ key: 'second' }, { key: 'third' }];
  expect(await queryData(restricted, document, { key: 'FIRST' })).toEqual({
    projects: { totalCount: 2, nodes: [second, third] },
    project: null,
  });
  expect(await queryData(owner, document, { key: 'FIRST' })).toEqual({
    projects: { totalCount: 3, nodes: [{ key: 'first' }, second, third] },
    project: { id: own.project },
  });
});

test('the holders of a role, and the error IN_USE, exclude members of the hidden project', async () => {
  const role = await createRole(owner, 'Secret agent', [allow('dataset:read')]);
  const agent = await addMember(api, acme, 'user', 'agent');
  await giveProjectRole(owner, own.project, agent.memberId, role);
  const members = 'query ($id: ID!) { node(id: $id) { ... on Role { members { totalCount nodes { id } } } } }';
  expect((await queryData(restricted, members, { id: role })).node.members).toEqual({ totalCount: 0, nodes: [] });
  expect((await queryData(owner, members, { id: role })).node.members).toMatchObject({ totalCount: 1 });

  const document = 'mutation ($id: ID!) { deleteRole(input: { id: $id }) { errors { code message usedBy { id } } } }';
  const response = await queryData(restricted, document, { id: role });
  expect(response.deleteRole.errors).toMatchObject([{ code: 'IN_USE', usedBy: [] }]);
  expect(response.deleteRole.errors[0].message).not.toMatch(/\d/);
  expect((await queryData(owner, document, { id: role })).deleteRole.errors).toMatchObject([
    { usedBy: [{ id: agent.memberId }] },
  ]);
});

test('the error IN_USE of a policy does not show or count roles of the hidden project', async () => {
  const id = await createPolicy(owner, [allow('dataset:read')]);
  const name = 'Hidden role';
  const role = await createAndGetId(owner, 'createRole', { name, policyIds: [id], projectId: own.project }, 'role');
  const document = 'mutation ($id: ID!) { deletePolicy(input: { id: $id }) { errors { code message usedBy { id } } } }';
  const { deletePolicy } = await queryData(restricted, document, { id });
  expect(deletePolicy.errors).toMatchObject([{ code: 'IN_USE', usedBy: [] }]);
  expect(deletePolicy.errors[0].message).not.toMatch(/\d|Hidden/);
  const ownerError = (await queryData(owner, document, { id })).deletePolicy.errors[0];
  expect(ownerError).toMatchObject({ message: expect.stringContaining(name), usedBy: [{ id: role }] });
});

test('a dry run of an access change does not show roles in the hidden project', async () => {
  const target = await addMember(api, acme, 'user', 'target');
  await giveProjectRole(owner, own.project, target.memberId, null);
  const input = { id: target.memberId, roleId: roleId('read'), dryRun: true };
  const results = 'accessChanges { project { id } lost }';
  const { accessChanges } = await mutate(restricted, 'updateMember', input, results);
  expect(accessChanges).toEqual([{ project: null, lost: expect.arrayContaining(['team:create']) }]);
  const all = await mutate(owner, 'updateMember', input, results);
  expect(all.accessChanges).toEqual([...accessChanges, { project: { id: own.project }, lost: [] }]);
});

test('an invitation does not show roles in the hidden project', async () => {
  const offered = { projectId: own.project, roleId: own.projectRole };
  const input = { emails: ['agent@elsewhere.test'], roleId: roleId('read'), projectRoles: [offered] };
  const id = await createAndGetId(owner, 'createInvitations', input, 'invitations');
  const document = 'query ($id: ID!) { node(id: $id) { ... on Invitation { projectRoles { project { id } } } } }';
  expect(await queryData(restricted, document, { id })).toEqual({ node: { projectRoles: [] } });
  expect(await queryData(owner, document, { id })).toEqual({
    node: { projectRoles: [{ project: { id: own.project } }] },
  });
});

// These tests are last, because they create more objects.
const fixtures = createFixtures(api, acme);
const inputs = inputsOf(fixtures);

interface Hidden {
  type: string;
  id: string;
}
/** The hidden project, and one object of each type in it. */
const hidden: { type: string; id: Promise<string> | undefined }[] = ['Project', ...typesInProjects].map((type) => ({
  type,
  id: undefined,
}));
const idOf = async (each: (typeof hidden)[number]): Promise<Hidden> => {
  each.id ??=
    each.type === 'Project' ? Promise.resolve(own.project) : fixtures.make(each.type, { projectId: own.project });
  return { type: each.type, id: await each.id };
};

test.each(byTitle(idsInQueries))(
  'a hidden ID as %s gives the same response as an unknown ID',
  async (title, inputPath) => {
    for (const each of sampleIds(hidden, typeNamed(inputPath), title)) {
      const { type, id } = await idOf(each);
      const answer = await expectSameResponse(restricted, queryAt(inputPath), id);
      expect(JSON.stringify(answer), type).not.toMatch(/INTERNAL|first|"allowed":true/);
    }
  },
);

/** Only Owners have its permission, and nothing is hidden from them. Others are refused before the ID is looked up. */
const OF_OWNERS = 'transferOwnership';

test.each(byTitle(idsInMutations))(
  'a hidden ID as %s gives the same response as an unknown ID, and nothing changes',
  async (title, inputPath) => {
    const tried = sampleIds(hidden, await inputs.typeAt(inputPath), title);
    for (const each of tried) await idOf(each);
    const before = await allRows(api, LOG_AND_COUNTERS);
    for (const each of tried) {
      const { type, id } = await idOf(each);
      const { data, errors } = await expectSameRefusal(api, restricted, await inputs.askAt(inputPath, id), id);
      const complaints = [...(errors ?? []), ...(data[inputPath.mutation]?.errors ?? [])];
      expect(complaints, type).toHaveLength(1);
      const reason = inputPath.mutation === OF_OWNERS ? /FORBIDDEN.*organization:transfer/ : /NOT_FOUND/;
      expect(JSON.stringify(complaints), type).toMatch(reason);
    }
    expect(await allRows(api, LOG_AND_COUNTERS)).toEqual(before);
  },
);

test.each(hidden.map((each) => [each.type, each] as const))(
  'node and nodes return the hidden %s only to the Owner',
  async (type, each) => {
    const { id } = await idOf(each);
    const document = 'query ($id: ID!) { node(id: $id) { __typename } nodes(ids: [$id]) { __typename } }';
    expect(await queryData(restricted, document, { id })).toEqual({ node: null, nodes: [null] });
    expect(await queryData(owner, document, { id })).toEqual({
      node: { __typename: type },
      nodes: [{ __typename: type }],
    });
  },
);
