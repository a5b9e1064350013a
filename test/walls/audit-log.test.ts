import { expect, test } from 'vitest';
import { type Json, startApi } from '../support/api.ts';
import { cast, done, found, join, mutate, roleId, signIn, tokenOf } from '../support/world.ts';
import { dump, organizationUuid, uuidOf } from './support.ts';

/** Who reads the audit log, what it says of a request, and that nothing keeps it from being written. */
const api = await startApi();
const acme = await found(api, 'acme');
const people = await cast(api, acme);

const CREATE = `mutation ($name: String!) { createCategory(input: { name: $name }) { category { id } errors { code } } }`;
const LOG = `{ auditEvents(first: 1) { totalCount nodes { id action } } }`;

/** The newest events of everybody, the newest first. */
const newest = (count: number): Promise<Json[]> =>
  api.root`select * from audit_events order by id desc limit ${count}` as unknown as Promise<Json[]>;
const total = async (): Promise<number> => (await api.root`select count(*)::int as n from audit_events`)[0]?.['n'];

/** Asks with headers that a client makes up. */
async function post(headers: Record<string, string>, name: string): Promise<Response> {
  return fetch(`${api.address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${people.admin.token}`, ...headers },
    body: JSON.stringify({ query: CREATE, variables: { name } }),
  });
}

test('the log says in public ids what was done by whom and with what', async () => {
  const ALL = `{ auditEvents(first: 1) { nodes {
    action permission outcome reason actor actorId role credentialKind credentialId targetId before after requestId ipAddress } } }`;
  const token = await tokenOf(api, people.admin, 'WRITE');
  const answer = await token.query(CREATE, { name: 'Logged' });
  const id = answer.data.createCategory.category.id;
  const { data } = await people.owner.query(ALL);
  expect(data.auditEvents.nodes).toEqual([
    {
      action: 'createCategory',
      permission: 'category:create',
      outcome: 'ALLOWED',
      reason: null,
      actor: people.admin.email,
      actorId: people.admin.userId,
      role: 'Admin',
      credentialKind: 'API_TOKEN',
      credentialId: token.id,
      targetId: id,
      before: null,
      after: { id, name: 'Logged', alias: null, description: null },
      requestId: answer.headers.get('x-request-id'),
      ipAddress: '127.0.0.1',
    },
  ]);
});

const readers = ['owner', 'admin'] as const;
const others = ['write', 'user', 'read'] as const;

test.each(readers)(
  'a member with the role %s reads the log, by list and by id, also with a READ token',
  async (role) => {
    const tokens = [people[role], await tokenOf(api, people[role], 'READ')];
    for (const caller of tokens) {
      const { data, errors } = await caller.query(LOG);
      expect(errors).toBeUndefined();
      expect(data.auditEvents.totalCount).toBeGreaterThan(0);
      const [{ id, action }] = data.auditEvents.nodes;
      const one = await caller.query('query ($id: ID!) { node(id: $id) { id ... on AuditEvent { action } } }', { id });
      expect(one).toMatchObject({ data: { node: { id, action } }, errors: undefined });
    }
  },
);

test.each(others)(
  'a member with the role %s reads nothing of it: not by list, by count, by id or by type',
  async (role) => {
    const { data: log } = await people.owner.query(LOG);
    const [{ id }] = log.auditEvents.nodes;
    for (const caller of [people[role], ...(role === 'read' ? [] : [await tokenOf(api, people[role], 'READ')])]) {
      for (const document of [LOG, '{ auditEvents { totalCount } }', '{ auditEvents { __typename } }']) {
        const { data, errors } = await caller.query(document);
        expect(data).toEqual({ auditEvents: null });
        expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', permission: 'audit_event:read' } }]);
      }
      const direct = await caller.query('query ($id: ID!) { node(id: $id) { __typename } nodes(ids: [$id]) { id } }', {
        id,
      });
      expect(direct).toMatchObject({ data: { node: null, nodes: [null] }, errors: undefined });
    }
  },
);

test('fifty refused aliases of one document leave fifty events', async () => {
  const before = await total();
  const aliases = Array.from({ length: 50 }, (_, at) => `a${at}: createCategory(input: $input) { __typename }`);
  const document = `mutation ($input: CreateCategoryInput!) { ${aliases.join(' ')} }`;
  const answer = await people.user.query(document, { input: { name: 'Refused' } });
  expect(answer.errors).toHaveLength(50);
  expect(await total()).toBe(before + 50);
  const requestId = answer.headers.get('x-request-id');
  for (const event of await newest(50))
    expect(event).toMatchObject({ action: 'createCategory', outcome: 'REFUSED', request_id: requestId });
});

test('a document that is done in part leaves an event for each part', async () => {
  const before = await total();
  const { data } = await people.admin.query(
    `mutation { a: createCategory(input: { name: "Part" }) { errors { code } }
                b: createCategory(input: { name: "Part" }) { errors { code } }
                c: deleteOrganization(input: { id: "${acme.id}", slug: "acme" }) { errors { code } } }`,
  );
  expect(data).toEqual({ a: { errors: [] }, b: { errors: [{ code: 'TAKEN' }] }, c: null });
  expect(await total()).toBe(before + 3);
  expect((await newest(3)).map((event) => event.outcome)).toEqual(['REFUSED', 'REJECTED', 'ALLOWED']);
});

test('acting on somebody who holds more is refused, and leaves an event that names them', async () => {
  const input = { id: people.owner.memberId, roleId: roleId('read') };
  expect(await mutate(people.admin, 'updateMember', input)).toEqual({ refused: 'NOT_HELD' });
  expect(await newest(1)).toMatchObject([
    { outcome: 'REFUSED', reason: 'NOT_HELD', target_id: input.id, role: 'Admin' },
  ]);
});

test.each([
  ['signIn', { email: '\u0000', password: 'x' }, 'REJECTED'],
  ['signOut', { sessionId: 'made up' }, 'REFUSED'],
])(
  '%s with a value that Postgres cannot take is the caller’s fault, in the log as in the answer',
  async (name, input, outcome) => {
    const before = await total();
    expect(await mutate(people.admin, name, input)).not.toMatchObject({ refused: 'INTERNAL' });
    expect(await total()).toBe(before + 1);
    expect(await newest(1)).toMatchObject([{ action: name, outcome }]);
  },
);

test('showing a used refresh token leaves one event that names the session, whoever shows it', async () => {
  for (const caller of [api.as(), people.admin]) {
    const thief = await signIn(api, people.user.email);
    const session = (await thief.query('{ viewer { credential { id } } }')).data.viewer.credential.id;
    const refresh = () =>
      mutate(caller, 'refreshSession', { refreshToken: thief.refreshToken }, 'session { expiresAt }');
    expect(await refresh()).toMatchObject({ errors: [] });
    const before = await total();
    expect(await refresh()).toMatchObject({ errors: [{ code: 'WRONG_CREDENTIALS' }] });
    expect(await total()).toBe(before + 1);
    const outcome = expect.stringMatching(/^RE(FUS|JECT)ED$/);
    expect(await newest(1)).toMatchObject([{ action: 'refreshSession', outcome, target_id: session }]);
  }
});

test('a query leaves no event, whether it is answered or refused', async () => {
  const before = await total();
  await people.owner.query(LOG);
  await people.read.query(LOG);
  expect(await total()).toBe(before);
});

test.each(['trace-1', 'A.b_c-9', 'x'.repeat(64)])(
  'the request id %s that a client gives is in the event and in the response',
  async (id) => {
    const response = await post({ 'x-request-id': id }, id);
    expect(response.headers.get('x-request-id')).toBe(id);
    expect(await newest(1)).toMatchObject([{ request_id: id, outcome: 'ALLOWED' }]);
  },
);

test.each(['x'.repeat(65), 'a b', 'a;drop', 'a\tb', '"', '<script>', 'é', '%0d%0a', 'a, b', ''])(
  'the forged request id %j is replaced',
  async (id) => {
    const response = await post({ 'x-request-id': id }, `Forged ${await total()}`);
    const given = response.headers.get('x-request-id');
    expect(given).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(await newest(1)).toMatchObject([{ request_id: given, outcome: 'ALLOWED' }]);
  },
);

test('the address is that of the connection, whatever a client says of itself', async () => {
  await post({ 'x-forwarded-for': '203.0.113.9', 'x-real-ip': '203.0.113.9', forwarded: 'for=203.0.113.9' }, 'Hidden');
  expect(await newest(1)).toMatchObject([{ address: '127.0.0.1', outcome: 'ALLOWED' }]);
});

test('what was done stays in the log when who did it, what it was about and the organization are gone', async () => {
  const leaver = await join(api, acme, 'admin', 'leaver');
  const { category } = await done(leaver, CREATE, { name: 'Left behind' });
  await mutate(people.owner, 'deleteCategory', { category: { id: category.id } });
  await mutate(people.owner, 'deleteMember', { id: leaver.memberId });
  const about = `{ auditEvents(filter: { targetId: "${category.id}" }) { nodes { action actor actorId } } }`;
  const { auditEvents } = (await people.owner.query(about)).data;
  expect(auditEvents.nodes[1]).toEqual({ action: 'createCategory', actor: leaver.email, actorId: leaver.userId });

  const before = (await dump(api))['audit_events'] as string[];
  await mutate(people.owner, 'deleteOrganization', { id: acme.id, slug: 'acme' });
  expect((await people.owner.query(LOG)).status).toBe(401);
  const after = (await dump(api))['audit_events'] as string[];
  expect(after).toHaveLength(before.length + 1);
  expect(after).toEqual(expect.arrayContaining(before));
  expect(await newest(1)).toMatchObject([
    {
      action: 'deleteOrganization',
      organization_id: organizationUuid(acme),
      user_id: uuidOf('usr', people.owner.userId),
      target_id: acme.id,
    },
  ]);
});
