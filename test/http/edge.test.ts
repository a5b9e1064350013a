import { request } from 'node:http';
import { describe, expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import { found } from '../support/world.ts';

const api = await startApi();
const { owner } = await found(api, 'acme');

const send = (init: RequestInit & { path?: string }): Promise<Response> =>
  fetch(`${api.address}${init.path ?? '/graphql'}`, init);

const CREATE = 'mutation { createCategory(input: { name: "Forged" }) { category { id } } }';
const authorization = `Bearer ${owner.token}`;

describe('the CSRF protection', () => {
  test.each([
    ['a form', 'application/x-www-form-urlencoded', `query=${encodeURIComponent(CREATE)}`],
    ['plain text', 'text/plain', JSON.stringify({ query: CREATE })],
    ['application/graphql', 'application/graphql', CREATE],
    [
      'a multipart form',
      'multipart/form-data; boundary=x',
      `--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n${JSON.stringify({ query: CREATE })}\r\n--x--`,
    ],
    ['no content type', '', JSON.stringify({ query: CREATE })],
  ])('refuses %s', async (_what, type, body) => {
    const response = await send({ method: 'POST', headers: { authorization, 'content-type': type }, body });
    expect(response.status).toBe(415);
    expect((await owner.query('{ categories { nodes { name } } }')).data.categories.nodes).not.toContainEqual({
      name: 'Forged',
    });
  });

  test('refuses a mutation by GET', async () => {
    const response = await send({ path: `/graphql?query=${encodeURIComponent(CREATE)}`, headers: { authorization } });
    expect(response.status).toBe(405);
  });

  test('allows a query by GET', async () => {
    const response = await send({
      path: `/graphql?query=${encodeURIComponent('{ viewer { role { name } } }')}`,
      headers: { authorization },
    });
    expect(await response.json()).toEqual({ data: { viewer: { role: { name: 'Owner' } } } });
  });

  test('refuses a batch of operations', async () => {
    const response = await send({
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify([{ query: '{ __typename }' }, { query: '{ __typename }' }]),
    });
    expect(response.status).toBe(400);
  });

  test('sends no CORS headers to other origins', async () => {
    const response = await send({
      method: 'OPTIONS',
      headers: { origin: 'https://evil.test', 'access-control-request-method': 'POST' },
    });
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });
});

test('a body of more than 100 kB is refused, with and without Content-Length', async () => {
  const body = JSON.stringify({ query: '{ __typename }', variables: { padding: 'x'.repeat(100_000) } });
  const withLength = await send({ method: 'POST', headers: { 'content-type': 'application/json' }, body }).then(
    (response) => response.status,
  );
  const withoutLength = await new Promise((done, fail) => {
    const req = request(
      `${api.address}/graphql`,
      { method: 'POST', headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' } },
      (res) => done(res.statusCode),
    );
    req.on('error', fail);
    req.end(body);
  });
  expect([withLength, withoutLength]).toEqual([413, 413]);
});

test('every response has a request id, and a valid id of the client is kept', async () => {
  const idOf = async (headers: Record<string, string>, path = '/health/live') =>
    (await send({ path, headers })).headers.get('x-request-id');
  expect(await idOf({ 'x-request-id': 'trace-1.2_3' })).toBe('trace-1.2_3');
  expect(await idOf({ 'x-request-id': 'x'.repeat(65) })).toMatch(/^[0-9a-f-]{36}$/);
  expect(await idOf({}, '/graphql')).toMatch(/^[0-9a-f-]{36}$/);
  expect(await idOf({}, '/nowhere')).toMatch(/^[0-9a-f-]{36}$/);
});

// Node's client refuses a response with both Content-Length and Transfer-Encoding (RFC 9112, section 6.2).
test.each(['multipart/mixed', 'text/event-stream'])('a response of type %s is complete', async (accept) => {
  const headers = { accept, 'content-type': 'application/json' };
  const response = await send({ method: 'POST', headers, body: JSON.stringify({ query: '{ __typename }' }) });
  expect([response.status, response.headers.get('transfer-encoding')]).toEqual([200, null]);
  expect(await response.text()).toContain('{"data":{"__typename":"Query"}}');
});

test('an unknown path gets 404, and so does a path that is not part of a valid URL', async () => {
  expect((await send({ path: '/' })).status).toBe(404);
  expect((await send({ path: '/constructor' })).status).toBe(404);
  expect((await send({ path: '//' })).status).toBe(404);
});

test('the health checks report a live and ready server', async () => {
  expect((await send({ path: '/health/live' })).status).toBe(200);
  expect(await (await send({ path: '/health/ready' })).json()).toEqual({ status: 'ok' });
});

test('a server without a database connection is live and not ready', async () => {
  const cut = await startApi({ pool: 2 });
  await cut.pool.end();
  const ready = await fetch(`${cut.address}/health/ready`);
  expect([ready.status, ready.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await ready.json()).toEqual({
    status: 'unavailable',
    waitingFor: 'a free connection to the database (0 in use, 0 requests waiting)',
  });
  expect((await fetch(`${cut.address}/health/live`)).status).toBe(200);
});

test('the playground loads nothing from other origins', async () => {
  const response = await send({ headers: { accept: 'text/html' } });
  expect(response.headers.get('content-type')).toContain('text/html');
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  const page = await response.text();
  expect(page.match(/<(script|link|img)[^>]+(src|href)="https?:/g)).toBeNull();
});

test('a variable of the wrong type is a BAD_REQUEST that names the variable', async () => {
  const answer = await owner.query('query ($n: Int!) { checks(first: $n) { totalCount } }', { n: 'many' });
  expect([answer.status, answer.errors?.[0].extensions.code]).toEqual([400, 'BAD_REQUEST']);
  expect(answer.errors?.[0].message).toContain('$n');
});

test('an internal error is masked and logged with the request id', async () => {
  await api.root`alter table rubrics rename to rubrics_away`;
  const answer = await owner.query('{ rubric { name } }');
  await api.root`alter table rubrics_away rename to rubrics`;
  const requestId = answer.headers.get('x-request-id');
  expect(answer).toMatchObject({
    data: { rubric: null },
    errors: [
      {
        message: `An internal error occurred. Report the request ID ${requestId} to the operator.`,
        path: ['rubric'],
        extensions: { code: 'INTERNAL' },
      },
    ],
  });
  expect(JSON.stringify([answer.data, answer.errors])).not.toMatch(/rubrics|select|relation/);
  expect(api.logged).toContainEqual(expect.objectContaining({ level: 'error', requestId, path: ['rubric'] }));
});
