import { type ExecutionArgs, execute, getIntrospectionQuery } from 'graphql';
import { expect, test } from 'vitest';
import { BUILT_IN_ROLES } from '../../src/access/catalog.ts';
import type { Execute } from '../../src/executor/execute.ts';
import { createHandler } from '../../src/http/handler.ts';
import { createGraphql } from '../../src/http/yoga.ts';
import { buildSchema } from '../../src/schema.ts';
import { createSampleObjects, operationOf, rootFields } from '../enforcement/support.ts';
import { type ApiResponse, type Caller, callerAt, listen, startApi } from '../support/api.ts';
import { sample } from '../support/sample.ts';
import { createApiToken, createOrganization, membersOfEachRole } from '../support/world.ts';

/** A second server on the same database, with the executor of graphql-js. */
const api = await startApi();
const schema = buildSchema();
const { dependencies } = api.app;
const referenceAddress = await listen(
  createHandler(
    createGraphql(schema, dependencies, { execute: (args: ExecutionArgs) => (execute as Execute)(args) }),
    dependencies,
  ),
);

const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const people = await membersOfEachRole(api, acme);
const things = await createSampleObjects(api, acme);
const callers: Record<string, Caller> = {
  ...Object.fromEntries(BUILT_IN_ROLES.map((role) => [role, people[role]])),
  outsider: globex.owner,
  READ: await createApiToken(api, people.owner, 'READ'),
  nobody: api.as(),
};

/** The response as a client reads it. */
const textOf = ({ data, errors, status }: ApiResponse): string => JSON.stringify({ data, errors, status }, null, 1);

async function expectSameResponse(
  caller: Caller,
  document: string,
  variables?: Record<string, unknown>,
): Promise<ApiResponse> {
  const own = await caller.query(document, variables);
  expect(textOf(own)).toBe(textOf(await callerAt(referenceAddress, caller.token).query(document, variables)));
  return own;
}

const DOCUMENTS: Record<string, string> = {
  checks: `query ($n: Int = 20, $with: Boolean = true, $id: ID!) {
    checks(first: $n, orderBy: { field: NAME }) { totalCount pageInfo { hasNextPage endCursor } edges { cursor node { ...c } } nodes { ...c __typename } }
    one: node(id: $id) { __typename ...c } none: node(id: "chk_none") { id } }
    fragment c on Check { id name notes enabled enableOn type createdAt category @include(if: $with) { ...k } level @skip(if: $with) { name index } owner { id role { name } user { name email } } viewerPermissions }
    fragment k on Category { id name description viewerPermissions }`,
  people: `{ viewer { user { name email } role { name permissions } permissions }
    members(first: 10) { totalCount nodes { __typename id role { ...r } user { name } viewerPermissions } }
    serviceAccounts(first: 5) { nodes { name role { ...r } roleExpiresAt } } sessions { totalCount } apiTokens { nodes { id name principal { __typename id } } } }
    fragment r on Role { name builtIn permissions denied policies { name statements { effect permissions } project { key } } members { nodes { __typename ...on Member { id } ...on ServiceAccount { name } } } }`,
  projects: `{ projects { nodes { key name members { nodes { id principal { __typename id } role { name scope project { key } } viewerPermissions } } viewerPermissions } }
    roles { nodes { name scope } } policies { nodes { name statements { effect permissions } } } }`,
  questions: `{ accessMatrix(first: 3) { nodes { principal { __typename id } entries { permission allowed reason role { name } } } }
    access(permission: "check:delete") { allowed reason steps { kind passed text } } authorize(requests: [{ permission: "check:read" }, { permission: "nonsense" }]) { allowed }
    whoCan(permission: "check:delete") { nodes { __typename id } } permissionsOf }`,
  organization:
    '{ organization { id name slug } plan { name } usage { seats projects } rubric { name description } auditEvents(last: 3) { nodes { action actor { kind name } outcome before after permission } } invitations { nodes { email } } plans { name } permissions { name } }',
  keys: '{ __proto__: viewer { constructor: permissions } toString: organization { hasOwnProperty: name __typename } then: rubric { toJSON: name } }',
  nodes:
    'query ($ids: [ID!]!, $id: ID!) { nodes(ids: $ids) { __typename id ...on Check { name } ...on Role { name permissions } ...on Policy { name } ...on Project { key } ...on ApiToken { name } ...on Invitation { email } } a: node(id: $id) { id } }',
};

const ids = Object.values(things).filter((thing) => typeof thing === 'string');

test.each(Object.keys(callers))(
  'for %s, every document gets the response of graphql-js, with all variables',
  async (name) => {
    const caller = callers[name] as Caller;
    const variables = [
      { id: things.check, ids },
      { id: things.role, ids: [...ids].reverse(), with: false },
      { id: 'nonsense', ids: [] },
      { id: things.check, ids, n: 1, with: true },
      {},
      { id: things.check, ids, with: null },
    ];
    for (const document of Object.values(DOCUMENTS)) {
      const used = Object.keys(variables[0] ?? {}).some((each) => document.includes(`$${each}`));
      for (const values of used ? sample(variables, 3, name + document) : [{}, {}])
        await expectSameResponse(caller, document, values);
    }
  },
);

test('every document returns data for an Owner, so that the comparison is meaningful', async () => {
  for (const document of Object.values(DOCUMENTS)) {
    const answer = await expectSameResponse(people.owner, document, { id: things.check, ids });
    expect([document, answer.status, Object.values(answer.data ?? {}).some(Boolean)]).toEqual([document, 200, true]);
  }
});

test('every query of the schema gets the response of graphql-js, with unknown ids', async () => {
  for (const field of rootFields(schema, 'Query'))
    for (const caller of sample(Object.values(callers), 3, field.name))
      await expectSameResponse(caller, ...operationOf('Query', field));
});

test('every refused mutation of the schema gets the response of graphql-js', async () => {
  for (const field of rootFields(schema, 'Mutation').filter(
    ({ name }) => !/^(sign|refresh|create|switch|leave|transfer)/.test(name),
  ))
    for (const caller of sample(
      [people.read, callers['READ'], callers['nobody'], people.owner] as Caller[],
      2,
      field.name,
    ))
      await expectSameResponse(caller, ...operationOf('Mutation', field));
});

test('the introspection query gets the response of graphql-js', async () => {
  const { data } = await expectSameResponse(
    people.owner,
    getIntrospectionQuery({ inputValueDeprecation: true, specifiedByUrl: true, oneOf: true }),
  );
  expect(data.__schema.types.length).toBeGreaterThan(100);
});
