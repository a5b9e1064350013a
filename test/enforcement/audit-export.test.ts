import { expect, test } from 'vitest';
import { idAt } from '../../src/lib/ids.ts';
import { CSV, csvLines } from '../../src/resources/audit-event/export-format.ts';
import { allow, createProject, createRole, deny, giveProjectRole, giveRole } from '../decisions/support.ts';
import { open } from '../http/sockets.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { size } from '../support/size.ts';
import { until } from '../support/until.ts';
import {
  addMember,
  createApiToken,
  createOrganization,
  membersOfEachRole,
  mutate,
  type Person,
  queryData,
  setRole,
} from '../support/world.ts';
import { organizationUuid } from './support.ts';

/** Exports of the audit log: what they contain, who gets one, and how one ends. */
const api = await startApi({ config: { writeTimeout: 400 } });
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);
const { owner, admin } = people;
const globex = await createOrganization(api, 'globex');

const get = (caller: Caller, path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${api.address}${path}`, {
    headers: { ...(caller.token && { authorization: `Bearer ${caller.token}` }), ...headers },
  });
const linesOf = async (caller: Caller, query = ''): Promise<Json[]> =>
  (await (await get(caller, `/audit-events.jsonl${query}`)).text())
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
const idsOf = (events: Json[]): string[] => events.map(({ id }) => id);
const listed = async (caller: Caller, filter: Json = {}): Promise<Json[]> =>
  (
    await queryData(
      caller,
      'query ($filter: AuditEventFilter) { auditEvents(first: 500, filter: $filter) { nodes { id action outcome reason input } } }',
      { filter },
    )
  ).auditEvents.nodes;

const EXPORT = 'exportAuditEvents';

/** Adds events in bulk. Each one is `bytes` long. */
async function addEvents(count: number, bytes = 10): Promise<void> {
  const now = Date.now();
  const rows = Array.from({ length: count }, (_, at) => ({
    ...{ organization_id: organizationUuid(acme), id: idAt(new Date(now - at)), created_at: new Date(now - at) },
    ...{ action: 'bulk', outcome: 'ALLOWED', actor: 'nobody', credential_kind: 'NONE', request_id: 'x', address: 'x' },
    ...{ after: JSON.stringify({ id: 'x', text: 'x'.repeat(bytes) }) },
  }));
  for (let at = 0; at < count; at += 500)
    await api.root`insert into audit_events ${api.root(rows.slice(at, at + 500))}`;
}

/** The cells of a CSV file (RFC 4180). */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    rows.at(-1)?.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'));
    if (end === '\r\n') rows.push([]);
    if (end === '') break;
  }
  return rows.slice(0, -1);
}

test('both formats contain the events of the list, with the same filter', async () => {
  await mutate(admin, 'createCategory', { name: '' });
  await mutate(admin, 'createCategory', { name: 'Exported, "quoted"' });
  await mutate(people.read, 'createCategory', { name: 'Refused' });
  api.advance(1_000);
  const all = await listed(owner);
  const response = await get(owner, '/audit-events.jsonl');
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/jsonl; charset=utf-8');
  expect(response.headers.get('content-disposition')).toBe('attachment; filename="acme-audit-events.jsonl"');
  expect(response.headers.get('cache-control')).toBe('no-store');
  const events = (await response.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(idsOf(events)).toEqual(idsOf(all));

  const query = `?action=createCategory&outcome=ALLOWED&outcome=REJECTED&actorId=${admin.memberId}&order=ASC`;
  const csv = await get(owner, `/audit-events.csv${query}`);
  expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
  const [head, ...rows] = parseCsv(await csv.text());
  const filter = { action: ['createCategory'], outcome: ['ALLOWED', 'REJECTED'], actorId: admin.memberId };
  const wanted = (await listed(owner, filter)).toReversed();
  expect(wanted.length).toBeGreaterThan(1);
  expect(head).toEqual(parseCsv(CSV.head)[0]);
  const column = (name: string) => rows.map((row) => row[head?.indexOf(name) ?? -1]);
  expect(column('id')).toEqual(idsOf(wanted));
  expect(JSON.parse(column('after').at(-1) ?? '')).toMatchObject({ name: 'Exported, "quoted"' });
  expect(await linesOf(globex.owner, `?actorId=${admin.memberId}`)).toEqual([]);
});

test('a cell that a spreadsheet would execute begins with an apostrophe', async () => {
  const dangerous = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'];
  const [cells] = parseCsv(csvLines([[...dangerous, 'a=1', '{"=":1}', "'=1", '']]));
  expect(cells).toEqual([...dangerous.map((text) => `'${text}`), 'a=1', '{"=":1}', "'=1", '']);
  const formula = '=HYPERLINK("http://evil.test")';
  await mutate(admin, 'createCategory', { name: 'x' });
  await api.root`update users set name = ${formula} where email = ${people.write.email}`;
  await mutate(people.write, 'deleteOrganization', { id: acme.id, slug: 'acme' });
  api.advance(1_000);
  const text = await (await get(owner, `/audit-events.csv?actorId=${people.write.userId}`)).text();
  const [head, row] = parseCsv(text);
  expect(row?.[head?.indexOf('actorName') ?? -1]).toBe(`'${formula} <${people.write.email}>`);
});

test('an export leaves one event before its first row, with the filter', async () => {
  const before = await listed(owner, { action: [EXPORT] });
  const rows = await linesOf(admin, '?action=signIn&outcome=ALLOWED');
  expect(rows.length).toBeGreaterThan(0);
  const after = await listed(owner, { action: [EXPORT] });
  expect(after.length).toBe(before.length + 1);
  expect(after[0]).toMatchObject({ outcome: 'ALLOWED', input: { action: ['signIn'], outcome: ['ALLOWED'] } });
});

test('who may export is decided by both permissions, also for tokens', async () => {
  const auditor = await addMember(api, acme, 'read', 'auditor');
  const token = await createApiToken(api, owner, 'READ');
  expect((await get(token, '/audit-events.csv')).status).toBe(200);
  const cases: [Caller, number, string | undefined][] = [
    [people.write, 403, 'audit_event:read'],
    [people.read, 403, 'audit_event:read'],
    [api.as(), 401, undefined],
    [api.as('made up'), 401, undefined],
  ];
  for (const [caller, status, permission] of cases) {
    const response = await get(caller, '/audit-events.jsonl');
    const { errors } = (await response.json()) as Json;
    const code = status === 403 ? 'FORBIDDEN' : 'UNAUTHENTICATED';
    const requestId = response.headers.get('x-request-id');
    expect([response.status, errors[0].extensions]).toMatchObject([
      status,
      { code, requestId, ...(permission && { permission }) },
    ]);
  }
  const reader = await createRole(owner, 'Reader of the log', [allow('audit_event:read')]);
  await giveRole(owner, auditor.memberId, reader);
  expect((await auditor.query('{ auditEvents { totalCount } }')).errors).toBeUndefined();
  expect((await get(auditor, '/audit-events.csv')).status).toBe(403);
  expect((await listed(owner))[0]).toMatchObject({ action: EXPORT, outcome: 'REFUSED', reason: 'NO_GRANT' });
  await giveRole(owner, auditor.memberId, await createRole(owner, 'Exporter', [allow('audit_event:export')]));
  expect((await get(auditor, '/audit-events.csv')).status).toBe(403);
  const both = [allow('audit_event:*'), deny('audit_event:export')];
  await giveRole(owner, auditor.memberId, await createRole(owner, 'Denied', both));
  expect((await get(auditor, '/audit-events.csv')).status).toBe(403);
  await giveRole(owner, auditor.memberId, await createRole(owner, 'Both', [allow('audit_event:*')]));
  expect((await get(auditor, '/audit-events.csv')).status).toBe(200);
});

test.each(['?since=yesterday', '?outcome=GOOD', '?made=up', '?order=UP', '?actorId=a&actorId=b', '?until='])(
  'the filter %s is refused with status 400',
  async (query) => {
    const response = await get(owner, `/audit-events.jsonl${query}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
  },
);

test('values that match nothing give an empty export', async () => {
  for (const query of [
    '?targetId=%00',
    '?actorId=made-up',
    '?permission=no:such',
    '?since=2999-01-01T00:00:00%2B02:00',
  ])
    expect(await linesOf(owner, query), query).toEqual([]);
  expect(await (await get(owner, '/audit-events.csv?targetId=none')).text()).toBe(CSV.head);
});

test('events of a hidden project are not exported', async () => {
  const project = await createProject(owner, 'hidden');
  const auditor = await addMember(api, acme, 'admin', 'narrowed');
  await giveRole(owner, auditor.memberId, await createRole(owner, 'Everything', [allow('*')]));
  await mutate(owner, 'updateProject', { id: project, name: 'Renamed' });
  api.advance(1_000);
  expect(await linesOf(auditor, `?targetId=${project}`)).toHaveLength(2);
  await giveProjectRole(owner, project, auditor.memberId, null);
  api.advance(1_000);
  expect(await linesOf(auditor, `?targetId=${project}`)).toEqual([]);
  expect(JSON.stringify(await linesOf(auditor))).not.toContain('Renamed');
  expect(JSON.stringify(await linesOf(owner))).toContain('Renamed');
});

test('an export of many pages contains each event once, in both orders', async () => {
  await addEvents(size(1_100, 10_000));
  const stored = await api.root`select id from audit_events where action = 'bulk'`;
  for (const order of ['ASC', 'DESC']) {
    const events = await linesOf(owner, `?action=bulk&order=${order}`);
    const times = events.map(({ createdAt }) => createdAt);
    expect(new Set(idsOf(events)).size).toBe(stored.length);
    expect(events).toHaveLength(stored.length);
    expect(times).toEqual(order === 'ASC' ? times.toSorted() : times.toSorted().reverse());
  }
});

const request = (path: string, caller: Caller): string =>
  `GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${caller.token}\r\n\r\n`;

const revocations: [string, (leaver: Person, tokenId: string) => Promise<unknown>][] = [
  ['the credential is revoked', (_leaver, id) => mutate(owner, 'deleteApiToken', { id })],
  ['the caller is demoted', ({ email }) => setRole(api.root, email, 'write')],
];

test.each(revocations)('an export ends as broken when %s', async (when, revoke) => {
  const leaver = await addMember(api, acme, 'admin', when.replaceAll(' ', '-'));
  const token = await createApiToken(api, leaver, 'READ');
  await addEvents(600, 40_000);
  const response = await get(token, '/audit-events.jsonl?action=bulk');
  const reader = response.body?.getReader();
  expect((await reader?.read())?.done).toBe(false);
  await revoke(leaver, token.id);
  const rest = async (): Promise<void> => {
    while (!(await reader?.read())?.done);
  };
  await expect(rest()).rejects.toThrow('terminated');
});

test('a client that never reads an export is disconnected, while others are served', async () => {
  await addEvents(400, 60_000);
  const port = Number(new URL(api.address).port);
  const client = await open(port, request('/audit-events.jsonl?action=bulk', owner), { reads: false });
  await until(() => api.logged.some(({ message }) => message === 'response aborted: the client reads nothing'));
  expect((await linesOf(owner, '?action=signIn')).length).toBeGreaterThan(0);
  client.socket.resume();
  await until(() => client.isClosed());
});

test('two exports of an organization run at the same time, while other organizations are served', async () => {
  const port = Number(new URL(api.address).port);
  const stall = (): Promise<Awaited<ReturnType<typeof open>>> =>
    open(port, request('/audit-events.jsonl?action=bulk', owner), { reads: false });
  const clients: Awaited<ReturnType<typeof open>>[] = [];
  // The server disconnects clients that read nothing, so new ones take their places.
  await until(async () => {
    clients.push(await stall(), await stall());
    const response = await get(owner, '/audit-events.csv?action=none');
    if (response.status === 200) return false;
    expect([response.status, await response.json()]).toMatchObject([
      503,
      { errors: [{ extensions: { code: 'UNAVAILABLE' } }] },
    ]);
    return true;
  });
  expect((await get(globex.owner, '/audit-events.csv')).status).toBe(200);
  expect((await get(people.read, '/audit-events.csv')).status).toBe(403);
  for (const { socket } of clients) socket.destroy();
  await until(async () => (await get(owner, '/audit-events.csv?action=none')).status === 200);
});
