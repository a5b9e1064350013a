import { describe, expect, test } from 'vitest';
import {
  allow,
  createProject,
  createRole,
  createServiceAccount,
  giveProjectRole,
  giveRole,
  projectRoleId,
} from '../decisions/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { addMember, createOrganization, membersOfEachRole, queryData, roleId } from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner, user, read } = await membersOfEachRole(api, acme);

/** Members with several roles: current, as a fallback, and in projects, one of which the User cannot read. */
const custom = await createRole(owner, 'Reader of data', [allow('dataset:read', 'member:read')]);
const [open, hidden] = [await createProject(owner, 'open'), await createProject(owner, 'hidden')];
const inHidden = await createRole(owner, 'Hidden', [allow('dataset:read')], hidden);
await giveProjectRole(owner, hidden, user.memberId, null);
for (const name of ['one', 'two', 'three', 'four']) {
  const robot = await createServiceAccount(owner, name, custom);
  await giveProjectRole(owner, open, robot, projectRoleId('read'));
  await giveProjectRole(owner, hidden, robot, inHidden);
}
const temporary = await addMember(api, acme, 'write', 'temporary');
const soon = new Date(Date.now() + 60_000);
await giveRole(owner, temporary.memberId, roleId('write'), { roleExpiresAt: soon, fallbackRoleId: custom });
// A member with a role in the hidden project only.
await giveProjectRole(owner, hidden, read.memberId, projectRoleId('member'));

const MEMBERS =
  'totalCount nodes { id } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }';
const LISTS = {
  'roles { nodes': 'Role',
  'projects { nodes': 'Project',
};

const pages = ['first: 2', 'last: 2', 'first: 1', 'first: 0', 'last: 50'];

async function expectEachAsAlone(by: Caller, list: string, type: string, args: string): Promise<Json[]> {
  const data = await queryData(by, `{ ${list} { id members(${args}) { ${MEMBERS} } } } }`);
  const { nodes } = Object.values(data)[0] as Json;
  for (const { id, members } of nodes) {
    const alone = await queryData(by, `{ node(id: "${id}") { ... on ${type} { members(${args}) { ${MEMBERS} } } } }`);
    expect(members).toEqual(alone.node.members);
  }
  return nodes;
}

describe.each(Object.entries(LISTS))('%s { members } }', (list, type) => {
  test.each(pages)('with %s returns for each object the same page as a query for one object', async (args) => {
    for (const by of [owner, user]) expect((await expectEachAsAlone(by, list, type, args)).length).toBeGreaterThan(0);
  });

  test('with a cursor continues only the list of the cursor', async () => {
    const nodes = await expectEachAsAlone(owner, list, type, 'first: 1');
    const parent = nodes.findLast(({ members }) => members.pageInfo.hasNextPage);
    const args = `first: 1, after: "${parent.members.pageInfo.endCursor}"`;
    const { data, errors } = await owner.query(`{ ${list} { id members(${args}) { nodes { id } } } } }`);
    const answered = (Object.values(data)[0] as Json).nodes.filter(({ members }: Json) => members);
    expect(answered.map(({ id }: Json) => id)).toEqual([parent.id]);
    expect(answered[0].members.nodes).toHaveLength(1);
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(nodes.slice(1).map(() => 'BAD_REQUEST'));
  });
});

/** The number of members of each role, by its name. */
async function holders(by: Caller): Promise<Record<string, number>> {
  const { roles } = await queryData(by, '{ roles { nodes { name scope members { totalCount nodes { id } } } } }');
  for (const { members } of roles.nodes) expect(members.nodes).toHaveLength(members.totalCount);
  return Object.fromEntries(
    roles.nodes.map(({ name, scope, members }: Json) => [`${name} ${scope}`, members.totalCount]),
  );
}

test('the members of a role exclude holders in projects that the caller cannot read', async () => {
  expect(await holders(owner)).toMatchObject({ 'Member PROJECT': 1, 'Read PROJECT': 4, 'Read ORGANIZATION': 1 });
  expect(await holders(user)).toMatchObject({ 'Member PROJECT': 0, 'Read PROJECT': 4, 'Read ORGANIZATION': 1 });
  const { node } = await queryData(owner, `{ node(id: "${inHidden}") { ... on Role { members { totalCount } } } }`);
  expect(node.members.totalCount).toBe(4);
});

test('a member with an expired role is listed under the fallback role', async () => {
  expect(await holders(owner)).toMatchObject({ 'Write ORGANIZATION': 2, 'Reader of data BOTH': 4 });
  api.advance(61_000);
  expect(await holders(owner)).toMatchObject({ 'Write ORGANIZATION': 1, 'Reader of data BOTH': 5 });
});
