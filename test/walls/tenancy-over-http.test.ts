import { expect, test } from 'vitest';
import { type Caller, startApi } from '../support/api.ts';
import { everything } from '../support/everything.ts';
import { createFixtures } from '../support/fixtures.ts';
import { nodeOfList, nodeTypes, queries, type RootField, typesInProjects } from '../support/introspect.ts';
import { RESOURCES } from '../support/resources.ts';
import { long } from '../support/size.ts';
import { found, join, PASSWORD, tokenOf } from '../support/world.ts';
import {
  byTitle,
  chosen,
  expectAlike,
  idsInMutations,
  idsInQueries,
  inputsOf,
  questionAt,
  titleOf,
  told,
  typeNamed,
} from './places.ts';
import { furnish, organizationUuid } from './support.ts';

/** Two organizations, through the front door: what belongs to the other one is answered like what does not exist. */
const api = await startApi();
const [acme, globex] = [await found(api, 'acme'), await found(api, 'globex')];
const furniture = await furnish(api, acme);
const [ours, theirs] = [createFixtures(api, acme), createFixtures(api, globex)];
/** One of each type, and what is of a project of theirs. */
const their: { type: string; id: string }[] = [];
for (const type of nodeTypes) their.push({ type, id: await theirs.one(type) });
for (const type of typesInProjects)
  their.push({ type, id: await theirs.make(type, { projectId: await theirs.one('Project') }) });
/** The Owner, who is told what is wrong, comes first. */
const callers: [string, Caller][] = [
  ['the Owner', acme.owner],
  ['a Read member', await join(api, acme, 'read')],
  ['a WRITE token', await tokenOf(api, acme.owner, 'WRITE')],
];
/** Every caller asks about ids of the type that the place is for; the Owner alone about others, but in a long run. */
const asking = (type: string, of: string | undefined) =>
  long || type === of || of === undefined ? callers : callers.slice(0, 1);

// The first, because the counts are of what has been furnished.
test.each([
  ['access.principalId', furniture.serviceAccount, { access: { allowed: true } }],
  ['access.principalId', acme.owner.memberId, { access: { allowed: true } }],
  ['access.targetId', furniture.project, { access: { allowed: true } }],
  ['accessMatrix.targetId', acme.id, { accessMatrix: { totalCount: 3 } }],
  ['authorize.requests.principalId', acme.owner.userId, { authorize: [{ allowed: true, reason: null }] }],
  ['authorize.requests.targetId', furniture.project, { authorize: [{ allowed: true, reason: null }] }],
  ['checks.filter.categoryId', furniture.category, { checks: { totalCount: 1, nodes: [{ id: furniture.check }] } }],
  ['checks.filter.levelId', furniture.level, { checks: { totalCount: 1, nodes: [{ id: furniture.check }] } }],
  ['permissionsOf.principalId', furniture.serviceAccount, { permissionsOf: ['dataset:read'] }],
  ['permissionsOf.targetId', furniture.project, { permissionsOf: expect.arrayContaining(['dataset:read']) }],
  ['policies.projectId', furniture.project, { policies: { totalCount: 1, nodes: [{ id: furniture.projectPolicy }] } }],
  ['project.id', furniture.project, { project: { id: furniture.project, key: 'first' } }],
  [
    'roles.projectId',
    furniture.project,
    { roles: { totalCount: 6, nodes: expect.arrayContaining([{ id: furniture.projectRole }]) } },
  ],
  [
    'whoCan.targetId',
    furniture.project,
    { whoCan: { totalCount: 3, nodes: expect.arrayContaining([{ id: furniture.serviceAccount }]) } },
  ],
])('only the organization was wrong: one’s own id as %s is answered (%s)', async (title, id, expected) => {
  // `categoryId`, or `category` by its id.
  const place = idsInQueries.find((each) => [titleOf(each), titleOf(each).replace(/\.id$/, 'Id')].includes(title));
  if (!place) throw new Error(`the schema has no ${title}`);
  const { data, errors } = await acme.owner.query(...questionAt(place)(id));
  expect(errors).toBeUndefined();
  expect(data).toMatchObject(expected);
});

test.each(nodeTypes)('the two organizations have each a %s of their own', async (type) => {
  expect(await ours.one(type)).not.toBe(await theirs.one(type));
});

test.each(nodeTypes)('node and nodes tell nothing of another organization’s %s, not even its type', async (type) => {
  const [id, check] = [await theirs.one(type), await ours.one('Check')];
  const one = 'query ($id: ID!) { node(id: $id) { __typename id } }';
  const many = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename } }';
  for (const [, caller] of callers) {
    expect(await expectAlike(caller, (asked) => [one, { id: asked }], id)).toEqual({
      data: { node: null },
      status: 200,
    });
    const mixed = await expectAlike(caller, (asked) => [many, { ids: [check, asked] }], id);
    expect(mixed).toEqual({ data: { nodes: [{ __typename: 'Check' }, null] }, status: 200 });
  }
  const mine = await ours.one(type);
  const own = await acme.owner.query(one, { id: mine });
  expect(own.data).toEqual({ node: { __typename: type, id: mine } });
});

test.each(byTitle(idsInQueries))(
  'another organization’s ids as %s are answered like unknown ones',
  async (title, place) => {
    const [ask, of] = [questionAt(place), typeNamed(place)];
    for (const { type, id } of chosen(their, of, title))
      for (const [, caller] of asking(type, of)) {
        const answer = await expectAlike(caller, ask, id);
        expect(JSON.stringify(answer), type).not.toMatch(/INTERNAL|globex|"allowed":true/);
        if (title.includes('.filter.') && caller === acme.owner)
          expect(answer, type).toEqual({ data: { [place.mutation]: { totalCount: 0, nodes: [] } }, status: 200 });
      }
  },
);

const lists = queries.filter((field) => nodeOfList(field));

/** What a list asks for besides, and selects: rows of the matrix have no id. */
const ARGUMENTS: Record<string, string> = {
  accessMatrix: 'permissions: ["dataset:read"], ',
  whoCan: 'permission: "dataset:read", ',
};
const pageOf = (list: string, args: string, selection: string): string =>
  `${list}(${ARGUMENTS[list] ?? ''}${args}) { ${selection} }`;

/** Makes sure that the own list has something, too. */
async function fill(list: RootField): Promise<void> {
  const { name } = nodeOfList(list) ?? { name: '' };
  if (RESOURCES[name]) await ours.one(name);
}

test.each(lists.map((field) => [field.name, field] as const))(
  'a cursor of another organization’s %s names no place here',
  async (list, field) => {
    await fill(field);
    const first = `{ ${pageOf(list, 'first: 1', 'edges { cursor }')} }`;
    const { data } = await globex.owner.query(first);
    const cursor = data[list].edges[0].cursor as string;
    const [, ...values] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const forged = Buffer.from(JSON.stringify(['A1b2C3d4', ...values])).toString('base64url');
    for (const place of ['after', 'before']) {
      const document = `query ($cursor: String!) { ${pageOf(list, `${place}: $cursor`, 'nodes { __typename }')} }`;
      const answer = told(await acme.owner.query(document, { cursor }), cursor);
      expect(answer).toEqual(told(await acme.owner.query(document, { cursor: forged }), forged));
      expect(answer).toMatchObject({ data: { [list]: null }, errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
      const own = (await acme.owner.query(first)).data[list].edges[0].cursor;
      expect((await acme.owner.query(document, { cursor: own })).errors).toBeUndefined();
    }
  },
);

const inputs = inputsOf(ours);
const written = () => everything(api, ['audit_events']);
const theirLog = () =>
  api.root`select * from audit_events where organization_id = ${organizationUuid(globex)} order by id`;

test.each(byTitle(idsInMutations))(
  'another organization’s ids as %s are answered like unknown ones, and change nothing',
  async (title, place) => {
    const of = (await inputs.typeAt(place)) ?? typeNamed(place);
    const before = [await written(), await theirLog()];
    for (const { type, id } of chosen(their, of, title)) {
      const ask = await inputs.askAt(place, id);
      for (const [who, caller] of asking(type, of)) {
        const { data, errors } = await expectAlike(caller, ask, id);
        const complaints = [...(errors ?? []), ...(data[place.mutation]?.errors ?? [])];
        expect(complaints, `${who} with ${type}`).toHaveLength(1);
        if (who === 'the Owner') expect(complaints[0].extensions?.code ?? complaints[0].code, type).toBe('NOT_FOUND');
        expect(JSON.stringify(complaints), `${who} with ${type}`).not.toMatch(/INTERNAL|globex/);
      }
    }
    expect([await written(), await theirLog()]).toEqual(before);
  },
);

test('signing in to an organization that one does not belong to is answered like to one that does not exist', async () => {
  const document = `mutation ($input: SignInInput!) { signIn(input: $input) { session { accessToken } errors { code message path } } }`;
  const into = async (organizationSlug: string) =>
    told(
      await api.as().query(document, { input: { email: acme.owner.email, password: PASSWORD, organizationSlug } }),
      organizationSlug,
    );
  expect(await into('globex')).toEqual(await into('no-such-organization'));
  expect(await into('globex')).toMatchObject({ data: { signIn: { session: null, errors: [{ code: 'NOT_FOUND' }] } } });
  expect(await into('acme')).toMatchObject({ data: { signIn: { session: { accessToken: expect.any(String) } } } });
});

test('the other organization is not counted either', async () => {
  const counts = lists.map((field) => pageOf(field.name, 'first: 1', 'totalCount')).join(' ');
  const before = await acme.owner.query(`{ ${counts} }`);
  for (const type of nodeTypes) await theirs.make(type);
  expect((await acme.owner.query(`{ ${counts} }`)).data).toEqual(before.data);
});
