import { expect, test } from 'vitest';
import { type Json, startApi } from '../support/api.ts';
import {
  addMember,
  createApiToken,
  createOrganization,
  executeMutation,
  membersOfEachRole,
  mutate,
  roleId,
  signIn,
} from '../support/world.ts';
import { dumpRows, organizationUuid, uuidOf } from './support.ts';

/** Access to the audit log, the fields of its events, and that every mutation leaves one. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);

const CREATE = `mutation ($name: String!) { createCategory(input: { name: $name }) { category { id } errors { code } } }`;
const LOG = `{ auditEvents(first: 1) { totalCount nodes { id action } } }`;

/** The newest events of all organizations, newest first. */
const newest = (count: number): Promise<Json[]> =>
  api.root`select * from audit_events order by id desc limit ${count}` as unknown as Promise<Json[]>;
const total = async (): Promise<number> => (await api.root`select count(*)::int as n from audit_events`)[0]?.['n'];

/** Sends a request with these headers. */
async function post(headers: Record<string, string>, name: string): Promise<Response> {
  return fetch(`${api.address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${people.admin.token}`, ...headers },
    body: JSON.stringify({ query: CREATE, variables: { name } }),
  });
}

test('an event names actor, action, target and credential, with public IDs', async () => {
  const ALL = `{ auditEvents(first: 1) { nodes {
    action permission outcome reason dryRun actor { kind id userId name email principal { __typename id } } actorName role
    credentialKind credentialId targetId targetIds before after related { targetId } input requestId ipAddress } } }`;
  const token = await createApiToken(api, people.admin, 'WRITE');
  const answer = await token.query(CREATE, { name: 'Logged' });
  const id = answer.data.createCategory.category.id;
  const { data } = await people.owner.query(ALL);
  expect(data.auditEvents.nodes).toEqual([
    {
      action: 'createCategory',
      permission: 'category:create',
      outcome: 'ALLOWED',
      reason: null,
      dryRun: false,
      actor: {
        kind: 'MEMBER',
        id: people.admin.memberId,
        userId: people.admin.userId,
        name: 'admin',
        email: people.admin.email,
        principal: { __typename: 'Member', id: people.admin.memberId },
      },
      actorName: `admin <${people.admin.email}>`,
      role: 'Admin',
      credentialKind: 'API_TOKEN',
      credentialId: token.id,
      targetId: id,
      targetIds: [id],
      before: null,
      after: { id, name: 'Logged', alias: null, description: null, scorecardId: null },
      related: [],
      input: null,
      requestId: answer.headers.get('x-request-id'),
      ipAddress: '127.0.0.1',
    },
  ]);
});

const readers = ['owner', 'admin'] as const;
const others = ['write', 'user', 'read'] as const;

test.each(readers)(
  'a member with the role %s can read the log as a list and by ID, also with a READ token',
  async (role) => {
    const tokens = [people[role], await createApiToken(api, people[role], 'READ')];
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
  'a member with the role %s can read no event, neither as a list, count, by ID nor by type',
  async (role) => {
    const { data: log } = await people.owner.query(LOG);
    const [{ id }] = log.auditEvents.nodes;
    for (const caller of [
      people[role],
      ...(role === 'read' ? [] : [await createApiToken(api, people[role], 'READ')]),
    ]) {
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

test('a document that succeeds in part leaves an event for each mutation', async () => {
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

test('a refused change of a member with more permissions leaves an event with that target', async () => {
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
  '%s with a value that PostgreSQL cannot store is an input error in the log and in the response',
  async (name, input, outcome) => {
    const before = await total();
    expect(await mutate(people.admin, name, input)).not.toMatchObject({ refused: 'INTERNAL' });
    expect(await total()).toBe(before + 1);
    expect(await newest(1)).toMatchObject([{ action: name, outcome }]);
  },
);

test('the reuse of a refresh token leaves one event that names the session, for every caller', async () => {
  for (const caller of [api.as(), people.admin]) {
    const thief = await signIn(api, people.user.email);
    const session = (await thief.query('{ viewer { credential { id } } }')).data.viewer.credential.id;
    const refresh = () =>
      mutate(caller, 'refreshSession', { refreshToken: thief.refreshToken }, 'session { expiresAt }');
    expect(await refresh()).toMatchObject({ errors: [] });
    // Directly after its use, a token still works.
    api.advance(11_000);
    const before = await total();
    expect(await refresh()).toMatchObject({ errors: [{ code: 'WRONG_CREDENTIALS' }] });
    expect(await total()).toBe(before + 1);
    const outcome = expect.stringMatching(/^RE(FUS|JECT)ED$/);
    expect(await newest(1)).toMatchObject([{ action: 'refreshSession', outcome, target_id: session }]);
  }
});

test('a query leaves no event, also when it is refused', async () => {
  const before = await total();
  await people.owner.query(LOG);
  await people.read.query(LOG);
  expect(await total()).toBe(before);
});

test.each(['trace-1', 'A.b_c-9', 'x'.repeat(64)])(
  'the request ID %s of a client is in the event and in the response',
  async (id) => {
    const response = await post({ 'x-request-id': id }, id);
    expect(response.headers.get('x-request-id')).toBe(id);
    expect(await newest(1)).toMatchObject([{ request_id: id, outcome: 'ALLOWED' }]);
  },
);

test.each(['x'.repeat(65), 'a b', 'a;drop', 'a\tb', '"', '<script>', 'é', '%0d%0a', 'a, b', ''])(
  'the invalid request ID %j is replaced',
  async (id) => {
    const response = await post({ 'x-request-id': id }, `Forged ${await total()}`);
    const given = response.headers.get('x-request-id');
    expect(given).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(await newest(1)).toMatchObject([{ request_id: given, outcome: 'ALLOWED' }]);
  },
);

test('the event has the address of the connection, whatever headers a client sends', async () => {
  await post({ 'x-forwarded-for': '203.0.113.9', 'x-real-ip': '203.0.113.9', forwarded: 'for=203.0.113.9' }, 'Hidden');
  expect(await newest(1)).toMatchObject([{ address: '127.0.0.1', outcome: 'ALLOWED' }]);
});

test('events remain after actor, target and organization are deleted', async () => {
  const leaver = await addMember(api, acme, 'admin', 'leaver');
  const { category } = await executeMutation(leaver, CREATE, { name: 'Left behind' });
  await mutate(people.owner, 'deleteCategory', { category: { id: category.id } });
  await mutate(people.owner, 'deleteMember', { id: leaver.memberId });
  const about = `{ auditEvents(filter: { targetId: "${category.id}" }) { nodes { action actor { id userId email principal { id } } } } }`;
  const { auditEvents } = (await people.owner.query(about)).data;
  const { memberId: id, userId, email } = leaver;
  expect(auditEvents.nodes[1]).toEqual({ action: 'createCategory', actor: { id, userId, email, principal: null } });

  const before = (await dumpRows(api))['audit_events'] as string[];
  await mutate(people.owner, 'deleteOrganization', { id: acme.id, slug: 'acme' });
  expect((await people.owner.query(LOG)).status).toBe(401);
  const after = (await dumpRows(api))['audit_events'] as string[];
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
