import { serverAudits } from 'graphql-http';
import { describe, expect, test } from 'vitest';
import { createFastPath, type FastPath } from '../../src/http/fast-path.ts';
import { createHandler } from '../../src/http/handler.ts';
import { createGraphql } from '../../src/http/yoga.ts';
import { buildSchema } from '../../src/schema.ts';
import { type Api, type ApiOptions, listen, startApi } from '../support/api.ts';
import { long as isLong, size } from '../support/size.ts';
import { checkOf, found, join, rubricOf, tokenOf } from '../support/world.ts';
import * as requests from './requests.ts';

interface Ways {
  api: Api;
  short: string;
  long: string;
}

/** Requests that are sent at least. */
const LEAST = size(300, 1_000);

/** Requests that were answered, and those among them that took the short way. */
const sent = { all: 0, direct: 0 };

/** One world, served twice: as it is, and without the short way. */
async function bothWays(options: ApiOptions = {}): Promise<Ways> {
  const api = await startApi(options);
  const { parts } = api.app;
  const [one, other] = [createGraphql(buildSchema(), parts), createGraphql(buildSchema(), parts)];
  const direct = createFastPath(one, parts.config);
  const counted: FastPath = async (...request) => {
    const answer = await direct(...request);
    if (answer) sent.direct += 1;
    return answer;
  };
  const short = await listen(createHandler(one, parts, { fastPath: counted }));
  return { api, short, long: await listen(createHandler(other, parts, { fastPath: async () => null })) };
}

/** Requests of a family that are sent in the short form: the Owner's, and others spread over its operations and callers. */
const PART = 60;

function partOf(family: Record<string, requests.Asked>): [name: string, asked: requests.Asked][] {
  const all = Object.entries(family);
  const step = isLong ? 1 : Math.max(1, all.length / PART);
  return all.filter(([name], at) => name.endsWith('as Owner') || Math.floor((at + 1) / step) > Math.floor(at / step));
}

async function expectAlike({ short, long }: Ways, family: Record<string, requests.Asked>): Promise<void> {
  for (const [name, asked] of partOf(family)) {
    sent.all += 1;
    const [ours, usual] = [await requests.ask(short, asked), await requests.ask(long, asked)];
    expect({ name, ...ours }).toEqual({ name, ...usual });
  }
}

const as = (header: string) => ({ authorization: header });

const plain = await bothWays();
const world = await worldIn(plain.api);
const operations = requests.operations(world);
const { authorization } = world;

async function worldIn(api: Api) {
  const { owner, ...acme } = await found(api, 'acme');
  const reader = await join(api, { owner, ...acme }, 'read');
  const other = await found(api, 'globex');
  const rubric = await rubricOf(owner);
  const [check, category] = [await checkOf(owner, rubric), rubric.categories['Security'] as string];
  const soon = new Date(Date.now() + 60_000);
  const [read, write, ended] = [
    await tokenOf(api, owner, 'READ'),
    await tokenOf(api, owner, 'WRITE'),
    await tokenOf(api, owner, 'READ', soon),
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
      'with a token that has ended': as(bearer(ended)),
      'with a token that is made up': as('Bearer ambit_pat_made_up'),
      'with a header of another kind': as('Basic YTpi'),
      'with half a header': as('Bearer'),
      'with an empty header': as(''),
      'with no credential': {},
    },
  };
}

/** One of every kind of answer. */
const kinds = [
  'viewer',
  'a misspelt field',
  'an error of syntax',
  'a variable of the wrong type',
  'too dear',
  'a node of no id',
  'a mutation of bad input',
  'subscription',
];

describe('both ways answer alike', () => {
  test('operations, asked by everybody', () => expectAlike(plain, requests.each(operations, world.credentials)));

  test('media types of the answer', () =>
    expectAlike(
      plain,
      requests.each(requests.accepts(operations, kinds), {
        'as Owner': { authorization },
        'as nobody': as('Bearer x'),
      }),
    ));

  test('parameters', () =>
    expectAlike(plain, requests.each(requests.parameters, { 'as Owner': { authorization }, 'as nobody': {} })));

  test('bodies', () =>
    expectAlike(plain, requests.each(requests.bodies, { 'as Owner': { authorization }, 'as nobody': as('Bearer x') })));

  test('media types of the request', () => expectAlike(plain, requests.contentTypes));

  test('methods and paths', () =>
    expectAlike(plain, requests.each(requests.methods, { 'as Owner': { authorization }, 'as nobody': {} })));

  test('pages of other sites, where they may ask and where they may not', async () => {
    const origins = {
      ...{
        'from no origin': {},
        'from a friend': { origin: 'https://friend.test' },
        'from a stranger': { origin: 'https://evil.test' },
      },
      'from a page of no origin': { origin: 'null' },
      'from an empty origin': { origin: '' },
    };
    const { 'GET of the playground': _page, ...methods } = requests.methods;
    const chosen = { ...methods, ...pick(operations, kinds) };
    for (const corsOrigins of [[], ['https://friend.test'], ['https://friend.test', 'https://other.test'], ['*']])
      await expectAlike(await bothWays({ config: { corsOrigins } }), requests.each(chosen, origins));
  });

  test('a schema that only signed-in callers may read', async () => {
    const closed = await bothWays({ config: { introspection: 'signed-in' }, database: plain.api });
    const chosen = pick(operations, [
      'introspection',
      'a little introspection',
      'a misspelt field',
      'a misspelt argument',
      'typename',
    ]);
    await expectAlike(closed, requests.each(chosen, world.credentials));
  });

  test('what goes wrong inside', async () => {
    await plain.api.root`alter table checks rename to checks_away`;
    try {
      const chosen = pick(operations, ['checks', 'a node', 'nodes', 'too dear', 'viewer']);
      await expectAlike(
        plain,
        requests.each(requests.accepts(chosen, Object.keys(chosen)), { 'as Owner': { authorization } }),
      );
    } finally {
      await plain.api.root`alter table checks_away rename to checks`;
    }
  });

  test(`and these were ${LEAST} requests and more, of which a third took the short way`, () => {
    expect(sent.all).toBeGreaterThan(LEAST);
    expect(sent.direct / sent.all).toBeGreaterThan(1 / 3);
  });
});

const audits = (way: 'short' | 'long') =>
  serverAudits({ url: `${plain[way]}/graphql` }).map((audit) => [audit.name, way, audit] as const);

test.each([...audits('short'), ...audits('long')])('GraphQL over HTTP: %s (%s way)', async (_name, _way, audit) => {
  const result = await audit.fn();
  expect(result.status === 'ok' ? 'ok' : `${result.status}: ${result.reason}`).toBe('ok');
});

const pick = (family: Record<string, requests.Asked>, names: readonly string[]): Record<string, requests.Asked> =>
  Object.fromEntries(names.map((name) => [name, family[name] as requests.Asked]));
