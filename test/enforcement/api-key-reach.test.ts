import { expect, test } from 'vitest';
import { PERMISSIONS } from '../../src/access/catalog.ts';
import { allRows, LOG_AND_COUNTERS } from '../support/all-rows.ts';
import { type Json, startApi } from '../support/api.ts';
import { createFixtures, validCase } from '../support/fixtures.ts';
import { mutations, nodeOfList, nodeTypes, queries, schema, typesInProjects } from '../support/introspect.ts';
import { selectAll } from '../support/selection.ts';
import { createApiKey, createOrganization, queryData } from '../support/world.ts';
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
import { operationOf } from './support.ts';

/** A key with every permission that a key can have reaches its project, and nothing else of the organization. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const [inside, outside] = [createFixtures(api, acme, 'a'), createFixtures(api, acme, 'b')];
const project = await inside.one('Project');
const permissions = [...PERMISSIONS.values()].filter(({ level }) => level === 'project').map(({ name }) => name);
const key = await createApiKey(api, acme.owner, { projectId: project, permissions });

/** One object of each type that is not in the project, and objects of another project. */
const others: { type: string; id: string }[] = [];
for (const type of nodeTypes) others.push({ type, id: await outside.one(type) });
for (const type of typesInProjects)
  others.push({ type, id: await outside.make(type, { projectId: await outside.one('Project') }) });

test.each(byTitle(idsInQueries))('%s: an object outside the project does not exist', async (title, inputPath) => {
  for (const { type, id } of sampleIds(others, typeNamed(inputPath), title)) {
    const answer = await expectSameResponse(key, queryAt(inputPath), id);
    expect(JSON.stringify(answer), type).not.toMatch(/INTERNAL|acme|"allowed":true/);
  }
});

const inputs = inputsOf(inside);

test.each(byTitle(idsInMutations))(
  '%s: an object outside the project does not exist, and nothing changes',
  async (title, inputPath) => {
    const tried = sampleIds(others, await inputs.typeAt(inputPath), title);
    const asked: [string, string, Awaited<ReturnType<typeof inputs.askAt>>][] = [];
    for (const { type, id } of tried) asked.push([type, id, await inputs.askAt(inputPath, id)]);
    const before = await allRows(api, LOG_AND_COUNTERS);
    for (const [type, id, ask] of asked) {
      const { data, errors } = await expectSameRefusal(api, key, ask, id);
      const complaints = [...(errors ?? []), ...(data[inputPath.mutation]?.errors ?? [])];
      console.log(title, type, JSON.stringify(complaints.map((c: Json) => [c.code, c.extensions?.code, c.extensions?.reason, c.message])));
    }
    expect(await allRows(api, LOG_AND_COUNTERS)).toEqual(before);
  },
);

test('node and nodes return no object outside the project', async () => {
  const document = 'query ($id: ID!, $ids: [ID!]!) { node(id: $id) { __typename } nodes(ids: $ids) { __typename } }';
  for (const { type, id } of others)
    expect(await queryData(key, document, { id, ids: [id, project] }), type).toEqual({
      node: null,
      nodes: [null, { __typename: 'Project' }],
    });
});

test('lists', async () => {
  for (const field of queries.filter((one) => nodeOfList(one))) {
    const answer = await key.query(...operationOf('Query', field));
    console.log(field.name, JSON.stringify(answer.data), JSON.stringify(answer.errors?.map((c: Json) => [c.extensions?.code, c.extensions?.reason])));
  }
});

test('selection', async () => {
  const select = (type: string, depth: number) => selectAll(schema, schema.getType(type) as never, depth);
  const answer = await key.query(`{ viewer { ${select('Viewer', 2)} } }`);
  console.log(JSON.stringify(answer.data), JSON.stringify(answer.errors?.map((c: Json) => [c.path, c.extensions])));
  const two = await key.query(`query ($id: ID!) { project(id: $id) { ${select('Project', 2)} } }`, { id: project });
  console.log(JSON.stringify(two.data), JSON.stringify(two.errors?.map((c: Json) => [c.path, c.extensions, c.message])));
});

test('mutations', async () => {
  for (const { name } of mutations) {
    try {
    const { input } = await validCase(inside, name);
    const field = mutations.find((one) => one.name === name) as never;
    const { data, errors } = await key.query(...operationOf('Mutation', field, { input }));
    console.log(name, JSON.stringify(data), JSON.stringify(errors?.map((c: Json) => [c.extensions, c.message])));
    } catch (error) { console.log(name, String(error).slice(0,300)); }
  }
});
