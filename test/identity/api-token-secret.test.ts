import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { newId, toPublicId } from '../../src/lib/ids.ts';
import { hashSecret } from '../../src/lib/secret.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { cast, done, found, tokenOf } from '../support/world.ts';
import { DAY, everythingStored, inside, look, MINUTE, REFUSED, whole } from './support.ts';

const CREATE = `mutation ($input: CreateApiTokenInput!) {
  createApiToken(input: $input) {
    secret
    apiToken { id name access expiresAt principal { id } viewerPermissions }
    errors { code path }
  }
}`;
const DELETE = 'mutation ($id: ID!) { deleteApiToken(input: { id: $id }) { deletedId errors { code } } }';

const api = await startApi();
const acme = await found(api, 'acme');
const globex = await found(api, 'globex');
const people = await cast(api, acme);

const create = async (caller: Caller, input: Json) => (await caller.query(CREATE, { input })).data.createApiToken;
const revoke = async (caller: Caller, id: string) => whole(await caller.query(DELETE, { id }));
const after = (milliseconds: number) => new Date(Date.now() + milliseconds);

test('the secret is returned once, and only its hash is stored', async () => {
  const { secret, ...rest } = await create(people.user, { name: ' Deploy ' });
  expect(rest).toEqual({
    apiToken: {
      id: expect.stringMatching(/^tok_/),
      name: 'Deploy',
      access: 'READ',
      expiresAt: null,
      principal: { id: people.user.memberId },
      viewerPermissions: expect.arrayContaining(['api_token:read', 'api_token:delete']),
    },
    errors: [],
  });
  expect(secret).toMatch(/^ambit_pat_[0-9a-f]{72}$/);
  expect(await look(api.as(secret))).toEqual(inside(people.user.email, 'acme'));
  const stored = await everythingStored(api);
  const digest = createHash('sha256').update(secret).digest();
  expect(stored).toContain(digest.toString('base64url'));
  for (const kept of [stored, JSON.stringify(api.logged)]) {
    expect(kept).not.toContain(secret);
    expect(kept).not.toContain(secret.slice('ambit_pat_'.length, -8));
  }
  const events = await people.admin.query('{ auditEvents(first: 100) { nodes { action before after } } }');
  expect(events.data.auditEvents.nodes[0]).toMatchObject({ action: 'createApiToken', after: { name: 'Deploy' } });
  expect(JSON.stringify(events.data)).not.toContain(digest.toString('base64url'));
});

test('every token has a different secret, and no returned secret is stored', async () => {
  const secrets = await Promise.all(Array.from({ length: 20 }, () => create(people.user, { name: 'Many' })));
  expect(new Set(secrets.map(({ secret }) => secret)).size).toBe(20);
  const stored = await everythingStored(api);
  expect(stored).toContain(hashSecret(people.user.refreshToken));
  for (const secret of [people.user.refreshToken, people.user.token]) expect(stored).not.toContain(secret);
});

test('a secret with a wrong checksum never reaches the database', async () => {
  const { token: secret = '' } = await tokenOf(api, people.user, 'READ');
  const disconnected = await startApi({ database: api });
  await disconnected.pool.end();
  const made = (body: string) => body + crc32(body).toString(16).padStart(8, '0');
  const body = secret.slice(0, -8);
  const refused = [
    secret.slice(0, -1),
    `${secret}0`,
    secret.toUpperCase(),
    secret.slice(0, -1) + (secret.endsWith('0') ? '1' : '0'),
    secret.slice(0, 30) + (secret[30] === '0' ? '1' : '0') + secret.slice(31),
    body,
    secret.slice('ambit_pat_'.length),
    secret.replace('ambit_pat_', 'ambit_ref_'),
    made(body.replace('ambit_pat_', 'ambit_ref_')),
    made(body.replace('ambit_pat_', 'ambit_pat-')),
    made(body.slice(0, -2)),
    made(`${body}00`),
    'ambit_pat_',
  ];
  for (const text of refused) expect(await look(disconnected.as(text))).toEqual(REFUSED);
  for (const text of [secret, made(`ambit_pat_${'0'.repeat(64)}`)])
    expect(await disconnected.as(text).query('{ __typename }')).toMatchObject({
      errors: [{ extensions: { code: 'UNAVAILABLE' } }],
    });
  expect(await look(api.as(made(`ambit_pat_${'0'.repeat(64)}`)))).toEqual(REFUSED);
  expect(await look(api.as(secret))).toEqual(inside(people.user.email, 'acme'));
});

test('a token expires at expiresAt on every node, by the clock of the node', async () => {
  const slow = await startApi({ database: api });
  const ending = await tokenOf(api, people.admin, 'WRITE', after(DAY));
  const lasting = await tokenOf(api, people.admin, 'WRITE');
  slow.advance(DAY - MINUTE);
  for (const token of [ending, lasting])
    expect(await look(slow.as(token.token))).toEqual(inside(people.admin.email, 'acme'));
  slow.advance(MINUTE);
  expect(await look(slow.as(ending.token))).toEqual(REFUSED);
  slow.advance(10_000 * DAY);
  expect(await look(slow.as(lasting.token))).toEqual(inside(people.admin.email, 'acme'));
});

test('createApiToken rejects an expiresAt in the past and an invalid name', async () => {
  const wrong: [Json, Json][] = [
    [{ expiresAt: after(-MINUTE) }, { code: 'INVALID', path: ['expiresAt'] }],
    [{ name: ' ' }, { code: 'TOO_SHORT', path: ['name'] }],
    [{ name: 'x'.repeat(101) }, { code: 'TOO_LONG', path: ['name'] }],
    [{ name: 'two\nlines' }, { code: 'INVALID', path: ['name'] }],
  ];
  const count = async () => (await api.root`select from api_tokens`).length;
  const before = await count();
  for (const [input, error] of wrong)
    expect(await create(people.admin, { name: 'Wrong', ...input })).toEqual({
      secret: null,
      apiToken: null,
      errors: [error],
    });
  expect(await count()).toBe(before);
});

test('a token created by a token expires no later than that token', async () => {
  const end = after(DAY);
  const maker = await tokenOf(api, people.admin, 'WRITE', end);
  for (const expiresAt of [undefined, null, new Date(end.getTime() + 1), after(365 * DAY)])
    for (const access of ['READ', 'WRITE'])
      expect(await create(maker, { name: 'Heir', access, expiresAt })).toEqual({
        secret: null,
        apiToken: null,
        errors: [{ code: 'INVALID', path: ['expiresAt'] }],
      });
  for (const expiresAt of [end, after(MINUTE)]) {
    const { apiToken, errors } = await create(maker, { name: 'Heir', expiresAt });
    expect({ errors, expiresAt: apiToken.expiresAt }).toEqual({ errors: [], expiresAt: expiresAt.toISOString() });
  }
  const lasting = await tokenOf(api, people.admin, 'WRITE');
  expect((await create(lasting, { name: 'Heir' })).apiToken.expiresAt).toBeNull();
});

test('a member sees and revokes their own tokens, and needs permissions for tokens of others', async () => {
  const mine = await tokenOf(api, people.user, 'READ');
  const theirs = await tokenOf(api, people.admin, 'READ');
  const seen = async (caller: Caller) => {
    const LIST =
      'query ($id: ID!) { apiTokens(first: 500) { totalCount nodes { principal { id } } } node(id: $id) { id } }';
    const { data } = await caller.query(LIST, { id: theirs.id });
    const holders = new Set(data.apiTokens.nodes.map(({ principal }: Json) => principal.id));
    expect(data.apiTokens.totalCount).toBe(data.apiTokens.nodes.length);
    return { holders: [...holders].sort(), node: data.node?.id ?? null };
  };
  const all = [people.user.memberId, people.admin.memberId].sort();
  expect(await seen(people.user)).toEqual({ holders: [people.user.memberId], node: null });
  expect(await seen(people.write)).toEqual({ holders: [], node: null });
  expect(await seen(people.admin)).toEqual({ holders: all, node: theirs.id });
  expect(await seen(globex.owner)).toEqual({ holders: [], node: null });

  const none = await revoke(people.user, toPublicId('tok', newId()));
  expect(none).toMatchObject({ data: { deleteApiToken: null }, errors: [{ extensions: { code: 'NOT_FOUND' } }] });
  for (const caller of [people.user, people.write, globex.owner]) expect(await revoke(caller, theirs.id)).toEqual(none);
  for (const id of [people.user.memberId, '', 'nonsense']) expect(await revoke(people.user, id)).toEqual(none);
  expect(await look(theirs)).toEqual(inside(people.admin.email, 'acme'));

  await done(people.user, DELETE, { id: mine.id });
  expect(await look(mine)).toEqual(REFUSED);
  const second = await tokenOf(api, people.user, 'READ');
  await done(people.admin, DELETE, { id: second.id });
  expect(await look(second)).toEqual(REFUSED);
  expect(await revoke(people.admin, second.id)).toEqual(none);
});
