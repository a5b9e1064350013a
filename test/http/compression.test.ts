import { type IncomingHttpHeaders, request } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { createCompress, encodingFor } from '../../src/http/compression.ts';
import { startApi } from '../support/api.ts';
import { createOrganization } from '../support/world.ts';

const api = await startApi({ config: { corsOrigins: ['https://app.test', 'https://other.test'] } });
const { owner } = await createOrganization(api, 'acme');

interface Raw {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Sends a request without a client that decompresses. */
function send(path: string, headers: Record<string, string>, { method = 'GET', body = '' } = {}): Promise<Raw> {
  return new Promise((done, fail) => {
    const req = request(`${api.address}${path}`, { method, headers }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () => done({ status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks) }));
    });
    req.on('error', fail);
    req.end(body);
  });
}

const post = (query: string, headers: Record<string, string>): Promise<Raw> =>
  send(
    '/graphql',
    { 'content-type': 'application/json', authorization: `Bearer ${owner.token}`, ...headers },
    { method: 'POST', body: JSON.stringify({ query }) },
  );

const LONG = '{ permissions { name description } }';
const SHORT = '{ viewer { role { name } } }';
const DECODE: Record<string, (body: Buffer) => Buffer> = {
  br: brotliDecompressSync,
  gzip: gunzipSync,
};

/** What makes the server answer by each of its two ways. */
const WAYS = {
  'the fast path': {},
  'the fallback': { origin: 'https://app.test' },
};

describe.each(Object.entries(WAYS))('a response by %s', (_way, way) => {
  test.each(Object.keys(DECODE))('is compressed with %s for a client that accepts it', async (encoding) => {
    const plain = await post(LONG, way);
    const compressed = await post(LONG, { ...way, 'accept-encoding': encoding });
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(compressed.headers).toMatchObject({
      'content-encoding': encoding,
      'content-length': String(compressed.body.length),
    });
    expect(compressed.body.length).toBeLessThan(plain.body.length / 3);
    expect(DECODE[encoding]?.(compressed.body).equals(plain.body)).toBe(true);
    for (const { headers } of [plain, compressed]) expect(headers.vary).toContain('Accept-Encoding');
  });

  test('is not compressed if it is short', async () => {
    const { headers, body } = await post(SHORT, { ...way, 'accept-encoding': 'br' });
    expect([headers['content-encoding'], String(body)]).toEqual([
      undefined,
      '{"data":{"viewer":{"role":{"name":"Owner"}}}}',
    ]);
  });

  test('is compressed if it has errors', async () => {
    const aliases = Array.from({ length: 40 }, (_, at) => `a${at}: unknown${at}`);
    const { status, headers, body } = await post(`{ ${aliases.join(' ')} }`, {
      ...way,
      accept: 'application/graphql-response+json',
      'accept-encoding': 'br',
    });
    expect([status, headers['content-encoding']]).toEqual([400, 'br']);
    expect(JSON.parse(String(brotliDecompressSync(body))).errors.length).toBeGreaterThan(20);
  });
});

test('CORS and compression both vary a response', async () => {
  const { headers } = await post(LONG, { origin: 'https://app.test', 'accept-encoding': 'br' });
  expect(headers.vary?.split(', ')).toEqual(expect.arrayContaining(['Origin', 'Accept-Encoding']));
});

test('a large response is compressed as well', async () => {
  const all = Array.from({ length: 20 }, (_, at) => `p${at}: permissions { name description }`).join(' ');
  const [plain, compressed] = [await post(`{ ${all} }`, {}), await post(`{ ${all} }`, { 'accept-encoding': 'gzip' })];
  expect(plain.body.length).toBeGreaterThan(64_000);
  expect(gunzipSync(compressed.body).equals(plain.body)).toBe(true);
});

test('responses beyond the limit of simultaneous compression are sent without it', async () => {
  const compress = createCompress();
  const response = { status: 200, headers: {}, body: 'x'.repeat(20_000_000) };
  const both = await Promise.all([compress('br', response), compress('br', response)]);
  expect(both.map(({ headers }) => headers['content-encoding'])).toEqual(['br', undefined]);
  expect((await compress('br', response)).headers['content-encoding']).toBe('br');
});

test.each([
  ['gzip, deflate, br', 'br'],
  ['gzip, deflate', 'gzip'],
  ['gzip;q=1, br;q=0.1', 'gzip'],
  ['*', 'br'],
  ['br;q=0', null],
  ['identity', null],
  ['identity, gzip;q=0.5', null],
  ['deflate, zstd', null],
  ['', null],
  [undefined, null],
])('accept-encoding: %s gets %s', (header, encoding) => {
  expect(encodingFor(header)).toBe(encoding);
});

describe('/schema.graphql', () => {
  test('is compressed, and not sent again to a client that has it', async () => {
    const first = await send('/schema.graphql', { 'accept-encoding': 'br' });
    expect(first.headers).toMatchObject({ 'content-encoding': 'br', 'cache-control': 'no-cache' });
    expect(String(brotliDecompressSync(first.body))).toContain('@requires(permission: "check:update")');
    const again = await send('/schema.graphql', { 'if-none-match': `"other", ${first.headers.etag}` });
    expect([again.status, again.body.length, again.headers.etag]).toEqual([304, 0, first.headers.etag]);
    expect(again.headers['content-length']).toBeUndefined();
  });

  test('has the same headers for HEAD, and no body', async () => {
    const [get, head] = [
      await send('/schema.graphql', { 'accept-encoding': 'gzip' }),
      await send('/schema.graphql', { 'accept-encoding': 'gzip' }, { method: 'HEAD' }),
    ];
    const { 'x-request-id': _id, date: _date, ...expected } = get.headers;
    expect(head.headers).toMatchObject(expected);
    expect(head.body.length).toBe(0);
  });
});
