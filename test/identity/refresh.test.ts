import { expect, test } from 'vitest';
import { newSecret } from '../../src/lib/secret.ts';
import { startApi } from '../support/api.ts';
import { done, found, join, signIn, tokenOf } from '../support/world.ts';
import { DAY, eventsOf, inside, look, MINUTE, post, REFUSED, refresh, WRONG_REFRESH } from './support.ts';

const api = await startApi();
const node = await startApi({ database: api });
const acme = await found(api, 'acme');
const person = await join(api, acme, 'admin', 'person');
const email = person.email;

const signedIn = () => signIn(api, email, 'acme');
const INSIDE = inside(email, 'acme');

test('a refresh token works once, on any node, and the earlier access token stays valid until it expires', async () => {
  const session = await signedIn();
  const first = await refresh(node, session.refreshToken);
  expect(first).toEqual({
    session: {
      accessToken: expect.any(String),
      refreshToken: expect.stringMatching(/^ambit_ref_[0-9a-f]{72}$/),
      expiresAt: expect.any(String),
      organization: { slug: 'acme' },
    },
    errors: [],
  });
  const second = await refresh(api, first.session.refreshToken);
  const tokens = [session, first.session, second.session];
  expect(new Set(tokens.map(({ refreshToken }) => refreshToken)).size).toBe(3);
  for (const token of [session.token, first.session.accessToken, second.session.accessToken])
    expect(await look(api.as(token))).toEqual(INSIDE);
});

test('a reused refresh token ends the session with its access tokens, and no other session', async () => {
  const [session, other] = [await signedIn(), await signedIn()];
  const first = await refresh(api, session.refreshToken);
  const second = await refresh(api, first.session.refreshToken);
  expect(await refresh(api, session.refreshToken)).toEqual(WRONG_REFRESH);
  for (const token of [session.token, first.session.accessToken, second.session.accessToken])
    for (const at of [api, node]) expect(await look(at.as(token))).toEqual(REFUSED);
  for (const token of [session.refreshToken, first.session.refreshToken, second.session.refreshToken])
    expect(await refresh(api, token)).toEqual(WRONG_REFRESH);
  expect(await look(other)).toEqual(INSIDE);
  expect((await refresh(api, other.refreshToken)).errors).toEqual([]);
});

test('of parallel requests with one refresh token on two nodes, one succeeds and the session ends', async () => {
  for (const _round of Array(5).keys()) {
    const session = await signedIn();
    const payloads = await Promise.all([api, node, api, node].map((at) => refresh(at, session.refreshToken)));
    const winners = payloads.filter((payload) => payload.session);
    expect(winners).toHaveLength(1);
    expect(payloads.filter((payload) => !payload.session)).toEqual(Array(3).fill(WRONG_REFRESH));
    expect(await look(api.as(winners[0].session.accessToken))).toEqual(REFUSED);
    expect(await refresh(api, winners[0].session.refreshToken)).toEqual(WRONG_REFRESH);
  }
});

test('a reuse of a refresh token records one audit event, whoever the caller is', async () => {
  const [session, own, stranger] = [await signedIn(), await signedIn(), (await found(api, 'globex')).owner];
  const before = (await eventsOf(api, 'refreshSession')).length;
  await refresh(api, session.refreshToken);
  await refresh(api, session.refreshToken);
  await refresh(api, own.refreshToken, own);
  expect(await refresh(api, own.refreshToken, own)).toEqual(WRONG_REFRESH);
  const theirs = await signedIn();
  await refresh(api, theirs.refreshToken);
  expect(await refresh(api, theirs.refreshToken, stranger)).toEqual(WRONG_REFRESH);
  const allowed = { organization: 'acme', actor: email, outcome: 'ALLOWED', reason: null };
  const reused = { ...allowed, outcome: 'REFUSED', reason: 'REFRESH_TOKEN_REUSED' };
  const rejected = { ...allowed, outcome: 'REJECTED', reason: 'WRONG_CREDENTIALS' };
  expect((await eventsOf(api, 'refreshSession')).slice(before)).toEqual([
    allowed,
    reused,
    allowed,
    rejected,
    allowed,
    reused,
    { ...rejected, organization: 'globex', actor: stranger.email },
  ]);
});

test('only a refresh token can refresh a session, and a refresh token is no credential of a request', async () => {
  const session = await signedIn();
  const { refreshToken } = session;
  const apiToken = await tokenOf(api, session, 'WRITE');
  const broken = [
    '',
    'ambit_ref_',
    refreshToken.slice(0, -1),
    `${refreshToken}0`,
    ` ${refreshToken}`,
    refreshToken.toUpperCase(),
    refreshToken.replace('ambit_ref_', 'ambit_pat_'),
    newSecret('ambit_ref_'),
    apiToken.token ?? '',
    session.token ?? '',
    `${refreshToken}\u0000`,
  ];
  for (const token of broken) expect(await refresh(api, token)).toEqual(WRONG_REFRESH);
  expect(await look(api.as(refreshToken))).toEqual(REFUSED);
  expect((await refresh(api, refreshToken)).errors).toEqual([]);
});

test('a refresh token with a wrong checksum never reaches the database', async () => {
  const disconnected = await startApi({ database: api });
  await disconnected.pool.end();
  const { refreshToken } = await signedIn();
  const last = refreshToken.endsWith('0') ? '1' : '0';
  expect(await refresh(disconnected, refreshToken.slice(0, -1) + last)).toEqual(WRONG_REFRESH);
  const { errors } = await disconnected
    .as()
    .query('mutation ($t: String!) { refreshSession(input: { refreshToken: $t }) { errors { code } } }', {
      t: refreshToken,
    });
  expect(errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }]);
});

test('a removed member can neither use nor refresh the session', async () => {
  const leaver = await join(api, acme, 'write', 'leaver');
  const DELETE = 'mutation ($id: ID!) { deleteMember(input: { id: $id }) { deletedId errors { code } } }';
  await done(acme.owner, DELETE, { id: leaver.memberId });
  expect(await refresh(node, leaver.refreshToken)).toEqual(WRONG_REFRESH);
  expect(await look(node.as(leaver.token))).toEqual(REFUSED);
});

test('an access token expires after accessTokenMinutes, and a refresh continues the session', async () => {
  const slow = await startApi({ database: api });
  const session = await signedIn();
  slow.advance(14 * MINUTE);
  expect(await look(slow.as(session.token))).toEqual(INSIDE);
  slow.advance(MINUTE);
  expect(await look(slow.as(session.token))).toEqual(REFUSED);
  const { session: next } = await refresh(slow, session.refreshToken);
  expect(await look(slow.as(next.accessToken))).toEqual(INSIDE);
});

test('a refresh request with an expired access token is refused and does not use up the refresh token', async () => {
  const slow = await startApi({ database: api });
  const session = await signedIn();
  slow.advance(15 * MINUTE);
  const REFRESH = `mutation { refreshSession(input: { refreshToken: "${session.refreshToken}" }) { errors { code } } }`;
  expect(await post(slow, { authorization: `Bearer ${session.token}` }, REFRESH)).toMatchObject({ status: 401 });
  expect((await refresh(slow, session.refreshToken)).errors).toEqual([]);
});

test('a session that is not refreshed in time expires together with its access tokens', async () => {
  // The access tokens are valid longer than the session, so only the expiry of the session can make them invalid.
  const slow = await startApi({ database: api, config: { sessionDays: 2, accessTokenMinutes: 10 * 24 * 60 } });
  const [kept, left] = [await signIn(slow, email, 'acme'), await signIn(slow, email, 'acme')];
  slow.advance(2 * DAY - MINUTE);
  const { session } = await refresh(slow, kept.refreshToken);
  slow.advance(2 * MINUTE);
  expect(await look(left)).toEqual(REFUSED);
  expect(await refresh(slow, left.refreshToken)).toEqual(WRONG_REFRESH);
  expect(await look(kept)).toEqual(INSIDE);
  expect(await look(slow.as(session.accessToken))).toEqual(INSIDE);
  slow.advance(2 * DAY);
  expect(await look(slow.as(session.accessToken))).toEqual(REFUSED);
  expect(await refresh(slow, session.refreshToken)).toEqual(WRONG_REFRESH);
});
