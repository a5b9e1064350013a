import { serverAudits } from 'graphql-http';
import { describe, expect, test } from 'vitest';
import { createFastPath, type FastPath } from '../../src/http/fast-path.ts';
import { createHandler } from '../../src/http/handler.ts';
import { createGraphql, type Graphql } from '../../src/http/yoga.ts';
import { buildSchema } from '../../src/schema.ts';
import { type Api, type ApiOptions, listen, startApi } from '../support/api.ts';
import { long as isLong, size } from '../support/size.ts';
import { addMember, createApiToken, createCheck, createOrganization, getRubric } from '../support/world.ts';
import * as requests from './requests.ts';

interface Servers {
  api: Api;
  fastPath: string;
  fallback: string;
}

/** The number of requests, of those that took the fast path, and of these, those on the direct path. */
const sent = { all: 0, fast: 0, direct: 0 };

/** Two servers on one database: one with the fast path and one without. */
async function bothServers(options: ApiOptions = {}): Promise<Servers> {
  const api = await startApi(options);
  const { dependencies } = api.app;
  const [one, other] = [createGraphql(buildSchema(), dependencies), createGraphql(buildSchema(), dependencies)];
  const direct: Graphql['direct'] = (...request) => {
    const answer = one.direct(...request);
    if (answer) sent.direct += 1;
    return answer;
  };
  const fast = createFastPath({ ...one, direct }, dependencies.config);
  const counted: FastPath = async (...request) => {
    const answer = await fast(...request);
    if (answer) sent.fast += 1;
    return answer;
  };
  const withFastPath = await listen(createHandler(one, dependencies, { fastPath: counted }));
  return {
    api,
    fastPath: withFastPath,
    fallback: await listen(createHandler(other, dependencies, { fastPath: async () => null })),
  };
}

/** Requests of a family in the short form: those of the Owner, and others spread over its operations and callers. */
const SPREAD = 30;

function partOf(family: Record<string, requests.RequestParts>): [name: string, request: requests.RequestParts][] {
  const all = Object.entries(family);
  const step = isLong ? 1 : Math.max(1, all.length / SPREAD);
  return all.filter(([name], at) => name.endsWith('as Owner') || Math.floor((at + 1) / step) > Math.floor(at / step));
}

async function expectSameResponses(
  { fastPath, fallback }: Servers,
  family: Record<string, requests.RequestParts>,
): Promise<void> {
  for (const [name, request] of partOf(family)) {
    sent.all += 1;
    const [actual, expected] = [await requests.ask(fastPath, request), await requests.ask(fallback, request)];
    expect({ name, ...actual }).toEqual({ name, ...expected });
  }
}

const as = (header: string) => ({ authorization: header });

const servers = await bothServers();
const world = await worldIn(servers.api);
const operations = requests.operations(world);
const { authorization } = world;

async function worldIn(api: Api) {
  const { owner, ...acme } = await createOrganization(api, 'acme');
  const reader = await addMember(api, { owner, ...acme }, 'read');
  const other = await createOrganization(api, 'globex');
  const rubric = await getRubric(owner);
  const [check, category] = [await createCheck(owner, rubric), rubric.categories['Security'] as string];
  const soon = new Date(Date.now() + 60_000);
  const [read, write, expired] = [
    await createApiToken(api, owner, 'READ'),
    await createApiToken(api, owner, 'WRITE'),
    await createApiToken(api, owner, 'READ', soon),
  ];
  api.advance(120_000);
  const bearer = ({ token }: { token: string | undefined }): string => `Bearer ${token}`;
  return {
    ...{ check, category, authorization: bearer(owner) },
    credentials: {
      'as Owner': as(bearer(owner)),
      'as Read': as(bearer(reader)),
      'as another organization': as(bearer(other.owner)),
      'with a READ token': as(bearer(read)),
      'with a WRITE token': as(bearer(write)),
      'with an expired token': as(bearer(expired)),
      'with an unknown token': as('Bearer ambit_pat_made_up'),
      'with another scheme': as('Basic YTpi'),
      'with a scheme without a token': as('Bearer'),
      'with an empty header': as(''),
      'with no credential': {},
    },
  };
}

/** One operation for every kind of response. */
const kinds = [
  'viewer',
  'a misspelt field',
  'a syntax error',
  'a variable of the wrong type',
  'a cost above the limit',
  'a node with an invalid id',
  'a mutation with invalid input',
  'subscription',
];

describe('the fast path and the fallback return the same responses', () => {
  test('to every operation of every caller', () =>
    expectSameResponses(servers, requests.each(operations, world.credentials)));

  test('for every Accept header', () =>
    expectSameResponses(
      servers,
      requests.each(requests.accepts(operations, kinds), {
        'as Owner': { authorization },
        'without a valid credential': as('Bearer x'),
      }),
    ));

  test('to every combination of parameters', () =>
    expectSameResponses(
      servers,
      requests.each(requests.parameters, { 'as Owner': { authorization }, 'without a valid credential': {} }),
    ));

  test('to every body', () =>
    expectSameResponses(
      servers,
      requests.each(requests.bodies, { 'as Owner': { authorization }, 'without a valid credential': as('Bearer x') }),
    ));

  test('for every content type', () => expectSameResponses(servers, requests.contentTypes));

  test('for every method and path', () =>
    expectSameResponses(
      servers,
      requests.each(requests.methods, { 'as Owner': { authorization }, 'without a valid credential': {} }),
    ));

  test('to every origin, for every list of allowed origins', async () => {
    const origins = {
      ...{
        'from no origin': {},
        'from an allowed origin': { origin: 'https://allowed.test' },
        'from another origin': { origin: 'https://evil.test' },
      },
      'from the origin null': { origin: 'null' },
      'from an empty origin': { origin: '' },
    };
    const { 'GET of the playground': _page, ...methods } = requests.methods;
    const chosen = { ...methods, ...pick(operations, kinds) };
    for (const corsOrigins of [[], ['https://allowed.test'], ['https://allowed.test', 'https://other.test'], ['*']])
      await expectSameResponses(await bothServers({ config: { corsOrigins } }), requests.each(chosen, origins));
  });

  test('when only signed-in callers may read the schema', async () => {
    const closed = await bothServers({ config: { introspection: 'signed-in' }, database: servers.api });
    const chosen = pick(operations, [
      'introspection',
      'a small introspection query',
      'a misspelt field',
      'a misspelt argument',
      'typename',
    ]);
    await expectSameResponses(closed, requests.each(chosen, world.credentials));
  });

  test('to an internal error', async () => {
    await servers.api.root`alter table checks rename to checks_away`;
    try {
      const chosen = pick(operations, ['checks', 'a node', 'nodes', 'a cost above the limit', 'viewer']);
      await expectSameResponses(
        servers,
        requests.each(requests.accepts(chosen, Object.keys(chosen)), { 'as Owner': { authorization } }),
      );
    } finally {
      await servers.api.root`alter table checks_away rename to checks`;
    }
  });

  test(`to more than ${size(200, 1_000)} requests, and more than a third of them took the fast path, mostly the direct path`, () => {
    expect(sent.all).toBeGreaterThan(size(200, 1_000));
    expect(sent.fast / sent.all).toBeGreaterThan(1 / 3);
    expect(sent.direct / sent.fast).toBeGreaterThan(1 / 2);
  });
});

const audits = (server: 'fastPath' | 'fallback') =>
  serverAudits({ url: `${servers[server]}/graphql` }).map((audit) => [audit.name, server, audit] as const);

test.each([...audits('fastPath'), ...audits('fallback')])(
  'GraphQL over HTTP: %s (%s)',
  async (_name, _server, audit) => {
    const result = await audit.fn();
    expect(result.status === 'ok' ? 'ok' : `${result.status}: ${result.reason}`).toBe('ok');
  },
);

const pick = (
  family: Record<string, requests.RequestParts>,
  names: readonly string[],
): Record<string, requests.RequestParts> =>
  Object.fromEntries(names.map((name) => [name, family[name] as requests.RequestParts]));
