import { describe, expect, test } from 'vitest';
import { PERMISSIONS } from '../../src/access/catalog.ts';
import { createProject } from '../decisions/support.ts';
import { createToken } from '../identity/tokens.ts';
import { allRows, LOG_AND_COUNTERS } from '../support/all-rows.ts';
import { type Json, startApi } from '../support/api.ts';
import { createFixtures, validCase } from '../support/fixtures.ts';
import { nodeOfList, queries, schema } from '../support/introspect.ts';
import { createOrganization, mutate } from '../support/world.ts';
import { operationOf, organizationUuid, type RootField, rootFields, ruleOf, uuidOf } from './support.ts';

/** Every operation of the schema, with tokens of an Owner that are limited to one permission, or to all but one. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const fixtures = createFixtures(api, acme);
const token = await createToken(api, acme.owner);
const names = [...PERMISSIONS.keys()];

const limitTo = (permissions: string[] | null, projectIds: string[] | null = null) => api.root`
  update api_tokens set permissions = ${permissions}, project_ids = ${projectIds}
  where organization_id = ${organizationUuid(acme)} and id = ${uuidOf('tok', token.id)}`;

/** Fields that require a permission of every caller. */
const guarded = (kind: 'Query' | 'Mutation'): [name: string, field: RootField, permission: string][] =>
  rootFields(schema, kind).flatMap((field) => {
    const rule = ruleOf(field);
    return rule?.permission && !rule.own ? [[field.name, field, rule.permission]] : [];
  });

const FIRST = { permission: 'dataset:read', permissions: ['dataset:read'] };
const isExcluded = (permission: string) => ({ code: 'FORBIDDEN', reason: 'TOKEN_NARROWED', permission });

test('the schema has mutations and queries to try', () => {
  expect(guarded('Mutation').length).toBeGreaterThan(30);
  expect(guarded('Query').length).toBeGreaterThan(10);
});

describe('a mutation is refused without its permission, and changes nothing', () => {
  test.each(guarded('Mutation'))('%s', async (name, field, permission) => {
    const { input } = await validCase(fixtures, name);
    await limitTo(names.filter((other) => other !== permission));
    const before = await allRows(api, LOG_AND_COUNTERS);
    const { errors } = await token.query(...operationOf('Mutation', field, { input }));
    // What is hidden without the permission does not exist.
    const [{ extensions }] = errors as Json[];
    if (extensions.code !== 'NOT_FOUND') expect(extensions).toMatchObject(isExcluded(permission));
    expect(await allRows(api, LOG_AND_COUNTERS)).toEqual(before);
  });
});

/** No policy and no limit gives it: it needs an Owner, which a narrowed token is not. */
const OF_OWNERS = 'organization:transfer';

describe('a mutation with only its permission is refused for no lack of that permission', () => {
  test.each(guarded('Mutation').filter(([, , permission]) => permission !== OF_OWNERS))(
    '%s',
    async (name, field, permission) => {
      const { input } = await validCase(fixtures, name);
      await limitTo([permission, 'project:read']);
      const { errors } = await token.query(...operationOf('Mutation', field, { input }));
      for (const { extensions } of errors ?? []) expect(extensions).not.toMatchObject(isExcluded(permission));
    },
  );
});

describe('a query needs exactly its permission', () => {
  test.each(guarded('Query'))('%s', async (_, field, permission) => {
    const operation = operationOf('Query', field, FIRST);
    await limitTo(names.filter((other) => other !== permission));
    const without = await token.query(...operation);
    expect(without.errors?.[0].extensions, JSON.stringify(without.data)).toMatchObject(isExcluded(permission));
    await limitTo([permission]);
    for (const { extensions } of (await token.query(...operation)).errors ?? [])
      expect(extensions).not.toMatchObject({ code: 'FORBIDDEN' });
  });
});

test('a token limited to a project sees only this project in every list', async () => {
  const [here, there] = [await createProject(acme.owner, 'here'), await createProject(acme.owner, 'there')];
  const made: Record<string, string> = {};
  for (const projectId of [here, there])
    made[projectId] = (
      await mutate(acme.owner, 'createDataset', { name: 'Data', projectId }, 'dataset { id }')
    ).dataset.id;
  await limitTo(null, [uuidOf('prj', here)]);
  const expected: Record<string, (string | undefined)[]> = {
    apiTokens: [token.id],
    datasets: [made[here]],
    projects: [here],
    sessions: [],
  };
  for (const field of queries.filter((one) => nodeOfList(one))) {
    const [document, variables] = operationOf('Query', field, FIRST);
    const ids = expected[field.name] ? 'totalCount nodes { id }' : 'totalCount';
    const { data, errors } = await token.query(document.replace('__typename', ids), variables);
    const nodes = expected[field.name]?.map((id) => ({ id }));
    if (nodes) expect(data[field.name], field.name).toEqual({ totalCount: nodes.length, nodes });
    else expect([field.name, errors?.[0].extensions.reason]).toEqual([field.name, 'TOKEN_NARROWED']);
  }
  const byId = await token.query(
    `{ nodes(ids: ["${made[here]}", "${made[there]}", "${there}", "${acme.owner.memberId}"]) { id } }`,
  );
  expect(byId.data.nodes.slice(0, 3)).toEqual([{ id: made[here] }, null, null]);
});

test('a narrowed token of a member neither sees nor revokes the other tokens and sessions of the member', async () => {
  const other = await createToken(api, acme.owner);
  await limitTo(['category:read']);
  const { data } = await token.query(
    `{ apiTokens { nodes { id } } sessions { totalCount } apiToken(id: "${other.id}") { id } }`,
  );
  expect(data).toEqual({ apiTokens: { nodes: [{ id: token.id }] }, sessions: { totalCount: 0 }, apiToken: null });
  for (const name of ['deleteApiToken', 'rotateApiToken'])
    expect(await mutate(token, name, { id: other.id })).toEqual({ refused: 'NOT_FOUND' });
  expect(await mutate(token, 'rotateApiToken', { id: token.id, graceSeconds: 60 })).toEqual({ errors: [] });
  expect(await mutate(token, 'deleteApiToken', { id: token.id })).toEqual({ errors: [] });
});
