import { type IncomingHttpHeaders, request as send } from 'node:http';
import { getIntrospectionQuery } from 'graphql';
import { LIMITS } from '../../src/http/limits.ts';

export interface Asked {
  method?: string;
  path?: string;
  /** Of `undefined`, nothing is sent. */
  headers?: Record<string, string | string[] | undefined>;
  body?: string | Buffer;
}

export interface Got {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Sends exactly this: `fetch` adds headers of its own. */
export function ask(address: string, { method = 'POST', path = '/graphql', headers, body }: Asked): Promise<Got> {
  const given = Object.entries({ 'content-type': 'application/json', 'x-request-id': 'the-same', ...headers });
  const named = Object.fromEntries(given.filter(([, value]) => value !== undefined)) as Record<string, string>;
  const { promise, resolve, reject } = Promise.withResolvers<Got>();
  const req = send(`${address}${path}`, { method, headers: named }, async (res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of res) chunks.push(chunk as Buffer);
    const { date, ...rest } = res.headers;
    resolve({ status: res.statusCode, headers: rest, body: Buffer.concat(chunks).toString('latin1') });
  });
  req.on('error', reject);
  req.end(body);
  return promise;
}

const json = (value: unknown): string => JSON.stringify(value);
const op = (query: unknown, more: object = {}): Asked => ({ body: json({ query, ...more }) });
const many = (times: number, text: (at: number) => string): string =>
  Array.from({ length: times }, (_, at) => text(at)).join(' ');

type Family = Record<string, Asked>;

const VIEWER = '{ viewer { user { name } role { name } permissions } }';
const CHECKS =
  'query ($n: Int = 3, $with: Boolean = true) { checks(first: $n) { totalCount nodes { id name category @include(if: $with) { name } level { ...l } viewerPermissions } } } fragment l on Level { name index }';
const SEVERAL =
  'query A { viewer { permissions } } query B($id: ID = "chk_none") { node(id: $id) { id } } mutation C { createCategory(input: { name: "" }) { errors { code path } } }';
const CREATE =
  'mutation ($input: CreateCategoryInput!) { createCategory(input: $input) { category { name } errors { code message path } } }';
const SIGN_IN =
  'mutation ($e: String!) { signIn(input: { email: $e, password: "wrong" }) { session { accessToken } errors { code message } } }';

/** Things of the world that the requests speak of. */
export interface Ids {
  category: string;
  check: string;
}

/** Operations, good and bad, that change nothing or the same each time. */
export const operations = ({ category, check }: Ids): Family => ({
  viewer: op(VIEWER),
  checks: op(CHECKS),
  'checks of no length': op(CHECKS, { variables: { n: 0 } }),
  'checks without their category': op(CHECKS, { variables: { with: false } }),
  'checks with a flag that is null': op(CHECKS, { variables: { with: null } }),
  'a flag at the root that is null': op('query ($x: Boolean = true) { viewer @skip(if: $x) { permissions } }', {
    variables: { x: null },
  }),
  'a page too long': op(CHECKS, { variables: { n: 100_000 } }),
  'a page of negative length': op(CHECKS, { variables: { n: -1 } }),
  'a variable of the wrong type': op(CHECKS, { variables: { n: 'many' } }),
  'a variable that is missing': op('query ($id: ID!) { node(id: $id) { id } }'),
  'a node': op('query ($id: ID!) { node(id: $id) { __typename id ...on Check { name owner { user { name } } } } }', {
    variables: { id: check },
  }),
  'a node that is not there': op('{ node(id: "chk_01h455vb4pex5vsknk084sn02q") { id } }'),
  'a node of no id': op('{ node(id: "nonsense") { id } }'),
  nodes: op('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { variables: { ids: [check, category, 'x'] } }),
  'too many nodes': op('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', {
    variables: { ids: Array(501).fill('chk_x') },
  }),
  'what only some may': op('{ plan { name } usage { seats } auditEvents(first: 0) { nodes { id } } }'),
  'what only some may, and what all may': op(
    '{ accessMatrix(first: 1) { nodes { principal { id } } } permissions { name } }',
  ),
  'a cursor of nothing': op('{ checks(first: 1, after: "nonsense") { nodes { id } } }'),
  'both ends': op('{ checks(first: 1, last: 1) { nodes { id } } }'),
  introspection: op(getIntrospectionQuery()),
  'a little introspection': op('{ __schema { queryType { name } } __type(name: "Check") { fields { name } } }'),
  typename: op('{ __typename }'),
  aliases: op('{ a: __typename constructor: __typename __proto__: __typename toString: viewer { then: __typename } }'),
  'a misspelt field': op('{ chekcs { nodes { id } } }'),
  'a misspelt argument': op('{ checks(frist: 1) { nodes { id } } }'),
  'an unknown type': op('{ ...on Chekc { id } }'),
  'an unknown directive': op('{ viewer @defer { permissions } }'),
  'no selection': op('{ viewer }'),
  'a selection of a leaf': op('{ viewer { permissions { name } } }'),
  'a fragment that is not there': op('{ ...nobody }'),
  'a fragment that is not used': op('{ __typename } fragment f on Viewer { permissions }'),
  'a circle of fragments': op('{ viewer { ...a } } fragment a on Viewer { ...b } fragment b on Viewer { ...a }'),
  'an error of syntax': op('{ viewer { '),
  'another error of syntax': op('query { viewer(: ) }'),
  'a character that no document has': op('{ viewer \u0007 }'),
  'a comment alone': op('# nothing'),
  'a schema in the place of an operation': op('type Query { a: Int }'),
  'a schema besides an operation': op('{ __typename } type Query { a: Int }'),
  'only fragments': op('fragment f on Viewer { permissions }'),
  subscription: op('subscription { viewer { permissions } }'),
  'too many aliases': op(`{ ${many(LIMITS.aliases + 1, (at) => `a${at}: __typename`)} }`),
  'too many directives': op(`{ __typename ${many(LIMITS.directives + 1, () => '@include(if: true)')} }`),
  'too many tokens': op(`{ ${many(LIMITS.tokens, () => '__typename')} }`),
  'too deep': op(
    `{ ${many(16, () => 'roles { nodes { members { nodes { role {')} name ${many(16, () => '} } } } }')} }`,
  ),
  'too dear': op(`{ ${many(40, (at) => `a${at}: checks(first: 500) { nodes { id name notes } }`)} }`),
  'as long as a document may be': op(`{ __typename } #${'x'.repeat(LIMITS.characters - 16)}`),
  'a character longer': op(`{ __typename } #${'x'.repeat(LIMITS.characters - 15)}`),
  'a mutation that may not': op(
    'mutation { deleteOrganization(input: { id: "org_none" }) { deletedId errors { code } } }',
  ),
  'a mutation of bad input': op(CREATE, { variables: { input: { name: '' } } }),
  'a mutation of input that is none': op(CREATE, { variables: { input: { name: 7, nobody: 1 } } }),
  'a mutation of a name that is taken': op(CREATE, { variables: { input: { name: 'Security' } } }),
  'a mutation that leaves all as it is': op(
    'mutation ($id: ID!) { updateCategory(input: { category: { id: $id }, name: "Security" }) { category { name } errors { code } } }',
    { variables: { id: category } },
  ),
  'mutations one after the other': op(
    'mutation { a: createCategory(input: { name: "" }) { errors { code } } b: deleteCheck(input: { check: { id: "chk_none" } }) { errors { code } } c: signOut { errors { code } } }'.replace(
      ' c: signOut { errors { code } }',
      '',
    ),
  ),
  'a sign-in that fails': op(SIGN_IN, { variables: { e: 'nobody@acme.test' } }),
  'an invitation that is none': op('{ invitationOffer(secret: "ambit_inv_none") { email } }'),
  authorize: op(
    '{ authorize(requests: [{ permission: "check:read" }, { permission: "check:delete" }]) { allowed reason } }',
  ),
  'authorize nonsense': op('{ authorize(requests: [{ permission: "nonsense" }]) { allowed } }'),
});

/** What stands around the operation in the body. */
export const parameters: Family = {
  'the operation that is named': op(SEVERAL, { operationName: 'A' }),
  'another that is named': op(SEVERAL, { operationName: 'B' }),
  'a mutation that is named': op(SEVERAL, { operationName: 'C' }),
  'none that is named': op(SEVERAL, { operationName: 'Nobody' }),
  'none named of several': op(SEVERAL),
  'named by null': op(SEVERAL, { operationName: null }),
  'named by nothing': op(SEVERAL, { operationName: '' }),
  'named by a number': op(SEVERAL, { operationName: 7 }),
  'named by a list': op(SEVERAL, { operationName: ['A'] }),
  'named by true': op('query true { __typename }', { operationName: true }),
  'one of none named by nothing': op('{ __typename }', { operationName: '' }),
  'one of none named': op('{ __typename }', { operationName: 'A' }),
  'named as objects are made': op(SEVERAL, { operationName: '__proto__' }),
  ...Object.fromEntries(
    [
      {},
      [],
      [1],
      null,
      'text',
      '',
      '{}',
      7,
      0,
      true,
      false,
      { n: { a: 1 } },
      { unknown: 1 },
      { __proto__: null },
    ].flatMap((value) => [
      [`variables ${json(value)}`, op(CHECKS, { variables: value })],
      [`extensions ${json(value)}`, op(VIEWER, { extensions: value })],
    ]),
  ),
  'variables that are named as objects are made': {
    body: `{"query":${json(CHECKS)},"variables":{"__proto__":{"n":1},"constructor":1}}`,
  },
  'an extension of persisted queries': op(VIEWER, { extensions: { persistedQuery: { version: 1, sha256Hash: 'x' } } }),
  'persisted alone': { body: json({ extensions: { persistedQuery: { version: 1, sha256Hash: 'x' } } }) },
  'a parameter more': op(VIEWER, { id: 1 }),
  'a parameter more that is null': op(VIEWER, { id: null }),
  'a parameter named as objects are made': { body: `{"query":${json(VIEWER)},"__proto__":{"a":1}}` },
  'a parameter that objects have': op(VIEWER, { constructor: 'a', toString: 1 }),
  'parameters in capitals': { body: json({ Query: VIEWER }) },
  'a query twice': { body: `{"query":"{ nonsense }","query":${json(VIEWER)}}` },
  ...Object.fromEntries(
    [null, 7, true, '', ' ', [VIEWER], { a: 1 }].map((value) => [`query ${json(value)}`, op(value)]),
  ),
  'no query': { body: json({ variables: {} }) },
  'characters of all kinds': op('query ($id: ID!) { node(id: $id) { id } } # ü 漢 🜚 \u0000', {
    variables: { id: '🜚\u0000\ud800' },
  }),
};

const bytes = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

/** Bodies that are no good, or only just. */
export const bodies: Family = {
  ...Object.fromEntries(
    [
      '',
      ' ',
      'null',
      '[]',
      '[null]',
      '7',
      '"text"',
      'true',
      '{}',
      '{',
      '{"query":}',
      'nonsense',
      '{"query":"{ __typename }"}{}',
      '[{"query":"{ __typename }"}]',
      "{'query':'{ __typename }'}",
      '{"query":"{ __typename }",}',
      'NaN',
      '{"query":"{ __typename }","variables":{"n":1e400}}',
      '{"query":"\\ud800{ __typename }"}',
      '{"query":"{ __typename }" /* */}',
      '\n\t {"query":"{ __typename }"} \n',
      '\u00a0{"query":"{ __typename }"}',
    ].map((body) => [`body ${json(body)}`, { body }]),
  ),
  'a byte order mark': { body: bytes([0xef, 0xbb, 0xbf], '{"query":"{ __typename }"}') },
  'two of them': { body: bytes([0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf], '{"query":"{ __typename }"}') },
  'UTF-16': { body: Buffer.from('{"query":"{ __typename }"}', 'utf16le') },
  'bytes that are no UTF-8': { body: bytes('{"query":"{ __typename } #', [0xff, 0xfe, 0xc3], '"}') },
  'such bytes in a text that is shown': { body: bytes('{"query":"{ ', [0xc3, 0x28], ' }"}') },
  'half a character at the end': { body: bytes('{"query":"{ __typename }"}', [0xe2, 0x82]) },
  'brackets without end': { body: '['.repeat(50_000) },
  'objects in objects': {
    body: `{"query":"{ __typename }","variables":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`,
  },
  'just small enough': op('{ __typename }', { variables: { x: 'x'.repeat(99_900) } }),
  'too large': op('{ __typename }', { variables: { x: 'x'.repeat(100_001) } }),
  'in pieces': { ...op(VIEWER), headers: { 'transfer-encoding': 'chunked' } },
  'compressed, as it says': { ...op(VIEWER), headers: { 'content-encoding': 'gzip' } },
  'with a header of the connection': { ...op(VIEWER), headers: { te: 'trailers' } },
};

const TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'application/json;charset=utf-8',
  'application/json;charset=UTF-8',
  'application/json; charset=latin1',
  'application/json ; charset=utf-8',
  'APPLICATION/JSON',
  'Application/Json; Charset="utf-8"',
  'application/json; profile=x',
  'application/json;',
  'application/json, text/plain',
  'application/jsonp',
  'application/graphql+json',
  'application/graphql',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'text/plain',
  'nonsense',
  '',
  undefined,
];

export const contentTypes: Family = Object.fromEntries(
  TYPES.flatMap((type) =>
    ['{ __typename }', '{ nobody }'].map((query) => [
      `content-type ${type} ${query}`,
      { ...op(query), headers: { 'content-type': type } },
    ]),
  ),
);

const ACCEPTS = [
  undefined,
  '',
  '*/*',
  'application/*',
  'application/json',
  'application/json; charset=utf-8',
  'application/json;charset=latin1',
  'application/graphql-response+json',
  'application/graphql-response+json; charset=utf-8',
  'application/graphql-response+json, application/json;q=0.9',
  'application/graphql-response+json, application/json; q=0.9',
  'application/graphql-response+json, application/json',
  'application/graphql-response+json,application/json',
  'application/json, application/graphql-response+json',
  'application/json, */*',
  '*/*, application/json',
  'application/json;q=0.1, */*;q=0.9',
  'application/json;q=0',
  'APPLICATION/JSON',
  'text/html',
  'text/html, application/json',
  'text/html,application/xhtml+xml,*/*;q=0.8',
  'text/event-stream',
  'multipart/mixed',
  'multipart/mixed;deferSpec=20220824, application/json',
  'text/plain',
  'image/png',
  'nonsense',
  'application/json/json',
  ', ,',
  'application/',
  ['application/json', '*/*'],
  ['application/graphql-response+json', 'application/json'],
  'constructor',
  '__proto__',
];

/** Media types of the answer, each with answers of every kind. */
export const accepts = (operations: Family, kinds: readonly string[]): Family =>
  Object.fromEntries(
    ACCEPTS.flatMap((accept) =>
      kinds.map((kind) => [`accept ${accept} ${kind}`, { ...operations[kind], headers: { accept } }]),
    ),
  );

const query = (text: string, more = ''): string => `/graphql?query=${encodeURIComponent(text)}${more}`;

export const methods: Family = {
  ...Object.fromEntries(
    ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'].flatMap((method) => [
      [`${method} with a body`, { method, ...(method === 'GET' || method === 'HEAD' ? {} : op(VIEWER)) }],
      [`${method} with a query`, { method, path: query(VIEWER) }],
    ]),
  ),
  'GET of a mutation': { method: 'GET', path: query('mutation { signOut { errors { code } } }') },
  'GET with variables': { method: 'GET', path: query(CHECKS, `&variables=${encodeURIComponent('{"n":1}')}`) },
  'GET with variables that are none': { method: 'GET', path: query(CHECKS, '&variables=nonsense') },
  'GET of the playground': { method: 'GET', headers: { accept: 'text/html', 'content-type': undefined } },
  'POST with a query in the address': { ...op(VIEWER), path: query('{ __typename }') },
  'POST with an empty query': { ...op(VIEWER), path: '/graphql?' },
  'POST to a path below': { ...op(VIEWER), path: '/graphql/' },
  'POST to a path above': { ...op(VIEWER), path: '/' },
  'POST to the path in capitals': { ...op(VIEWER), path: '/GraphQL' },
  'POST to a path that is encoded': { ...op(VIEWER), path: '/graph%71l' },
  'POST to a path in dots': { ...op(VIEWER), path: '/x/../graphql' },
  'POST with two slashes': { ...op(VIEWER), path: '//graphql' },
};

/** Every family of requests once with each of these headers. */
export const each = (family: Family, named: Record<string, Asked['headers']>): Family =>
  Object.fromEntries(
    Object.entries(named).flatMap(([name, headers]) =>
      Object.entries(family).map(([what, asked]) => [
        `${what}, ${name}`,
        { ...asked, headers: { ...asked.headers, ...headers } },
      ]),
    ),
  );
