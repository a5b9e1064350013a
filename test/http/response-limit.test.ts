import { describe, expect, test } from 'vitest';
import { type ApiResponse, type Caller, type Json, startApi } from '../support/api.ts';
import { until } from '../support/until.ts';
import { addMember, createOrganization, getRubric, mutate, queryData } from '../support/world.ts';

const LIMIT = 100_000;
const api = await startApi({ config: { responseLimit: LIMIT }, pool: 4 });
const organization = await createOrganization(api, 'acme');
const { owner } = organization;
const rubric = await getRubric(owner);

const NOTES = 'x'.repeat(9_000);
const place = { category: { id: rubric.categories['Security'] }, level: { id: rubric.levels['Bronze'] } };
const create = (name: string, notes: string): Promise<Json> =>
  mutate(owner, 'createCheck', { name, ...place, notes }, 'check { id }');
for (let at = 0; at < 12; at += 1) await create(`Check ${at}`, NOTES);

const repeat = (times: number, text: (at: number) => string): string =>
  Array.from({ length: times }, (_, at) => text(at)).join(' ');

const HINT = 'Request fewer objects or fields, shorter pages, or less in one operation.';
const ERROR = {
  message: 'The response would be larger than 100,000 bytes, or have more than 1,000 errors.',
  extensions: { code: 'RESPONSE_TOO_LARGE', limit: LIMIT, hint: HINT },
};

/** The response of the server as text, by the fast path or by yoga. */
async function send(caller: Caller, query: string, accept: string, method: 'POST' | 'GET' = 'POST'): Promise<string> {
  const response = await fetch(
    `${api.address}/graphql${method === 'GET' ? `?query=${encodeURIComponent(query)}` : ''}`,
    {
      method,
      headers: {
        'content-type': 'application/json',
        accept,
        'accept-encoding': 'identity',
        authorization: `Bearer ${caller.token}`,
      },
      ...(method === 'POST' && { body: JSON.stringify({ query }) }),
    },
  );
  expect(response.status).toBe(200);
  return await response.text();
}

describe('a response above the limit is replaced by one error', () => {
  test.each([
    ['of the JSON fast path', 'application/json', 'POST'],
    ['as application/graphql-response+json', 'application/graphql-response+json', 'POST'],
    ['of yoga', 'application/json;q=0.5', 'POST'],
    ['of a GET request', 'application/json', 'GET'],
    ['as an event stream', 'text/event-stream', 'POST'],
    ['as multipart', 'multipart/mixed', 'POST'],
  ] as const)('%s', async (_what, accept, method) => {
    const text = await send(owner, '{ checks { nodes { name notes } } }', accept, method);
    expect(text).toContain(JSON.stringify({ data: null, errors: [ERROR] }));
    expect(text).not.toContain('xxx');
    expect(await send(owner, '{ checks(first: 10) { nodes { name notes } } }', accept, method)).toContain(NOTES);
  });

  test('whose characters need several bytes, in the exact number of bytes', async () => {
    await create('Euro', '€'.repeat(15_000));
    const query = (times: number, rest: string): string =>
      `{ ${repeat(times, (at) => `a${at}: checks(last: 1) { nodes { notes } }`)} ${rest} }`;
    for (const accept of ['application/json', 'application/json;q=0.5']) {
      expect(await send(owner, query(2, ''), accept)).toContain('€');
      expect(JSON.parse(await send(owner, query(3, ''), accept))).toEqual({ errors: [ERROR], data: null });
    }
  });
});

test('a response with more errors than the limit is replaced by one error', async () => {
  const reader = await addMember(api, organization, 'read');
  const ownerId = (await queryData(owner, '{ viewer { member { id } } }')).viewer.member.id;
  const ask = (times: number): Promise<ApiResponse> =>
    reader.query(
      `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Member { ${repeat(times, (at) => `a${at}: sessions(first: 1) { totalCount }`)} } } }`,
      {
        ids: Array(100).fill(ownerId),
      },
    );
  const below = await ask(2);
  expect([below.data.nodes.length, below.errors?.length]).toEqual([100, 200]);
  expect(await ask(11)).toMatchObject({ data: null, errors: [ERROR] });
});

test('a query above the limit ends its transaction and sends no further statements', async () => {
  const statements: string[] = [];
  const lists = repeat(50, (at) => `a${at}: checks(first: 12) { nodes { notes category { name } } }`);
  api.hooks.onStatement = (text) => void statements.push(text);
  const { errors } = await owner.query(`{ checks { nodes { notes owner { id } category { name } } } }`);
  api.hooks.onStatement = () => undefined;
  expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['RESPONSE_TOO_LARGE']);
  expect(statements.filter((text) => text.includes('from "categories"'))).toEqual([]);
  // More such queries than the pool has connections.
  const all = await Promise.all(Array.from({ length: 8 }, () => owner.query(`{ ${lists} }`)));
  expect([...new Set(all.map(({ errors }) => errors?.[0].extensions.code))]).toEqual(['RESPONSE_TOO_LARGE']);
  await until(async () => {
    const rows = await api.root`
      select from pg_stat_activity where datname = current_database() and state in ('active') and pid <> pg_backend_pid()`;
    return rows.length === 0;
  });
  expect((await queryData(owner, '{ checks { totalCount } }')).checks.totalCount).toBeGreaterThan(10);
});

describe('a mutation whose payload exceeds the limit', () => {
  const update = (id: string, name: string, select: string): string =>
    `${name}: updateCheck(input: { check: { id: "${id}" }, name: "${name}" }) { check { ${select} } errors { code } }`;
  const ids = async (): Promise<string[]> =>
    (await queryData(owner, '{ checks(first: 3) { nodes { id } } }')).checks.nodes.map(({ id }: Json) => id);
  const namesOf = async (of: string[]): Promise<string[]> =>
    (
      await queryData(owner, 'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Check { name } } }', { ids: of })
    ).nodes.map(({ name }: Json) => name);

  function expectOneLeftOut({ status, data, errors }: ApiResponse): void {
    expect({ status, data }).toEqual({
      status: 200,
      data: { a: { check: { name: 'a' }, errors: [] }, b: null, c: { check: { name: 'c' }, errors: [] } },
    });
    expect(errors).toMatchObject([{ path: ['b'], extensions: { code: 'RESPONSE_TOO_LARGE', limit: LIMIT } }]);
    expect(errors?.[0].message).toContain('The mutation has run, but its payload is left out');
  }

  test('is executed; its payload is null with an error, and the other payloads are kept', async () => {
    const [a = '', b = '', c = ''] = await ids();
    const many = 'category { checks(first: 50) { nodes { notes } } }';
    expectOneLeftOut(
      await owner.query(`mutation { ${update(a, 'a', 'name')} ${update(b, 'b', many)} ${update(c, 'c', 'name')} }`),
    );
    expect(await namesOf([a, b, c])).toEqual(['a', 'b', 'c']);
  });

  test('also if only the exact number of bytes exceeds it', async () => {
    const [a = '', b = '', c = ''] = await ids();
    await mutate(owner, 'updateCheck', { check: { id: b }, notes: '€'.repeat(15_000) });
    const many = 'x: notes y: notes z: notes';
    expectOneLeftOut(
      await owner.query(`mutation { ${update(a, 'a', 'name')} ${update(b, 'b', many)} ${update(c, 'c', 'name')} }`),
    );
  });
});
