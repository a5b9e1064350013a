import { expect, test } from 'vitest';
import { allRows, LOG_AND_COUNTERS } from '../support/all-rows.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { createFixtures } from '../support/fixtures.ts';
import { nodeOfList, nodeTypes, queries, type RootField, typesInProjects } from '../support/introspect.ts';
import { RESOURCES } from '../support/resources.ts';
import { long } from '../support/size.ts';
import { addMember, createApiToken, createOrganization, PASSWORD } from '../support/world.ts';
import {
  byTitle,
  expectSameRefusal,
  expectSameResponse,
  idsInMutations,
  idsInQueries,
  idsToRemove,
  inputsOf,
  queryAt,
  sampleIds,
  titleOf,
  typeNamed,
  withoutId,
} from './id-inputs.ts';
import { createSampleObjects, organizationUuid } from './support.ts';

/** Over HTTP, an ID of another organization gives the same response as an unknown one. */
const api = await startApi();
const [acme, globex] = [await createOrganization(api, 'acme'), await createOrganization(api, 'globex')];
const objects = await createSampleObjects(api, acme);
const [ours, theirs] = [createFixtures(api, acme), createFixtures(api, globex)];
/** IDs of one object of each type, and of objects in a project of the other organization. */
const foreign: { type: string; id: string }[] = [];
for (const type of nodeTypes) foreign.push({ type, id: await theirs.one(type) });
for (const type of typesInProjects)
  foreign.push({ type, id: await theirs.make(type, { projectId: await theirs.one('Project') }) });
/** The Owner comes first, because the Owner gets detailed errors. */
const callers: [string, Caller][] = [
  ['the Owner', acme.owner],
  ['a Read member', await addMember(api, acme, 'read')],
  ['a WRITE token', await createApiToken(api, acme.owner, 'WRITE')],
];
/** All callers try IDs of the expected type; only the Owner tries others, except in a long run. */
const callersFor = (type: string, of: string | undefined) =>
  long || type === of || of === undefined ? callers : callers.slice(0, 1);

// The first test, because later ones create objects and change the counts.
test.each([
  ['access.principalId', objects.serviceAccount, { access: { allowed: true } }],
  ['access.principalId', acme.owner.memberId, { access: { allowed: true } }],
  ['access.targetId', objects.project, { access: { allowed: true } }],
  ['accessMatrix.targetId', acme.id, { accessMatrix: { totalCount: 3 } }],
  ['authorize.requests.principalId', acme.owner.userId, { authorize: [{ allowed: true, reason: null }] }],
  ['authorize.requests.targetId', objects.project, { authorize: [{ allowed: true, reason: null }] }],
  ['checks.filter.categoryId', objects.category, { checks: { totalCount: 1, nodes: [{ id: objects.check }] } }],
  ['checks.filter.levelId', objects.level, { checks: { totalCount: 1, nodes: [{ id: objects.check }] } }],
  ['permissionsOf.principalId', objects.serviceAccount, { permissionsOf: ['project:read', 'dataset:read'] }],
  ['permissionsOf.targetId', objects.project, { permissionsOf: expect.arrayContaining(['dataset:read']) }],
  ['policies.projectId', objects.project, { policies: { totalCount: 1, nodes: [{ id: objects.projectPolicy }] } }],
  ['project.id', objects.project, { project: { id: objects.project, key: 'first' } }],
  [
    'roles.projectId',
    objects.project,
    { roles: { totalCount: 6, nodes: expect.arrayContaining([{ id: objects.projectRole }]) } },
  ],
  [
    'whoCan.targetId',
    objects.project,
    { whoCan: { totalCount: 3, nodes: expect.arrayContaining([{ id: objects.serviceAccount }]) } },
  ],
])('an ID of the own organization as %s gives a result (%s)', async (title, id, expected) => {
  // `categoryId`, or `id` of `category`.
  const inputPath = idsInQueries.find((each) => [titleOf(each), titleOf(each).replace(/\.id$/, 'Id')].includes(title));
  if (!inputPath) throw new Error(`the schema has no ${title}`);
  const { data, errors } = await acme.owner.query(...queryAt(inputPath)(id));
  expect(errors).toBeUndefined();
  expect(data).toMatchObject(expected);
});

test.each(nodeTypes)('each organization has a different %s', async (type) => {
  expect(await ours.one(type)).not.toBe(await theirs.one(type));
});

test.each(nodeTypes)(
  'node and nodes return nothing for a %s of another organization, not even its type',
  async (type) => {
    const [id, check] = [await theirs.one(type), await ours.one('Check')];
    const one = 'query ($id: ID!) { node(id: $id) { __typename id } }';
    const many = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename } }';
    for (const [, caller] of callers) {
      expect(await expectSameResponse(caller, (asked) => [one, { id: asked }], id)).toEqual({
        data: { node: null },
        status: 200,
      });
      const mixed = await expectSameResponse(caller, (asked) => [many, { ids: [check, asked] }], id);
      expect(mixed).toEqual({ data: { nodes: [{ __typename: 'Check' }, null] }, status: 200 });
    }
    const mine = await ours.one(type);
    const own = await acme.owner.query(one, { id: mine });
    expect(own.data).toEqual({ node: { __typename: type, id: mine } });
  },
);

test.each(byTitle(idsInQueries))(
  'IDs of another organization as %s give the same response as unknown IDs',
  async (title, inputPath) => {
    const [ask, of] = [queryAt(inputPath), typeNamed(inputPath)];
    for (const { type, id } of sampleIds(foreign, of, title))
      for (const [, caller] of callersFor(type, of)) {
        const answer = await expectSameResponse(caller, ask, id);
        expect(JSON.stringify(answer), type).not.toMatch(/INTERNAL|globex|"allowed":true/);
        if (title.includes('.filter.') && caller === acme.owner)
          expect(answer, type).toEqual({ data: { [inputPath.mutation]: { totalCount: 0, nodes: [] } }, status: 200 });
      }
  },
);

const lists = queries.filter((field) => nodeOfList(field));

/** Further arguments and the selection of a list. Rows of the matrix have no ID. */
const ARGUMENTS: Record<string, string> = {
  accessMatrix: 'permissions: ["dataset:read"], ',
  whoCan: 'permission: "dataset:read", ',
};
const pageOf = (list: string, args: string, selection: string): string =>
  `${list}(${ARGUMENTS[list] ?? ''}${args}) { ${selection} }`;

/** Expects that the own list is not empty either. */
async function fill(list: RootField): Promise<void> {
  const { name } = nodeOfList(list) ?? { name: '' };
  if (RESOURCES[name]) await ours.one(name);
}

test.each(lists.map((field) => [field.name, field] as const))(
  'a cursor of %s of another organization is rejected',
  async (list, field) => {
    await fill(field);
    const first = `{ ${pageOf(list, 'first: 1', 'edges { cursor }')} }`;
    const { data } = await globex.owner.query(first);
    const cursor = data[list].edges[0].cursor as string;
    const [, ...values] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const forged = Buffer.from(JSON.stringify(['A1b2C3d4', ...values])).toString('base64url');
    for (const side of ['after', 'before']) {
      const document = `query ($cursor: String!) { ${pageOf(list, `${side}: $cursor`, 'nodes { __typename }')} }`;
      const answer = withoutId(await acme.owner.query(document, { cursor }), cursor);
      expect(answer).toEqual(withoutId(await acme.owner.query(document, { cursor: forged }), forged));
      expect(answer).toMatchObject({ data: { [list]: null }, errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
      const own = (await acme.owner.query(first)).data[list].edges[0].cursor;
      expect((await acme.owner.query(document, { cursor: own })).errors).toBeUndefined();
    }
  },
);

const inputs = inputsOf(ours);
const written = () => allRows(api, LOG_AND_COUNTERS);
const theirRows = async () =>
  Object.values<Json[] | null>(await written()).flatMap((rows) =>
    (rows ?? []).filter(({ organization_id }) => organization_id === organizationUuid(globex)),
  );
const theirLog = () =>
  api.root`select * from audit_events where organization_id = ${organizationUuid(globex)} order by id`;

test.each(byTitle(idsInMutations))(
  'IDs of another organization as %s give the same response as unknown IDs, and change nothing',
  async (title, inputPath) => {
    const of = (await inputs.typeAt(inputPath)) ?? typeNamed(inputPath);
    const before = [await written(), await theirLog()];
    for (const { type, id } of sampleIds(foreign, of, title)) {
      const ask = await inputs.askAt(inputPath, id);
      for (const [who, caller] of callersFor(type, of)) {
        const { data, errors } = await expectSameRefusal(api, caller, ask, id);
        const complaints = [...(errors ?? []), ...(data[inputPath.mutation]?.errors ?? [])];
        expect(complaints, `${who} with ${type}`).toHaveLength(1);
        if (who === 'the Owner') expect(complaints[0].extensions?.code ?? complaints[0].code, type).toBe('NOT_FOUND');
        expect(JSON.stringify(complaints), `${who} with ${type}`).not.toMatch(/INTERNAL|globex/);
      }
    }
    expect([await written(), await theirLog()]).toEqual(before);
  },
);

test.each(byTitle(idsToRemove))(
  'IDs of another organization as %s give the same response as unknown IDs, and remove nothing',
  async (title, inputPath) => {
    const of = await inputs.typeAt(inputPath);
    expect(nodeTypes).toContain(of);
    const before = [await theirRows(), await theirLog()];
    expect(before[0]).not.toEqual([]);
    for (const { type, id } of sampleIds(foreign, of, title)) {
      const ask = await inputs.askAt(inputPath, id);
      for (const [who, caller] of callersFor(type, of))
        expect(JSON.stringify(await expectSameRefusal(api, caller, ask, id)), `${who} with ${type}`).not.toMatch(
          /INTERNAL|globex/,
        );
    }
    expect([await theirRows(), await theirLog()]).toEqual(before);
  },
);

test('signing in to an organization without membership gives the same response as to an unknown one', async () => {
  const document = `mutation ($input: SignInInput!) { signIn(input: $input) { session { accessToken } errors { code message path } } }`;
  const into = async (organizationSlug: string) =>
    withoutId(
      await api.as().query(document, { input: { email: acme.owner.email, password: PASSWORD, organizationSlug } }),
      organizationSlug,
    );
  expect(await into('globex')).toEqual(await into('no-such-organization'));
  expect(await into('globex')).toMatchObject({ data: { signIn: { session: null, errors: [{ code: 'NOT_FOUND' }] } } });
  expect(await into('acme')).toMatchObject({ data: { signIn: { session: { accessToken: expect.any(String) } } } });
});

test('counts exclude other organizations', async () => {
  const counts = lists.map((field) => pageOf(field.name, 'first: 1', 'totalCount')).join(' ');
  const before = await acme.owner.query(`{ ${counts} }`);
  for (const type of nodeTypes) await theirs.make(type);
  expect((await acme.owner.query(`{ ${counts} }`)).data).toEqual(before.data);
});
