import { request } from 'node:http';
import { expect, test } from 'vitest';
import { chunksOfBody } from '../../src/http/upload.ts';
import { IMPORT_LIMITS, rowsOfFile } from '../../src/resources/service/import-file.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { until } from '../support/until.ts';
import { createApiToken, createOrganization, membersOfEachRole, mutate, queryData } from '../support/world.ts';

/** Export and import of services. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const people = await membersOfEachRole(api, acme);
const { owner } = acme;

const headers = ({ token }: Caller) => ({ authorization: `Bearer ${token}` });
const exportAs = (caller: Caller, format: string) =>
  fetch(`${api.address}/services/export?format=${format}`, { headers: headers(caller) });
const importAs = (caller: Caller, body: string, { type = 'application/jsonl', query = '' } = {}) =>
  fetch(`${api.address}/services/import${query}`, {
    ...{ method: 'POST', body },
    headers: { ...headers(caller), 'content-type': type },
  });
const linesOf = async (response: Response): Promise<Json[]> =>
  (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const imported = async (caller: Caller, rows: object[], query = ''): Promise<Json[]> =>
  linesOf(await importAs(caller, rows.map((row) => `${JSON.stringify(row)}\n`).join(''), { query }));
const withoutProgress = (lines: Json[]): Json[] => lines.filter(({ type }) => type !== 'progress');
const ended = (counts: object) => ({ type: 'end', dryRun: false, failed: 0, stopped: null, ...counts });

const ODD = [
  '=1+1',
  "'=x",
  "''@x",
  '-',
  '+',
  '@a',
  '"quoted", and; more',
  'line\nbreak',
  'crlf\r\nbreak',
  '＝1',
  'ünï 火',
];

test('an export restores the same services in another organization, whatever their texts are', async () => {
  for (const { owner: one } of [acme, globex]) {
    await mutate(one, 'createTeam', { name: 'Pay' });
    await mutate(one, 'createTier', { name: 'One', alias: 'one' });
    await mutate(one, 'createPropertyDefinition', { name: 'Text', alias: 'text', schema: { type: 'string' } });
    await mutate(one, 'createPropertyDefinition', { name: 'Any', alias: 'any', schema: {} });
  }
  const services = ODD.map((text, at) => ({
    ...{ name: `Odd ${at}`, description: text, owner: { alias: 'pay' }, tier: { alias: 'one' } },
    ...{ language: text.replaceAll(/\s/g, ' '), tags: [{ key: 'odd', value: text.replaceAll(/\s/g, ' ') }] },
    links: [{ name: 'Docs', url: 'https://acme.test/?q="a,b"' }],
    properties: [
      { definition: { alias: 'text' }, value: text },
      { definition: { alias: 'any' }, value: [at, { [text]: null }, false, ''] },
    ],
  }));
  expect(await mutate(owner, 'createServices', { services })).toEqual({ errors: [] });
  const later = { service: { alias: 'odd-0' }, addDependencies: [{ alias: 'odd-9' }] };
  await mutate(owner, 'updateService', later);
  const own = (record: Json) => ({ ...record, id: '', createdAt: '', updatedAt: '' });
  const exported = async (caller: Caller) => (await linesOf(await exportAs(caller, 'jsonl'))).map(own);
  const before = await exported(owner);
  expect(before).toHaveLength(ODD.length);
  for (const [format, type] of [
    ['csv', 'text/csv'],
    ['jsonl', 'application/x-ndjson'],
  ] as const) {
    const file = await (await exportAs(owner, format)).text();
    const lines = await linesOf(await importAs(globex.owner, file, { type }));
    const first = format === 'csv';
    const counts = { rows: ODD.length, created: first ? ODD.length : 0, updated: first ? 0 : ODD.length };
    expect(withoutProgress(lines)).toEqual([ended(counts)]);
    expect(await exported(globex.owner)).toEqual(before);
  }
  const [{ properties }] = before;
  expect(properties).toEqual({ text: ODD[0], any: [0, { [ODD[0] as string]: null }, false, ''] });
  const cells = (await (await exportAs(owner, 'csv')).text()).split('\r\n').slice(1);
  expect(cells.join('\n')).not.toMatch(/(^|,)"?[=+@]/m);
});

test('a row updates the service that has one of its aliases, adds items and removes none', async () => {
  await mutate(owner, 'createService', {
    name: 'Known',
    aliases: ['first'],
    tags: [{ key: 'a', value: '1' }],
    language: 'Go',
  });
  const lines = await imported(people.user, [
    { name: 'Renamed', aliases: ['first'], tags: [{ key: 'b', value: '2' }], framework: 'Gin' },
    { name: 'Fresh', dependencies: ['later'] },
    { name: 'Later', language: null },
  ]);
  expect(lines).toEqual([
    { type: 'progress', line: 3, rows: 3, created: 2, updated: 1, failed: 0 },
    ended({ rows: 3, created: 2, updated: 1 }),
  ]);
  const FIELDS = 'name aliases language framework tags { key } dependencies { nodes { name } }';
  const { known, fresh } = await queryData(
    owner,
    `{ known: service(alias: "first") { ${FIELDS} } fresh: service(alias: "fresh") { ${FIELDS} } }`,
  );
  expect(known).toMatchObject({
    name: 'Renamed',
    aliases: ['first', 'known', 'renamed'],
    language: 'Go',
    framework: 'Gin',
  });
  expect(known.tags).toEqual([{ key: 'a' }, { key: 'b' }]);
  expect(fresh.dependencies.nodes).toEqual([{ name: 'Later' }]);
  const { auditEvents } = await queryData(
    owner,
    '{ auditEvents(first: 5, filter: { action: "importServices" }) { nodes { outcome after related { after } } } }',
  );
  const written = auditEvents.nodes.flatMap(({ after, related }: Json) => [
    after,
    ...related.map((one: Json) => one.after),
  ]);
  expect(written.map((one: Json) => one?.name)).toEqual(expect.arrayContaining(['Renamed', 'Fresh', 'Later']));
});

test('rows with errors are reported by their line, and the others are written', async () => {
  const file = [
    '{"name":"Good one"}',
    'not json',
    '',
    '{"name":"","owner":"nobody"}',
    '{"name":"Known too","aliases":["first","odd-1"]}',
    '{"name":"Unknown field","secret":1}',
    '{"name":"Missing","dependencies":["nowhere"]}',
    '{"name":5}',
    '{"name":"Good two","tags":[{"key":"a","value":"b"}]}',
  ].join('\n');
  const lines = withoutProgress(await linesOf(await importAs(owner, file)));
  const errors = lines
    .slice(0, -1)
    .map(({ line, errors: own }) => [line, own.map(({ code, path }: Json) => [code, path.join('.')])]);
  expect(errors.sort(([a], [b]) => a - b)).toEqual([
    [2, [['INVALID', '']]],
    [
      4,
      [
        ['TOO_SHORT', 'name'],
        ['NOT_FOUND', 'owner'],
      ],
    ],
    [5, [['INVALID', 'aliases']]],
    [6, [['INVALID', 'secret']]],
    [7, [['NOT_FOUND', 'dependencies']]],
    [8, [['REQUIRED', 'name']]],
  ]);
  expect(lines.at(-1)).toEqual(ended({ rows: 8, created: 3, updated: 0, failed: 6 }));
  const { one, two } = await queryData(
    owner,
    '{ one: service(alias: "good-one") { name } two: service(alias: "good-two") { name } }',
  );
  expect([one, two]).toEqual([{ name: 'Good one' }, { name: 'Good two' }]);
});

test('properties are set, kept and removed, and errors have their line', async () => {
  const port = { name: 'Port', alias: 'port', schema: { type: 'object', properties: { tcp: { type: 'integer' } } } };
  await mutate(owner, 'createPropertyDefinition', port);
  await mutate(owner, 'createPropertyDefinition', { name: 'Region', alias: 'region', schema: { type: 'string' } });
  const propertiesOf = async (alias: string) => {
    const document = 'query ($alias: String) { service(alias: $alias) { properties { definition { alias } value } } }';
    const { service } = await queryData(owner, document, { alias });
    return Object.fromEntries(service?.properties.map((one: Json) => [one.definition.alias, one.value]) ?? []);
  };
  const first = { port: { tcp: 80 }, region: 'eu' };
  expect(withoutProgress(await imported(owner, [{ name: 'With properties', properties: first }]))).toEqual([
    ended({ rows: 1, created: 1, updated: 0 }),
  ]);
  expect(await propertiesOf('with-properties')).toEqual(first);
  const csv = `name,properties\nWith properties,"{""port"":{""tcp"":443}}"\nWith properties,\n`;
  await linesOf(await importAs(people.user, csv, { type: 'text/csv' }));
  expect(await propertiesOf('with-properties')).toEqual({ ...first, port: { tcp: 443 } });
  const lines = await imported(owner, [
    { name: 'With properties', properties: { region: null } },
    { name: 'Wrong value', properties: { region: 'eu', port: { tcp: 'x' } } },
    { name: 'Wrong name', properties: { nothing: 1, __proto__: 2 } },
    { name: 'Wrong type', properties: [1] },
    { name: 'Right', properties: { region: 'us' } },
  ]);
  const errors = lines.filter(({ type }) => type === 'error');
  expect(errors.map((one) => [one.line, one.errors.map(({ code, path }: Json) => [code, path.join('.')])])).toEqual([
    [2, [['INVALID', 'properties.port.tcp']]],
    [3, [['NOT_FOUND', 'properties.nothing']]],
    [4, [['INVALID', 'properties']]],
  ]);
  expect(lines.at(-1)).toEqual(ended({ rows: 5, created: 1, updated: 1, failed: 3 }));
  expect(await propertiesOf('with-properties')).toEqual({ port: { tcp: 443 } });
  expect([await propertiesOf('right'), await propertiesOf('wrong-value')]).toEqual([{ region: 'us' }, {}]);
});

test('a CSV file with multi-line cells reports the first line of a row', async () => {
  const file = 'name,description\r\n"Lines","a\r\nb\r\nc"\r\n"",x\r\n"Short"\r\n';
  const lines = withoutProgress(await linesOf(await importAs(owner, file, { type: 'text/csv' })));
  expect(lines.slice(0, -1).map(({ line, errors }) => [line, errors[0].code])).toEqual([
    [5, 'REQUIRED'],
    [6, 'INVALID'],
  ]);
  expect((await queryData(owner, '{ service(alias: "lines") { description } }')).service.description).toBe(
    'a\r\nb\r\nc',
  );
});

async function rowsIn(text: string): Promise<[number, Json][]> {
  async function* chunks() {
    yield Buffer.from(text);
  }
  const rows: [number, Json][] = [];
  for await (const { line, fields } of rowsOfFile('csv', chunks())) rows.push([line, fields?.['name']]);
  return rows;
}

test('lines are counted in a CSV file with empty lines and all kinds of line breaks', async () => {
  expect(await rowsIn('name\r\n\r\nA\r\n"B\r\nC\nD"\r\n\r\n\r\nE')).toEqual([
    [3, 'A'],
    [4, 'B\r\nC\nD'],
    [9, 'E'],
  ]);
  expect(await rowsIn('name\rA\r\rB')).toEqual([
    [2, 'A'],
    [4, 'B'],
  ]);
});

test('a CSV file of empty lines keeps the server busy for a moment only', async () => {
  expect(await rowsIn(`name,language\n${'\n'.repeat(1_000_000)}A,Go\n`)).toEqual([[1_000_002, 'A']]);
});

test('the characters of a CSV file are the same wherever its text is divided', async () => {
  for (const length of [993, 994, 995]) {
    const name = `${'x'.repeat(length)}${'😀'.repeat(1_000)}`;
    expect(await rowsIn(`name\n${name}\n`)).toEqual([[2, name]]);
  }
});

test('a dry run reports the same and writes nothing', async () => {
  const lines = await imported(
    owner,
    [{ name: 'Dry' }, { name: 'Renamed', aliases: ['first'] }, { name: '' }],
    '?dryRun=true',
  );
  expect(lines.at(-1)).toEqual({ ...ended({ rows: 3, created: 1, updated: 1, failed: 1 }), dryRun: true });
  expect(await queryData(owner, '{ service(alias: "dry") { name } }')).toEqual({ service: null });
});

test.each([
  ['an unknown column', 'name,password\na,b\n', 'text/csv', 'UNKNOWN_COLUMN'],
  ['a missing quote', 'name\n"a\n', 'text/csv', 'INVALID_FILE'],
  ['another encoding', '', 'text/csv', 'INVALID_FILE'],
  ['a long row', `name\n"${'x'.repeat(IMPORT_LIMITS.row + 10)}"\n`, 'text/csv', 'ROW_TOO_LONG'],
  ['a long line', `{"name":"${'x'.repeat(IMPORT_LIMITS.row)}"}`, 'application/jsonl', 'ROW_TOO_LONG'],
])('%s ends the import', async (what, text, type, code) => {
  const body = what === 'another encoding' ? new Uint8Array([0xff, 0xfe, 0x00]) : text;
  const response = await importAs(owner, body as string, { type });
  expect((await linesOf(response)).at(-1)).toMatchObject({ type: 'end', rows: 0, stopped: { code } });
});

test('an import needs both permissions, and an export needs one', async () => {
  const { read, guest } = people;
  const token = await createApiToken(api, owner, 'READ');
  for (const [caller, status] of [
    [read, 403],
    [guest, 403],
    [token, 403],
    [people.user, 200],
  ] as const)
    expect((await importAs(caller, '')).status).toBe(status);
  for (const [caller, status] of [
    [read, 200],
    [guest, 403],
    [token, 200],
  ] as const)
    expect((await exportAs(caller, 'csv')).status).toBe(status);
  const limited = await mutate(
    owner,
    'createApiToken',
    { name: 'CI', access: 'WRITE', permissions: ['service:create'] },
    'secret',
  );
  expect((await importAs({ token: limited.secret } as Caller, '')).status).toBe(403);
  expect((await fetch(`${api.address}/services/import`, { method: 'POST' })).status).toBe(401);
  expect((await importAs(owner, '', { type: 'text/plain' })).status).toBe(415);
  expect((await importAs(owner, '', { query: '?dry=true' })).status).toBe(400);
  expect((await exportAs(owner, 'xml')).status).toBe(400);
});

test('a file contains the services of one organization, and an import finds no others', async () => {
  await mutate(globex.owner, 'createService', { name: 'Theirs only', aliases: ['theirs'] });
  expect(await (await exportAs(owner, 'jsonl')).text()).not.toContain('Theirs only');
  const lines = await imported(owner, [{ name: 'Own', aliases: ['theirs'], dependencies: ['theirs-only'] }]);
  expect(lines.at(-1)).toMatchObject({ created: 1, updated: 0, failed: 1 });
  expect((await queryData(globex.owner, '{ service(alias: "theirs") { name } }')).service).toEqual({
    name: 'Theirs only',
  });
});

interface Upload {
  lines: Json[];
  write(text: string): void;
  end(): void;
  destroy(): void;
}

/** Sends a file piece by piece. */
function upload(caller: Caller, length?: number): Upload {
  const { hostname, port } = new URL(api.address);
  const lines: Json[] = [];
  const own = { ...headers(caller), 'content-type': 'application/jsonl', ...(length && { 'content-length': length }) };
  const req = request({ hostname, port, path: '/services/import', method: 'POST', headers: own }, (res) => {
    res.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.trim().split('\n')) lines.push({ status: res.statusCode, ...JSON.parse(line) });
    });
    res.on('error', () => undefined);
  });
  req.on('error', () => undefined);
  return { lines, write: (text) => void req.write(text), end: () => void req.end(), destroy: () => void req.destroy() };
}

const many = (name: string, from: number, to: number): string =>
  Array.from({ length: to - from }, (_, at) => `${JSON.stringify({ name: `${name} ${from + at}` })}\n`).join('');

test('progress arrives while the file is still being sent, and what was written stays if the client disconnects', async () => {
  const sending = upload(owner);
  sending.write(many('Stream', 0, 501));
  await until(async () => sending.lines.length > 0);
  expect(sending.lines[0]).toMatchObject({ status: 200, type: 'progress', rows: 500, created: 500 });
  sending.write(many('Stream', 501, 700));
  sending.destroy();
  const stored = async (alias: string) => (await queryData(owner, `{ service(alias: "${alias}") { name } }`)).service;
  expect(await stored('stream-499')).toEqual({ name: 'Stream 499' });
  // The place of the import is free again.
  await until(async () => (await importAs(owner, '')).status === 200);
  expect(await stored('stream-600')).toBeNull();
});

test('a second import of the organization at the same time is refused', async () => {
  const sending = upload(owner);
  sending.write(many('Held', 0, 501));
  await until(async () => sending.lines.length > 0);
  expect((await importAs(owner, '')).status).toBe(503);
  sending.end();
  await until(async () => sending.lines.some(({ type }) => type === 'end'));
  expect(sending.lines.at(-1)).toMatchObject({ type: 'end', rows: 501, created: 501 });
});

test('a file above the limit is refused before it is sent', async () => {
  const sending = upload(owner, IMPORT_LIMITS.file + 1);
  sending.write('{}\n');
  await until(async () => sending.lines.length > 0);
  expect(sending.lines[0]).toMatchObject({ status: 413, errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
  sending.destroy();
});

test('a client that sends a little now and then does not keep its place', async () => {
  async function* drip() {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      yield Buffer.from(' ');
    }
  }
  const read = async () => {
    for await (const _ of chunksOfBody(drip(), { idle: 60_000, total: 20 }, () => new Error('too slow')));
  };
  await expect(read()).rejects.toThrow('too slow');
});

test('a refused dependency on a later row is an error of its row, and the others are added', async () => {
  const lines = await imported(owner, [
    { name: 'Loop', dependencies: ['loop-later', 'needed-later'] },
    { name: 'Straight', dependencies: ['needed-later', 'nowhere'] },
    { name: 'Needed later' },
    { name: 'Loop', aliases: ['loop', 'loop-later'] },
  ]);
  const errors = lines.filter(({ type }) => type === 'error').map(({ line, errors: [{ code }] }) => [line, code]);
  expect(errors.sort(([a], [b]) => a - b)).toEqual([
    [1, 'INVALID'],
    [2, 'NOT_FOUND'],
  ]);
  expect(lines.at(-1)).toMatchObject({ type: 'end', created: 3, updated: 1, failed: 2, stopped: null });
  const NEEDED = '{ service(alias: "straight") { dependencies { nodes { name } } } }';
  expect((await queryData(owner, NEEDED)).service.dependencies.nodes).toEqual([{ name: 'Needed later' }]);
});

test('a row with many dependencies needs as many statements as one with few', async () => {
  const count = async (name: string, dependencies: string[]): Promise<number> => {
    let statements = 0;
    api.hooks.onStatement = () => (statements += 1);
    expect((await imported(owner, [{ name, dependencies }])).at(-1)).toMatchObject({ created: 1, failed: 0 });
    delete api.hooks.onStatement;
    return statements;
  };
  const names = Array.from({ length: 20 }, (_, at) => `needed-${at}`);
  await imported(
    owner,
    names.map((name) => ({ name })),
  );
  expect(await count('Needs twenty', names)).toBe(await count('Needs two', names.slice(0, 2)));
});

test('a row with thousands of errors is reported with a few of them', async () => {
  const many = (count: number) => Array.from({ length: count }, () => 1);
  const lines = await imported(owner, [
    { name: 'Many', tags: many(20_000) },
    { name: 'Some', tags: many(400), links: many(400) },
  ]);
  const [first, second] = lines.filter(({ type }) => type === 'error');
  expect(first.errors).toMatchObject([{ code: 'TOO_LONG', path: ['tags'] }]);
  expect(second.errors).toHaveLength(20);
});

test('an unclosed quote is reported with its line', async () => {
  const lines = await linesOf(await importAs(owner, 'name\nOne\nTwo\n"Three"x\nFour\n', { type: 'text/csv' }));
  expect(lines.at(-1)).toMatchObject({ type: 'end', stopped: { code: 'INVALID_FILE', line: 4 } });
});

test.each(['csv', 'jsonl'] as const)('a file in %s is not read ahead of the rows that are taken', async (format) => {
  let sent = 0;
  const name = 'x'.repeat(1_000);
  async function* chunks() {
    if (format === 'csv') yield Buffer.from('name\n');
    for (; sent < 10_000; sent += 1) yield Buffer.from(format === 'csv' ? `${name}\n` : `{"name":"${name}"}\n`);
  }
  const rows = rowsOfFile(format, chunks());
  for (let taken = 0; taken < 10; taken += 1) await rows.next();
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent).toBeLessThan(500);
  await rows.return(undefined);
});
