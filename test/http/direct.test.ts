import type { ExecutionArgs } from 'graphql';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Context, db } from '../../src/context.ts';
import { stopWork } from '../../src/db/work.ts';
import type { Answer } from '../../src/executor/answer.ts';
import { createHandler } from '../../src/http/handler.ts';
import { createGraphql, type Graphql } from '../../src/http/yoga.ts';
import { unavailable } from '../../src/lib/errors.ts';
import { buildSchema } from '../../src/schema.ts';
import { type Api, listen, startApi } from '../support/api.ts';
import { addMember, createApiToken, createOrganization } from '../support/world.ts';
import { ask, type ReceivedResponse } from './requests.ts';

const RESPONSE_LIMIT = 20_000;
const api = await startApi({ config: { responseLimit: RESPONSE_LIMIT } });
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const reader = await addMember(api, acme, 'read');
const readToken = await createApiToken(api, owner, 'READ');

/** The planned answer of the current test. */
/** Leaves every operation to the resolvers. */
const noAnswer: Answer = () => null;
let answer = noAnswer;
beforeEach(() => {
  answer = noAnswer;
});

/** A server with the direct path and one without it, on one database. */
async function servers(on: Api) {
  const { dependencies } = on.app;
  const schema = buildSchema();
  const graphql = createGraphql(schema, dependencies, { answer: (args) => answer(args) });
  let answered = 0;
  const counted: Graphql = {
    ...graphql,
    direct(...request) {
      const result = graphql.direct(...request);
      if (result) answered += 1;
      return result;
    },
  };
  const without: Graphql = { ...createGraphql(schema, dependencies), direct: () => null };
  return {
    answered: () => answered,
    direct: await listen(createHandler(counted, dependencies)),
    yoga: await listen(createHandler(without, dependencies)),
  };
}

const open = await servers(api);
const closed = await startApi({ config: { introspection: 'signed-in' }, database: api });
const closedServers = await servers(closed);

const INVALID = 'Bearer nonsense';
const bearer = ({ token }: { token: string | undefined }): string => `Bearer ${token}`;
const post = (authorization: string | null, params: object) => ({
  headers: authorization === null ? {} : { authorization },
  body: JSON.stringify(params),
});

const VIEWER = 'query Me { viewer { user { name } permissions } }';
const PAGE = `query Page($n: Int!) { ${Array.from({ length: 40 }, (_, at) => `a${at}: checks(first: $n) { nodes { id name notes } }`).join(' ')} }`;
const SEVERAL =
  'query A { viewer { permissions } } query B { plans { name } } mutation C { signOut(input: {}) { errors { code } } }';
const CREATE =
  'mutation Create($name: String!) { createCategory(input: { name: $name }) { category { name } errors { code path } } }';
const SIGN_IN = 'signIn(input: { email: "nobody@acme.test", password: "wrong" }) { errors { code } }';
const DEEP = `{ roles { nodes { ${'members { nodes { ... on Member { role { '.repeat(5)} name ${'} } } } '.repeat(5)} } } }`;
const LARGE = `{ ${Array.from({ length: 30 }, (_, at) => `a${at}: permissions { name description }`).join(' ')} }`;
const anonymous = null;

/** Each request with whether it takes the direct path once its document is known. */
const REQUESTS: [what: string, request: ReturnType<typeof post>, isDirect: boolean][] = [
  ['a query', post(bearer(owner), { query: VIEWER }), true],
  ['a query of another caller', post(bearer(reader), { query: VIEWER }), true],
  ['a query with a READ token', post(bearer(readToken), { query: VIEWER }), true],
  ['an anonymous query', post(anonymous, { query: '{ plans { name } viewer { user { name } } }' }), true],
  ['a query with an invalid credential', post(INVALID, { query: VIEWER }), true],
  ['only __typename with an invalid credential', post(INVALID, { query: '{ __typename }' }), true],
  ['a sign-in with an invalid credential', post(INVALID, { query: `mutation { ${SIGN_IN} }` }), true],
  [
    'too many sign-ins',
    post(anonymous, { query: `mutation { ${Array.from({ length: 6 }, (_, at) => `a${at}: ${SIGN_IN}`).join(' ')} }` }),
    true,
  ],
  ['a cost below the limit', post(bearer(owner), { query: PAGE, variables: { n: 1 } }), true],
  ['a cost above the limit', post(bearer(owner), { query: PAGE, variables: { n: 500 } }), true],
  ['a depth above the limit', post(bearer(owner), { query: DEEP }), true],
  ['a missing variable', post(bearer(owner), { query: PAGE }), true],
  ['a variable that is null', post(bearer(owner), { query: PAGE, variables: { n: null } }), true],
  ['a variable of the wrong type', post(bearer(owner), { query: PAGE, variables: { n: 'many' } }), true],
  ['an operation by its name', post(bearer(owner), { query: SEVERAL, operationName: 'B' }), true],
  ['an unknown operation name', post(bearer(owner), { query: SEVERAL, operationName: 'D' }), false],
  ['several operations without a name', post(bearer(owner), { query: SEVERAL }), false],
  [
    'an operation name for an unnamed operation',
    post(bearer(owner), { query: '{ __typename }', operationName: 'A' }),
    false,
  ],
  [
    'a refused field',
    post(bearer(reader), { query: '{ auditEvents(first: 1) { nodes { id } } plans { name } }' }),
    true,
  ],
  ['a node with an invalid ID', post(bearer(owner), { query: '{ node(id: "nonsense") { id } }' }), true],
  ['a mutation with invalid input', post(bearer(owner), { query: CREATE, variables: { name: '' } }), true],
  ['a refused mutation', post(bearer(reader), { query: CREATE, variables: { name: 'New' } }), true],
  ['a mutation with a READ token', post(bearer(readToken), { query: CREATE, variables: { name: 'New' } }), true],
  ['a response above the limit', post(bearer(owner), { query: LARGE }), true],
  ['an invalid document', post(bearer(owner), { query: '{ nobody }' }), false],
  ['a document that is not parsed', post(bearer(owner), { query: '{ viewer {' }), false],
  ['a subscription', post(bearer(owner), { query: 'subscription { viewer { permissions } }' }), false],
];

const logOf = ({ requests }: Api) => {
  const { operation, principal, organization, status, outcome } = requests.at(-1) ?? {};
  return { operation, principal, organization, status, outcome };
};

describe('the direct path and yoga give the same response and log entry', () => {
  test.each(REQUESTS)('to %s', async (_what, request, isDirect) => {
    const expected = await ask(open.yoga, request);
    const entry = logOf(api);
    for (const _time of [1, 2, 3]) {
      const before = open.answered();
      expect(await ask(open.direct, request)).toEqual(expected);
      expect(logOf(api)).toEqual(entry);
      if (_time > 1) expect(open.answered() - before).toBe(isDirect ? 1 : 0);
    }
  });

  test('to a document that the rules of another caller allow', async () => {
    const query = '{ __schema { queryType { name } } }';
    for (const caller of [bearer(owner), anonymous, INVALID, anonymous, bearer(owner)]) {
      const request = post(caller, { query });
      expect(await ask(closedServers.direct, request)).toEqual(await ask(closedServers.yoga, request));
    }
    const refused = await ask(closedServers.direct, post(anonymous, { query }));
    expect(refused.body).toContain('UNAUTHENTICATED');
    expect(closedServers.answered()).toBeGreaterThan(0);
  });

  test.each([
    [
      'the lookup of the credential fails',
      'alter function ambit.find_token_actor(text) rename to find_token_away',
      'alter function ambit.find_token_away(text) rename to find_token_actor',
    ],
    [
      'a statement fails',
      'alter table categories rename to categories_away',
      'alter table categories_away rename to categories',
    ],
  ])('when %s', async (_what, breaks, mends) => {
    const query = '{ categories(first: 1) { nodes { name } } plans { name } }';
    const fresh = await createApiToken(api, owner, 'READ');
    const request = post(bearer(fresh), { query });
    await ask(open.direct, post(bearer(owner), { query }));
    await api.root.unsafe(breaks);
    try {
      const before = open.answered();
      const [actual, expected] = [await ask(open.direct, request), await ask(open.yoga, request)];
      expect(actual).toEqual(expected);
      expect(actual.body).toContain('INTERNAL');
      expect(open.answered() - before).toBe(1);
    } finally {
      await api.root.unsafe(mends);
    }
  });
});

describe('a planned answer', () => {
  const QUERY = 'query Plans { plans { name } }';
  const send = (authorization: string | null = bearer(owner), query = QUERY): Promise<ReceivedResponse> =>
    ask(open.direct, post(authorization, { query }));
  const TEXT = '{"data":{"plans":"planned"}}';
  const ctxOf = ({ contextValue }: ExecutionArgs) => contextValue as Context;

  test('is the text of the response', async () => {
    const resolved = await send();
    answer = async () => TEXT;
    const { body, status, headers } = await send();
    expect([body, status]).toEqual([TEXT, 200]);
    expect({ ...headers, 'content-length': '' }).toEqual({ ...resolved.headers, 'content-length': '' });
  });

  test.each<[string, Answer]>([
    ['gives none', () => null],
    ['gives none in the end', async () => null],
    ['gives none after it has read', async (args) => db(ctxOf(args)).then(() => null)],
    ['throws', () => Promise.reject(new Error('failed'))],
    ['is too large', async () => `{"data":"${'x'.repeat(RESPONSE_LIMIT)}"}`],
    ['is too large in bytes', async () => `{"data":"${'ü'.repeat(RESPONSE_LIMIT / 2)}"}`],
  ])('is replaced by that of the resolvers if it %s', async (_what, planned) => {
    const expected = await send();
    let calls = 0;
    answer = (args) => {
      calls += 1;
      return planned(args);
    };
    expect(await send()).toEqual(expected);
    expect(calls).toBe(1);
  });

  test('is not sent if the credential has changed meanwhile', async () => {
    const token = await createApiToken(api, owner, 'READ');
    for (const _time of [1, 2]) expect((await send(bearer(token))).status).toBe(200);
    answer = async () => {
      await api.root`delete from api_tokens`;
      return TEXT;
    };
    expect((await send(bearer(token))).status).toBe(401);
  });

  test('is not tried again when the work was stopped', async () => {
    await send();
    answer = async (args) => {
      const { work } = ctxOf(args);
      stopWork(work, unavailable('stopped'));
      throw work.stopped as Error;
    };
    const { status, body } = await send();
    expect([status, JSON.parse(body).errors[0].message]).toEqual([503, 'stopped']);
  });

  test('is for queries within the limits only', async () => {
    answer = () => {
      throw new Error('must not be called');
    };
    const requests = [
      post(bearer(owner), { query: CREATE, variables: { name: '' } }),
      post(bearer(owner), { query: PAGE, variables: { n: 500 } }),
      post(bearer(owner), { query: DEEP }),
      post(INVALID, { query: VIEWER }),
    ];
    for (const request of requests)
      expect((await ask(open.direct, request)).body).toBe((await ask(open.yoga, request)).body);
  });
});
