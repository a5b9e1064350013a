import {
  createLocalJWKSet,
  createRemoteJWKSet,
  decodeProtectedHeader,
  generateKeyPair,
  jwtVerify,
  SignJWT,
} from 'jose';
import type { Sql } from 'postgres';
import { expect, test } from 'vitest';
import { createKeys } from '../../src/identity/keys.ts';
import { type Api, type Json, startApi } from '../support/api.ts';
import { createOrganization, signIn } from '../support/world.ts';
import { DAY, inside, look, MINUTE, privateJwkIn, REFUSED, refresh } from './support.ts';

const HOUR = 60 * MINUTE;
const EXPECTED = { issuer: 'http://ambit.test', audience: 'ambit', typ: 'at+jwt', algorithms: ['EdDSA'] };

const jwksUrl = (api: Api): string => `${api.address}/.well-known/jwks.json`;
const published = async (api: Api): Promise<Json> => (await fetch(jwksUrl(api))).json();
const kidOf = (token: string | undefined): string | undefined => decodeProtectedHeader(token ?? '').kid;
const stored = (api: Api) => api.root`select kid from signing_keys`;

/** Two nodes on one database, with one clock. */
async function twoNodes() {
  const a = await startApi();
  const b = await startApi({ database: a });
  const advance = (milliseconds: number) => [a, b].forEach((node) => void node.advance(milliseconds));
  return { a, b, advance, owner: (await createOrganization(a, 'acme')).owner };
}

test('a client can verify an access token with the published keys and jose', async () => {
  const { a, b, owner } = await twoNodes();
  for (const node of [a, b]) {
    const keys = createRemoteJWKSet(new URL(jwksUrl(node)));
    const { payload } = await jwtVerify(owner.token ?? '', keys, EXPECTED);
    expect(payload.sub).toBe(owner.userId);
    const { privateKey } = await generateKeyPair('EdDSA');
    const forged = new SignJWT(payload).setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: kidOf(owner.token) });
    await expect(jwtVerify(await forged.sign(privateKey), keys, EXPECTED)).rejects.toThrow('signature');
  }
});

test('only the public parts of keys are published', async () => {
  const api = await startApi();
  const response = await fetch(jwksUrl(api));
  const text = await response.text();
  expect(response.status).toBe(200);
  expect(response.headers.get('cache-control')).toBe('public, max-age=3600');
  expect(response.headers.get('content-type')).toMatch(/^application\/json/);
  const { kid, x, d } = await privateJwkIn(api);
  expect(JSON.parse(text)).toEqual({ keys: [{ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid, x }] });
  expect(d).toHaveLength(43);
  expect(text).not.toContain(d);
});

test('nodes that start at the same time create one key', async () => {
  const first = await startApi();
  const nodes = [first, ...(await Promise.all([1, 2, 3].map(() => startApi({ database: first }))))];
  const answers = await Promise.all([...nodes, ...nodes].map(published));
  expect(await stored(first)).toHaveLength(1);
  for (const answer of answers) expect(answer).toEqual(answers[0]);
});

test('a node whose clock is behind uses the key of another node and creates none', async () => {
  const { a, b, owner } = await twoNodes();
  b.advance(-MINUTE);
  const behind = await signIn(b, owner.email);
  expect(kidOf(behind.token)).toBe(kidOf(owner.token));
  expect(await stored(a)).toHaveLength(1);
});

test('keys rotate over months without a gap, for the nodes and for clients with cached keys', async () => {
  const { a, b, advance, owner } = await twoNodes();
  const INSIDE = inside(owner.email, 'acme');
  const signers = new Set<string | undefined>();
  let { refreshToken } = owner;
  let cached = await published(a);
  for (const step of Array(134).keys()) {
    advance(18 * HOUR);
    const [signs, verifies] = step % 2 ? [a, b] : [b, a];
    const { session } = await refresh(signs, refreshToken);
    expect(await look(verifies.as(session.accessToken))).toEqual(INSIDE);
    // A client may cache the response for one hour, so eighteen hours are more than enough.
    await jwtVerify(session.accessToken, createLocalJWKSet(cached), EXPECTED);
    signers.add(kidOf(session.accessToken));
    refreshToken = session.refreshToken;
    cached = await published(verifies);
    expect(Object.keys(Object.assign({}, ...cached.keys)).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
    expect(cached.keys.length).toBeLessThanOrEqual(3);
  }
  expect(signers.size).toBe(4);
  expect((await stored(a)).length).toBeLessThan(signers.size);
});

test('tokens of the previous key stay valid until they expire, together with tokens of the next key', async () => {
  const { a, b, advance, owner } = await twoNodes();
  advance(29 * DAY + MINUTE);
  expect((await published(a)).keys).toHaveLength(2);
  advance(DAY - 5 * MINUTE);
  const before = (await refresh(a, owner.refreshToken)).session;
  expect(kidOf(before.accessToken)).toBe(kidOf(owner.token));
  advance(10 * MINUTE);
  const after = (await refresh(b, before.refreshToken)).session;
  expect(kidOf(after.accessToken)).not.toBe(kidOf(before.accessToken));
  for (const node of [a, b])
    for (const { accessToken } of [before, after])
      expect(await look(node.as(accessToken))).toEqual(inside(owner.email, 'acme'));
  advance(5 * MINUTE);
  expect(await look(b.as(before.accessToken))).toEqual(REFUSED);
  expect(await look(a.as(after.accessToken))).toEqual(inside(owner.email, 'acme'));
});

test('after a year without requests, a server creates a new key and deletes the old one', async () => {
  const { a, b, advance, owner } = await twoNodes();
  advance(365 * DAY);
  const [one, two] = await Promise.all([signIn(a, owner.email), signIn(b, owner.email)]);
  for (const session of [one, two]) {
    expect(kidOf(session.token)).not.toBe(kidOf(owner.token));
    for (const node of [a, b]) expect(await look(node.as(session.token))).toEqual(inside(owner.email, 'acme'));
  }
  expect((await published(b)).keys.map(({ kid }: Json) => kid)).toEqual([kidOf(one.token)]);
  expect(await stored(a)).toEqual([{ kid: kidOf(one.token) }]);
});

test('a key deleted by an operator makes its tokens invalid, and all nodes use the next key', async () => {
  const { a, b, owner } = await twoNodes();
  expect(await look(b.as(owner.token))).toEqual(inside(owner.email, 'acme'));
  await a.root`delete from signing_keys`;
  a.advance(MINUTE);
  const next = await signIn(a, owner.email);
  expect(kidOf(next.token)).not.toBe(kidOf(owner.token));
  // The other node has read the keys less than a minute ago, but it does not know this one.
  b.advance(2_000);
  expect(await look(b.as(next.token))).toEqual(inside(owner.email, 'acme'));
  for (const node of [a, b]) expect(await look(node.as(owner.token))).toEqual(REFUSED);
});

test('many tokens with unknown keys query the database at most once a second', async () => {
  const api = await startApi();
  let queries = 0;
  const counting = new Proxy(api.sql, {
    apply(sql, self, args) {
      queries += 1;
      return Reflect.apply(sql as never, self, args);
    },
  }) as Sql;
  let now = Date.now();
  const keys = createKeys(counting, () => new Date(now), EXPECTED.issuer, api.app.dependencies.encryption);
  await keys.jwks();
  const { privateKey } = await generateKeyPair('EdDSA');
  const flood = async (): Promise<number> => {
    const before = queries;
    for (const _ of Array(20).keys()) {
      const kid = crypto.randomUUID();
      const token = await new SignJWT({}).setProtectedHeader({ alg: 'EdDSA', kid }).sign(privateKey);
      expect(await keys.verify('access', token)).toBeNull();
    }
    return queries - before;
  };
  expect(await flood()).toBe(0);
  now += 1_000;
  expect(await flood()).toBe(1);
});

test('a verified token is verified once, until it expires or the keys change', async () => {
  const api = await startApi();
  let now = Date.now();
  const keys = createKeys(api.sql, () => new Date(now), EXPECTED.issuer, api.app.dependencies.encryption);
  const claims = { sub: 'usr_a', sid: 'ses_a' };
  const token = await keys.sign('access', claims, new Date(now + 15 * MINUTE));
  const first = await keys.verify('access', token);
  expect(first).toMatchObject(claims);
  expect(await keys.verify('access', token)).toBe(first);
  const [header, payload, signature = ''] = token.split('.');
  const changed = [header, payload, (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1)].join('.');
  expect(await keys.verify('access', changed)).toBeNull();
  now += 14 * MINUTE;
  expect(await keys.verify('access', token)).toBe(first);
  now += MINUTE;
  expect(await keys.verify('access', token)).toBeNull();
  const next = await keys.sign('access', claims, new Date(now + 15 * MINUTE));
  expect(await keys.verify('access', next)).toMatchObject(claims);
  await api.root`delete from signing_keys`;
  now += MINUTE;
  expect(await keys.verify('access', next)).toBeNull();
});
