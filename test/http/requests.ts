import { type IncomingHttpHeaders, request as send } from 'node:http';
import { getIntrospectionQuery } from 'graphql';
import { LIMITS } from '../../src/http/limits.ts';

export interface RequestParts {
  method?: string;
  path?: string;
  /** A header with the value `undefined` is not sent. */
  headers?: Record<string, string | string[] | undefined>;
  body?: string | Buffer;
}

export interface ReceivedResponse {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Sends exactly the given headers, unlike `fetch`, which adds its own. */
export function ask(
  address: string,
  { method = 'POST', path = '/graphql', headers, body }: RequestParts,
): Promise<ReceivedResponse> {
  const given = Object.entries({ 'content-type': 'application/json', 'x-request-id': 'the-same', ...headers });
  const named = Object.fromEntries(given.filter(([, value]) => value !== undefined)) as Record<string, string>;
  const { promise, resolve, reject } = Promise.withResolvers<ReceivedResponse>();
  const req = send(`${address}${path}`, { method, headers: named }, async (res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of res) chunks.push(chunk as Buffer);
    const { date, ...headers } = res.headers;
    // Each request is counted, so the next one has less left.
    if (typeof headers['ratelimit'] === 'string')
      headers['ratelimit'] = headers['ratelimit'].replace(/;r=\d+;t=\d+/g, ';r=COUNT;t=SECONDS');
    resolve({ status: res.statusCode, headers, body: Buffer.concat(chunks).toString('latin1') });
  });
  req.on('error', reject);
  req.end(body);
  return promise;
}

const json = (value: unknown): string => JSON.stringify(value);
const op = (query: unknown, more: object = {}): RequestParts => ({ body: json({ query, ...more }) });
const many = (times: number, text: (at: number) => string): string =>
  Array.from({ length: times }, (_, at) => text(at)).join(' ');

type Family = Record<string, RequestParts>;

const VIEWER = '{ viewer { user { name } role { name } permissions } }';
const CHECKS =
  'query ($n: Int = 3, $with: Boolean = true) { checks(first: $n) { totalCount nodes { id name category @include(if: $with) { name } level { ...l } viewerPermissions } } } fragment l on Level { name index }';
const SEVERAL =
  'query A { viewer { permissions } } query B($id: ID = "chk_none") { node(id: $id) { id } } mutation C { createCategory(input: { name: "" }) { errors { code path } } }';
const CREATE =
  'mutation ($input: CreateCategoryInput!) { createCategory(input: $input) { category { name } errors { code message path } } }';
const SIGN_IN =
  'mutation ($e: String!) { signIn(input: { email: $e, password: "wrong" }) { session { accessToken } errors { code message } } }';

/** Ids of existing objects. */
export interface ObjectIds {
  category: string;
  check: string;
}

/** Valid and invalid operations that change nothing or have the same effect each time. */
export const operations = ({ category, check }: ObjectIds): Family => ({
  viewer: op(VIEWER),
  checks: op(CHECKS),
  'an empty page of checks': op(CHECKS, { variables: { n: 0 } }),
  'checks without their category': op(CHECKS, { variables: { with: false } }),
  'checks with a flag that is null': op(CHECKS, { variables: { with: null } }),
  'a flag at the root that is null': op('query ($x: Boolean = true) { viewer @skip(if: $x) { permissions } }', {
    variables: { x: null },
  }),
  'a page above the limit': op(CHECKS, { variables: { n: 100_000 } }),
  'a page with a negative length': op(CHECKS, { variables: { n: -1 } }),
  'a variable of the wrong type': op(CHECKS, { variables: { n: 'many' } }),
  'a missing variable': op('query ($id: ID!) { node(id: $id) { id } }'),
  'a node': op('query ($id: ID!) { node(id: $id) { __typename id ...on Check { name owner { user { name } } } } }', {
    variables: { id: check },
  }),
  'an unknown node': op('{ node(id: "chk_01h455vb4pex5vsknk084sn02q") { id } }'),
  'a node with an invalid id': op('{ node(id: "nonsense") { id } }'),
  nodes: op('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { variables: { ids: [check, category, 'x'] } }),
  'too many nodes': op('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', {
    variables: { ids: Array(501).fill('chk_x') },
  }),
  'fields that need a permission': op('{ plan { name } usage { seats } auditEvents(first: 0) { nodes { id } } }'),
  'a field that needs a permission and a public field': op(
    '{ accessMatrix(first: 1) { nodes { principal { id } } } permissions { name } }',
  ),
  'an invalid cursor': op('{ checks(first: 1, after: "nonsense") { nodes { id } } }'),
  'first and last together': op('{ checks(first: 1, last: 1) { nodes { id } } }'),
  introspection: op(getIntrospectionQuery()),
  'a small introspection query': op('{ __schema { queryType { name } } __type(name: "Check") { fields { name } } }'),
  typename: op('{ __typename }'),
  aliases: op('{ a: __typename constructor: __typename __proto__: __typename toString: viewer { then: __typename } }'),
  'a misspelt field': op('{ chekcs { nodes { id } } }'),
  'a misspelt argument': op('{ checks(frist: 1) { nodes { id } } }'),
  'an unknown type': op('{ ...on Chekc { id } }'),
  'an unknown directive': op('{ viewer @defer { permissions } }'),
  'no selection': op('{ viewer }'),
  'a selection of a leaf': op('{ viewer { permissions { name } } }'),
  'an unknown fragment': op('{ ...nobody }'),
  'an unused fragment': op('{ __typename } fragment f on Viewer { permissions }'),
  'a cycle of fragments': op('{ viewer { ...a } } fragment a on Viewer { ...b } fragment b on Viewer { ...a }'),
  'a syntax error': op('{ viewer { '),
  'another syntax error': op('query { viewer(: ) }'),
  'an invalid character': op('{ viewer \u0007 }'),
  'only a comment': op('# nothing'),
  'a type definition instead of an operation': op('type Query { a: Int }'),
  'a type definition and an operation': op('{ __typename } type Query { a: Int }'),
  'only fragments': op('fragment f on Viewer { permissions }'),
  subscription: op('subscription { viewer { permissions } }'),
  'too many aliases': op(`{ ${many(LIMITS.aliases + 1, (at) => `a${at}: __typename`)} }`),
  'too many directives': op(`{ __typename ${many(LIMITS.directives + 1, () => '@include(if: true)')} }`),
  'too many tokens': op(`{ ${many(LIMITS.tokens, () => '__typename')} }`),
  'a depth above the limit': op(
    `{ ${many(16, () => 'roles { nodes { members { nodes { role {')} name ${many(16, () => '} } } } }')} }`,
  ),
  'a cost above the limit': op(`{ ${many(40, (at) => `a${at}: checks(first: 500) { nodes { id name notes } }`)} }`),
  'a document of the maximum length': op(`{ __typename } #${'x'.repeat(LIMITS.characters - 16)}`),
  'a document above the maximum length': op(`{ __typename } #${'x'.repeat(LIMITS.characters - 15)}`),
  'a forbidden mutation': op(
    'mutation { deleteOrganization(input: { id: "org_none" }) { deletedId errors { code } } }',
  ),
  'a mutation with invalid input': op(CREATE, { variables: { input: { name: '' } } }),
  'a mutation with input of the wrong type': op(CREATE, { variables: { input: { name: 7, nobody: 1 } } }),
  'a mutation with a name that is in use': op(CREATE, { variables: { input: { name: 'Security' } } }),
  'a mutation that changes nothing': op(
    'mutation ($id: ID!) { updateCategory(input: { category: { id: $id }, name: "Security" }) { category { name } errors { code } } }',
    { variables: { id: category } },
  ),
  'several mutations': op(
    'mutation { a: createCategory(input: { name: "" }) { errors { code } } b: deleteCheck(input: { check: { id: "chk_none" } }) { errors { code } } c: signOut { errors { code } } }'.replace(
      ' c: signOut { errors { code } }',
      '',
    ),
  ),
  'a sign-in that fails': op(SIGN_IN, { variables: { e: 'nobody@acme.test' } }),
  'an unknown invitation': op('{ invitationOffer(secret: "ambit_inv_none") { email } }'),
  authorize: op(
    '{ authorize(requests: [{ permission: "check:read" }, { permission: "check:delete" }]) { allowed reason } }',
  ),
  'authorize with an unknown permission': op('{ authorize(requests: [{ permission: "nonsense" }]) { allowed } }'),
});

/** The parameters of the request besides the operation. */
export const parameters: Family = {
  'an operation name': op(SEVERAL, { operationName: 'A' }),
  'another operation name': op(SEVERAL, { operationName: 'B' }),
  'the name of a mutation': op(SEVERAL, { operationName: 'C' }),
  'an unknown operation name': op(SEVERAL, { operationName: 'Nobody' }),
  'several operations and no operation name': op(SEVERAL),
  'an operation name that is null': op(SEVERAL, { operationName: null }),
  'an empty operation name': op(SEVERAL, { operationName: '' }),
  'an operation name that is a number': op(SEVERAL, { operationName: 7 }),
  'an operation name that is a list': op(SEVERAL, { operationName: ['A'] }),
  'an operation name that is a boolean': op('query true { __typename }', { operationName: true }),
  'an unnamed operation and an empty operation name': op('{ __typename }', { operationName: '' }),
  'an unnamed operation and an operation name': op('{ __typename }', { operationName: 'A' }),
  'the operation name __proto__': op(SEVERAL, { operationName: '__proto__' }),
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
  'variables with the names __proto__ and constructor': {
    body: `{"query":${json(CHECKS)},"variables":{"__proto__":{"n":1},"constructor":1}}`,
  },
  'a query with the extension persistedQuery': op(VIEWER, {
    extensions: { persistedQuery: { version: 1, sha256Hash: 'x' } },
  }),
  'only the extension persistedQuery': {
    body: json({ extensions: { persistedQuery: { version: 1, sha256Hash: 'x' } } }),
  },
  'an unknown parameter': op(VIEWER, { id: 1 }),
  'an unknown parameter that is null': op(VIEWER, { id: null }),
  'the parameter __proto__': { body: `{"query":${json(VIEWER)},"__proto__":{"a":1}}` },
  'parameters that are properties of every object': op(VIEWER, { constructor: 'a', toString: 1 }),
  'a parameter with a capital letter': { body: json({ Query: VIEWER }) },
  'a query twice': { body: `{"query":"{ nonsense }","query":${json(VIEWER)}}` },
  ...Object.fromEntries(
    [null, 7, true, '', ' ', [VIEWER], { a: 1 }].map((value) => [`query ${json(value)}`, op(value)]),
  ),
  'no query': { body: json({ variables: {} }) },
  'characters outside ASCII': op('query ($id: ID!) { node(id: $id) { id } } # ü 漢 🜚 \u0000', {
    variables: { id: '🜚\u0000\ud800' },
  }),
};

const bytes = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

/** Invalid bodies, and bodies at the limits. */
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
  'two byte order marks': { body: bytes([0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf], '{"query":"{ __typename }"}') },
  'UTF-16': { body: Buffer.from('{"query":"{ __typename }"}', 'utf16le') },
  'bytes that are not UTF-8': { body: bytes('{"query":"{ __typename } #', [0xff, 0xfe, 0xc3], '"}') },
  'bytes that are not UTF-8, in the text of an error': { body: bytes('{"query":"{ ', [0xc3, 0x28], ' }"}') },
  'an incomplete character at the end': { body: bytes('{"query":"{ __typename }"}', [0xe2, 0x82]) },
  'unclosed brackets': { body: '['.repeat(50_000) },
  'deeply nested objects': {
    body: `{"query":"{ __typename }","variables":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`,
  },
  'a body just below the limit': op('{ __typename }', { variables: { x: 'x'.repeat(99_900) } }),
  'a body above the limit': op('{ __typename }', { variables: { x: 'x'.repeat(100_001) } }),
  'a chunked body': { ...op(VIEWER), headers: { 'transfer-encoding': 'chunked' } },
  'a content-encoding of gzip': { ...op(VIEWER), headers: { 'content-encoding': 'gzip' } },
  'a connection header': { ...op(VIEWER), headers: { te: 'trailers' } },
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

/** Every kind of operation with every Accept header. */
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
  'GET with invalid variables': { method: 'GET', path: query(CHECKS, '&variables=nonsense') },
  'GET of the playground': { method: 'GET', headers: { accept: 'text/html', 'content-type': undefined } },
  'POST with a query in the URL': { ...op(VIEWER), path: query('{ __typename }') },
  'POST with an empty query string': { ...op(VIEWER), path: '/graphql?' },
  'POST to a path with a slash at the end': { ...op(VIEWER), path: '/graphql/' },
  'POST to the root path': { ...op(VIEWER), path: '/' },
  'POST to a path with capital letters': { ...op(VIEWER), path: '/GraphQL' },
  'POST to an encoded path': { ...op(VIEWER), path: '/graph%71l' },
  'POST to a path with dots': { ...op(VIEWER), path: '/x/../graphql' },
  'POST with two slashes': { ...op(VIEWER), path: '//graphql' },
};

/** Every request of a family with each of these headers. */
export const each = (family: Family, named: Record<string, RequestParts['headers']>): Family =>
  Object.fromEntries(
    Object.entries(named).flatMap(([name, headers]) =>
      Object.entries(family).map(([what, request]) => [
        `${what}, ${name}`,
        { ...request, headers: { ...request.headers, ...headers } },
      ]),
    ),
  );
