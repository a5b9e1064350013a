import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { rateLimitPoints } from '../../src/lib/rate-limits.ts';
import { newSecret, type SecretKind } from '../../src/lib/secret.ts';
import { createProject } from '../decisions/support.ts';
import { createAndGetId, dumpRows } from '../enforcement/support.ts';
import { inside, look, REFUSED, refresh, WRONG_REFRESH } from '../identity/support.ts';
import { createToken, rotateToken } from '../identity/tokens.ts';
import { createIntegration, secretIn, sendEvent } from '../integration/support.ts';
import { type Api, type Json, startApi } from '../support/api.ts';
import { differencesOfDirectories } from '../support/directories.ts';
import { createApiKey, createOrganization, membersOfEachRole, mutate, signIn } from '../support/world.ts';

const api = await startApi({ config: { trustedProxies: ['127.0.0.1'] } });
const node = await startApi({ database: api });
const acme = await createOrganization(api, 'acme');
const { owner, admin } = await membersOfEachRole(api, acme);

interface Sent {
  at?: Api;
  headers?: Record<string, string>;
  method?: string;
}

async function send(body: unknown, { at = api, headers = {}, method = 'POST' }: Sent = {}): Promise<Json> {
  const response = await fetch(`${at.address}/secrets/revoke`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(method === 'POST' && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    body: text,
    code: text && JSON.parse(text).errors[0].extensions.code,
    headers: response.headers,
  };
}

const revoke = (secret: string, sent?: Sent): Promise<Json> => send({ secret }, sent);
const DONE = { status: 204, body: '' };

const lastEvent = async (): Promise<Json> =>
  (await owner.query('{ auditEvents(first: 1) { nodes { action outcome targetId ipAddress actor { kind } before } } }'))
    .data.auditEvents.nodes[0];

test('a shown secret is revoked with all that was created with it, on every node', async () => {
  const token = await createToken(api, admin);
  const child = await createToken(api, token);
  for (const at of [api, node]) expect(await look(at.as(child.secret))).toEqual(inside(admin.email, 'acme'));
  expect(await revoke(token.secret, { headers: { 'x-forwarded-for': '192.0.2.7' } })).toMatchObject(DONE);
  for (const at of [api, node])
    for (const one of [token, child]) expect(await look(at.as(one.secret))).toEqual(REFUSED);
  expect(await lastEvent()).toMatchObject({
    ...{
      action: 'revokeSecret',
      outcome: 'ALLOWED',
      targetId: token.id,
      ipAddress: '192.0.2.7',
      actor: { kind: 'ANONYMOUS' },
    },
    before: { id: token.id, name: 'token', access: 'WRITE' },
  });
  expect(await differencesOfDirectories(api.root)).toEqual([]);
});

test.each(['old', 'new'])('the %s secret of a rotated token revokes both', async (which) => {
  const old = await createToken(api, admin);
  const rotated = await rotateToken(api, admin, old.id, { graceSeconds: 3600 });
  expect(await revoke(which === 'old' ? old.secret : rotated.secret)).toMatchObject(DONE);
  for (const one of [old, rotated]) expect(await look(one)).toEqual(REFUSED);
});

test('a secret that is not valid any more revokes nothing', async () => {
  const later = await startApi({ database: api });
  const old = await createToken(api, admin);
  const rotated = await rotateToken(api, admin, old.id, { graceSeconds: 60 });
  const expired = await createToken(api, admin, { expiresAt: new Date(Date.now() + 60_000).toISOString() });
  later.advance(120_000);
  for (const secret of [old.secret, expired.secret]) expect(await revoke(secret, { at: later })).toMatchObject(DONE);
  for (const one of [rotated, expired]) expect(await look(one)).toEqual(inside(admin.email, 'acme'));
});

test('the token of a service account and a narrowed token are revoked from any address', async () => {
  const projectIds = [await createProject(owner, 'staging')];
  const robot = await createAndGetId(
    owner,
    'createServiceAccount',
    { name: 'robot', roleId: (await owner.query('{ viewer { role { id } } }')).data.viewer.role.id },
    'serviceAccount',
  );
  const ofRobot = await createToken(api, owner, { serviceAccountId: robot });
  const limited = await createToken(api, owner, { projectIds, addresses: ['192.0.2.1'] });
  for (const one of [ofRobot, limited]) {
    expect(await revoke(one.secret)).toMatchObject(DONE);
    expect(await look(one)).toEqual(REFUSED);
  }
});

test('an API key is revoked, and the event belongs to its project', async () => {
  const projectId = await createProject(owner, 'keys');
  const key = await createApiKey(api, owner, { projectId, permissions: ['dataset:read'] });
  const ask = async (at: Api) =>
    await at.as(key.token).query('{ viewer { credential { kind projects { id } permissions } } }');
  for (const at of [api, node])
    expect((await ask(at)).data.viewer.credential).toEqual({
      kind: 'API_KEY',
      projects: [{ id: projectId }],
      permissions: ['dataset:read'],
    });
  expect(await revoke(key.token ?? '')).toMatchObject(DONE);
  for (const at of [api, node]) expect((await ask(at)).status).toBe(401);
  expect(await lastEvent()).toMatchObject({ targetId: expect.stringMatching(/^key_/), before: { projectId } });
});

test('a refresh token ends its session', async () => {
  const [person, other] = [await signIn(api, admin.email), await signIn(api, admin.email)];
  expect(await revoke(person.refreshToken)).toMatchObject(DONE);
  expect(await look(person)).toEqual(REFUSED);
  expect(await refresh(api, person.refreshToken)).toEqual(WRONG_REFRESH);
  expect(await look(other)).toEqual(inside(admin.email, 'acme'));
  expect(await lastEvent()).toMatchObject({ action: 'revokeSecret', targetId: expect.stringMatching(/^ses_/) });
});

test('the URL of an integration is revoked on every node, also if the integration is enabled again', async () => {
  const { id, url, secret } = await createIntegration(api, admin);
  const statuses = async () => [(await sendEvent(api, url)).status, (await sendEvent(node, url)).status];
  expect(await statuses()).toEqual([202, 202]);
  expect(await revoke(secret)).toMatchObject(DONE);
  expect(await statuses()).toEqual([404, 404]);
  const event = await lastEvent();
  expect(event).toMatchObject({
    ...{ action: 'revokeSecret', outcome: 'ALLOWED', targetId: id, actor: { kind: 'ANONYMOUS' } },
    before: { id, enabled: true, hint: secret.slice(-4) },
  });
  expect(JSON.stringify(event)).not.toContain('hash');
  const READ = 'query ($id: ID!) { integration(id: $id) { enabled } }';
  expect((await admin.query(READ, { id })).data.integration).toEqual({ enabled: false });
  await mutate(admin, 'updateIntegration', { id, enabled: true });
  expect(await statuses()).toEqual([404, 404]);
  const rotated = await mutate(admin, 'rotateIntegrationSecret', { id }, 'url');
  expect((await sendEvent(node, rotated.url)).status).toBe(202);
  // The previous secret does not revoke the new one.
  expect(await revoke(secret)).toMatchObject(DONE);
  expect((await sendEvent(node, rotated.url)).status).toBe(202);
  expect(secretIn(rotated.url)).not.toBe(secret);
  expect(await differencesOfDirectories(api.root)).toEqual([]);
});

test('the response does not tell whether a secret was valid, and unknown secrets change nothing', async () => {
  const { secret } = await createToken(api, admin);
  const spoiled = secret.slice(0, -1) + (secret.endsWith('0') ? '1' : '0');
  const before = await dumpRows(api, ['rate_limits']);
  const kinds: SecretKind[] = ['ambit_pat_', 'ambit_key_', 'ambit_ref_', 'ambit_inv_', 'ambit_int_', 'ambit_set_'];
  const unknown = [...kinds.map(newSecret), spoiled, secret.slice(0, -1), '', 'x', '\u0000', admin.token ?? ''];
  const answers = await Promise.all(unknown.map((text) => revoke(text)));
  expect(await dumpRows(api, ['rate_limits'])).toEqual(before);
  answers.push(await revoke(secret), await revoke(secret));
  const headersOf = ({ headers }: Json): string[] => [...headers.keys()].toSorted();
  for (const answer of answers) {
    expect(answer).toMatchObject(DONE);
    expect(headersOf(answer)).toEqual(headersOf(answers[0]));
  }
});

test('requests of the wrong form are refused', async () => {
  const { secret } = await createToken(api, admin);
  for (const body of ['', '{', 'null', '[]', '"x"', '{}', { secret: 1 }, { secret: [secret] }, { secret: null }])
    expect(await send(body)).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
  // A page of another site can send these types without a preflight request.
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])
    expect(await revoke(secret, { headers: { 'content-type': type } })).toMatchObject({ status: 415 });
  expect(await send({ secret, more: 'x'.repeat(100_001) })).toMatchObject({ status: 413 });
  expect(await send(null, { method: 'GET' })).toMatchObject({ status: 404 });
  expect(await look(api.as(secret))).toEqual(inside(admin.email, 'acme'));
});

test('50 revocations of one secret at once leave one event', async () => {
  const token = await createToken(api, admin);
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, at) => revoke(token.secret, { at: at % 2 ? api : node })),
  );
  for (const answer of answers) expect(answer).toMatchObject(DONE);
  const events = await api.root`select from audit_events where action = 'revokeSecret' and target_id = ${token.id}`;
  expect(events).toHaveLength(1);
});

test('requests are limited for each network', async () => {
  const limited = await startApi({
    database: api,
    config: { trustedProxies: ['127.0.0.1'], rateLimits: rateLimitPoints({ revocationsPerNetwork: 2 }) },
  });
  const token = await createToken(api, admin);
  const from = (address: string, secret: string) =>
    revoke(secret, { at: limited, headers: { 'x-forwarded-for': address } });
  for (const _ of [1, 2]) expect(await from('2001:db8::1', 'x')).toMatchObject(DONE);
  const refused = await from('2001:db8::2', token.secret);
  expect(refused).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await look(token)).toEqual(inside(admin.email, 'acme'));
  expect(await from('192.0.2.1', token.secret)).toMatchObject(DONE);
  expect(await look(token)).toEqual(REFUSED);
});

test('the log contains no shown secret', () => {
  expect(JSON.stringify([api.logged, api.requests])).not.toMatch(/ambit_(pat|key|ref|int)_[0-9a-f]{72}/);
  expect(api.requests).toContainEqual(expect.objectContaining({ route: '/secrets/revoke', status: 204 }));
});

test('the documented regular expression finds every kind of secret, and its checksum is as documented', () => {
  const docs = readFileSync(new URL('../../docs/credentials.md', import.meta.url), 'utf8');
  const [, source = ''] = /```regexp\n(.+)\n```/.exec(docs) ?? [];
  const scan = (text: string): RegExpMatchArray[] => [...text.matchAll(new RegExp(source, 'g'))];
  for (const kind of ['ambit_pat_', 'ambit_key_', 'ambit_ref_', 'ambit_inv_', 'ambit_int_'] as const)
    for (let round = 0; round < 200; round += 1) {
      const secret = newSecret(kind);
      const [found, ...more] = scan(`key="${secret}", other`);
      expect([found?.[0], more]).toEqual([secret, []]);
      expect(Number.parseInt(found?.[2] ?? '', 16)).toBe(crc32(secret.slice(0, -8)));
    }
  for (const text of [`ambit_pat_${'0'.repeat(71)}`, `ambit_pat_${'0'.repeat(73)}`, `xambit_pat_${'0'.repeat(72)}`])
    expect(scan(text)).toEqual([]);
});
