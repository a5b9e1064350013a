import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  base64url,
  CompactSign,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  importJWK,
  type JWK,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import { expect, test } from 'vitest';
import { newId, toPublicId } from '../../src/lib/ids.ts';
import { type Json, startApi } from '../support/api.ts';
import { addMember, createOrganization, signIn } from '../support/world.ts';
import { inside, look, privateJwkIn, REFUSED } from './support.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const person = await addMember(api, acme, 'admin', 'person');
const INSIDE = inside(person.email, 'acme');

const real = person.token ?? '';
const claims = decodeJwt(real);
const header = decodeProtectedHeader(real) as { alg: string; kid: string; typ: string };
const [stored] = await api.root`select public_jwk as "publicJwk" from signing_keys`;
const { publicJwk } = stored as unknown as { publicJwk: JWK };
const privateJwk = await privateJwkIn(api);
const ours = await importJWK(privateJwk, 'EdDSA');
const theirs = await generateKeyPair('EdDSA', { extractable: true });

const seconds = () => Math.floor(Date.now() / 1000);
const bearer = (token: string): Promise<Json> => look(api.as(token));

/** A token with these changes, by default signed with the key of the server. `undefined` removes a claim or header. */
const signedToken = (changes: JWTPayload = {}, headers: Json = {}, key: unknown = ours): Promise<string> =>
  new SignJWT({ ...claims, exp: seconds() + 600, ...changes })
    .setProtectedHeader({ ...header, ...headers })
    .sign(key as Awaited<typeof ours>);

const part = (value: unknown): string => base64url.encode(JSON.stringify(value));

test('an access token contains only its user, organization, session and lifetime', () => {
  expect(header).toEqual({ alg: 'EdDSA', typ: 'at+jwt', kid: publicJwk.kid });
  expect(claims).toEqual({
    iss: 'http://ambit.test',
    aud: 'ambit',
    sub: person.userId,
    sid: expect.stringMatching(/^ses_/),
    org: acme.id,
    jti: expect.any(String),
    iat: expect.any(Number),
    exp: (claims.iat ?? 0) + 900,
  });
});

test('an unchanged token with the key of the server is accepted, so each refusal below has one cause', async () => {
  expect(await bearer(real)).toEqual(INSIDE);
  expect(await bearer(await signedToken())).toEqual(INSIDE);
});

const CLAIMS: Record<string, JWTPayload> = {
  'no exp': { exp: undefined },
  'an exp of now': { exp: seconds() },
  'an exp that is a string': { exp: '9999999999' as never },
  'an nbf in the future': { nbf: seconds() + 300 },
  'no iat': { iat: undefined },
  'no sub': { sub: undefined },
  'no jti': { jti: undefined },
  'no sid': { sid: undefined },
  'a sid of an unknown session': { sid: toPublicId('ses', newId()) },
  'a sid of another type': { sid: person.userId },
  'a sid that is not a string': { sid: [claims['sid']] },
  'another audience': { aud: 'other' },
  'no audience': { aud: undefined },
  'another issuer': { iss: 'http://ambit.test.evil.example' },
  'a longer issuer': { iss: 'http://ambit.test/' },
  'no issuer': { iss: undefined },
  'another organization': { org: globex.id },
  'no organization': { org: undefined },
};
test.each(Object.entries(CLAIMS))('a token with %s is refused, though its signature is valid', async (_, changes) => {
  expect(await bearer(await signedToken(changes))).toEqual(REFUSED);
});

const HEADERS: Record<string, Json> = {
  'no typ': { typ: undefined },
  'the typ of an ID token': { typ: 'JWT' },
  'no kid': { kid: undefined },
  'an unknown kid': { kid: crypto.randomUUID() },
  'a kid that is a path': { kid: '../../../../dev/null' },
  'a kid that is SQL': { kid: `' or '1' = '1` },
  'a kid that is a property of every object': { kid: '__proto__' },
  'an empty kid': { kid: '' },
  'a kid that is a list': { kid: [publicJwk.kid] },
};
test.each(Object.entries(HEADERS))('a token with %s is refused, though its signature is valid', async (_, changes) => {
  expect(await bearer(await signedToken({}, changes))).toEqual(REFUSED);
});

test('a token with an unknown critical extension is refused', async () => {
  const key = await importJWK(privateJwk, 'EdDSA');
  const token = await new SignJWT({ ...claims })
    .setProtectedHeader({ ...header, crit: ['urn:x'], 'urn:x': true })
    .sign(key, { crit: { 'urn:x': true } });
  expect(await bearer(token)).toEqual(REFUSED);
});

test('a token whose payload is not a JSON object of claims is refused, though its signature is valid', async () => {
  for (const payload of ['null', '[]', '"text"', '{', '', '\u0000', new Uint8Array([0xff, 0xfe])]) {
    const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
    expect(await bearer(await new CompactSign(bytes).setProtectedHeader(header).sign(ours))).toEqual(REFUSED);
  }
});

test('an unsigned token is refused, whatever the letter case of alg none', async () => {
  expect(await bearer(new UnsecuredJWT(claims).encode())).toEqual(REFUSED);
  const [, payload, signature] = real.split('.');
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '', null, undefined])
    for (const end of ['', signature])
      expect(await bearer(`${part({ ...header, alg })}.${payload}.${end}`)).toEqual(REFUSED);
});

test('a token with an HMAC is refused when its secret is the public key', async () => {
  const spki = await exportSPKI((await importJWK(publicJwk, 'EdDSA')) as CryptoKey);
  const secrets = [base64url.decode(publicJwk.x ?? ''), publicJwk.x, spki, spki.trim(), JSON.stringify(publicJwk)];
  for (const secret of secrets)
    for (const alg of ['HS256', 'HS512']) {
      const bytes = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret;
      expect(await bearer(await signedToken({}, { alg }, bytes))).toEqual(REFUSED);
    }
});

test('a token signed with another key is refused, also with the kid of the server or another algorithm', async () => {
  expect(await bearer(await signedToken({}, {}, theirs.privateKey))).toEqual(REFUSED);
  for (const alg of ['ES256', 'RS256', 'PS256']) {
    const { privateKey } = await generateKeyPair(alg);
    expect(await bearer(await signedToken({}, { alg }, privateKey))).toEqual(REFUSED);
  }
});

test('a key in the header of a token is not trusted, and a URL in it is not fetched', async () => {
  const jwk = { ...(await exportJWK(theirs.publicKey)), kid: 'theirs', alg: 'EdDSA', use: 'sig' };
  let fetched = 0;
  const keyServer = createServer((_req, res) => {
    fetched += 1;
    res.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((listening) => keyServer.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(keyServer.address() as AddressInfo).port}/jwks.json`;
  for (const kid of ['theirs', header.kid, url])
    for (const changes of [{ jwk }, { jku: url }, { x5u: url }, { jwk, jku: url, x5u: url, x5c: ['AAAA'] }])
      expect(await bearer(await signedToken({}, { kid, ...changes }, theirs.privateKey))).toEqual(REFUSED);
  expect(fetched).toBe(0);
  await fetch(url);
  expect(fetched).toBe(1);
  await new Promise((closed) => keyServer.close(closed));
});

test('a modified token is refused', async () => {
  const [head = '', payload = '', signature = ''] = real.split('.');
  const other = (await signIn(api, 'owner@acme.test', 'acme')).token ?? '';
  const [otherHead = '', otherPayload = '', otherSignature = ''] = other.split('.');
  const flip = (text: string) => text.slice(0, 20) + (text[20] === 'A' ? 'B' : 'A') + text.slice(21);
  const tampered = [
    `${head}.${part({ ...claims, sub: decodeJwt(other).sub, sid: decodeJwt(other)['sid'] })}.${signature}`,
    `${head}.${part({ ...claims, exp: (claims.exp ?? 0) + 600 })}.${signature}`,
    `${head}.${otherPayload}.${signature}`,
    `${otherHead}.${payload}.${otherSignature}`,
    `${head}.${payload}.${flip(signature)}`,
    `${head}.${payload}.${signature.slice(0, -4)}`,
    `${head}.${payload}.`,
    `${head}.${payload}`,
    `${head}..${signature}`,
    `${real}.${signature}`,
    `${real}.`,
    `.${real}`,
    `${real},${real}`,
    real.slice(1),
    '..',
    'a.b.c',
    `${part('header')}.${payload}.${signature}`,
    `${part(null)}.${payload}.${signature}`,
    `${part({ ...header, b64: false, crit: ['b64'] })}.${payload}.${signature}`,
    `${base64url.encode(new Uint8Array([0xff, 0xfe]))}.${payload}.${signature}`,
    'x'.repeat(5000),
  ];
  expect(await bearer(other)).toEqual(inside('owner@acme.test', 'acme'));
  for (const token of tampered) expect(await bearer(token)).toEqual(REFUSED);
});

test('a token of another instance is refused', async () => {
  const elsewhere = await startApi();
  const namesake = await addMember(elsewhere, await createOrganization(elsewhere, 'acme'), 'admin', 'person');
  expect(await look(namesake)).toEqual(INSIDE);
  expect(await bearer(namesake.token ?? '')).toEqual(REFUSED);
  expect(await look(elsewhere.as(real))).toEqual(REFUSED);
});
