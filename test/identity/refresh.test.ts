import { expect, test } from 'vitest';
import { rateLimitPoints } from '../../src/lib/rate-limits.ts';
import { hashSecret, newSecret } from '../../src/lib/secret.ts';
import { type Json, startApi } from '../support/api.ts';
import { addMember, createApiToken, createOrganization, executeMutation, signIn } from '../support/world.ts';
import { DAY, eventsOf, inside, look, MINUTE, REFUSED, refresh, WRONG_REFRESH } from './support.ts';

const api = await startApi();
const node = await startApi({ database: api });
const acme = await createOrganization(api, 'acme');
const person = await addMember(api, acme, 'admin', 'person');
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
  const late = await startApi({ database: api });
  late.advance(11_000);
  expect(await refresh(late, session.refreshToken)).toEqual(WRONG_REFRESH);
  for (const token of [session.token, first.session.accessToken, second.session.accessToken])
    for (const at of [api, node]) expect(await look(at.as(token))).toEqual(REFUSED);
  for (const token of [session.refreshToken, first.session.refreshToken, second.session.refreshToken])
    expect(await refresh(api, token)).toEqual(WRONG_REFRESH);
  expect(await look(other)).toEqual(INSIDE);
  expect((await refresh(api, other.refreshToken)).errors).toEqual([]);
});

test('a refresh token works again for 10 seconds on any node, also in parallel, and ends the session afterwards', async () => {
  const late = await startApi({ database: api });
  const session = await signedIn();
  const payloads = await Promise.all([api, node, api, node].map((at) => refresh(at, session.refreshToken)));
  expect(payloads.map(({ errors }) => errors)).toEqual([[], [], [], []]);
  for (const { session: issued } of payloads) {
    expect(await look(api.as(issued.accessToken))).toEqual(INSIDE);
    expect((await refresh(api, issued.refreshToken)).errors).toEqual([]);
  }
  late.advance(11_000);
  expect(await refresh(late, session.refreshToken)).toEqual(WRONG_REFRESH);
  expect(await look(api.as(payloads[0].session.accessToken))).toEqual(REFUSED);
});

test('a session keeps its latest 100 used refresh tokens', async () => {
  const session = await signedIn();
  const hash = hashSecret(session.refreshToken);
  const [row] = await api.root`select session_id as id, user_id from refresh_tokens where hash = ${hash}`;
  const { id, user_id: user } = row as { id: string; user_id: string };
  await api.root`
    insert into refresh_tokens (hash, session_id, user_id, issued_at, used_at)
    select 'old ' || at, ${id}, ${user}, now() - at * interval '1 hour', now() - at * interval '1 hour' from generate_series(1, 200) at`;
  const { session: next } = await refresh(api, session.refreshToken);
  const kept = await api.root`select hash, used_at from refresh_tokens where session_id = ${id} order by used_at desc`;
  expect(kept.filter(({ used_at }) => used_at === null).map(({ hash }) => hash)).toEqual([
    hashSecret(next.refreshToken),
  ]);
  const used = kept.filter(({ used_at }) => used_at !== null).map(({ hash }) => hash);
  expect(used).toEqual([hashSecret(session.refreshToken), ...Array.from({ length: 99 }, (_, at) => `old ${at + 1}`)]);
  const { session: last } = await refresh(api, next.refreshToken);
  const late = await startApi({ database: api });
  late.advance(11_000);
  expect(await refresh(late, session.refreshToken)).toEqual(WRONG_REFRESH);
  expect(await look(api.as(last.accessToken))).toEqual(REFUSED);
});

test('refreshes of one session are limited, and those of others are not', async () => {
  const few = await startApi({ database: api, config: { rateLimits: rateLimitPoints({ refreshPerSession: 2 }) } });
  const [session, other] = [await signedIn(), await signedIn()];
  const first = await refresh(few, session.refreshToken);
  const second = await refresh(few, first.session.refreshToken);
  const REFRESH = 'mutation ($t: String!) { refreshSession(input: { refreshToken: $t }) { errors { code } } }';
  const limited = await few.as().query(REFRESH, { t: second.session.refreshToken });
  expect(limited.errors).toMatchObject([{ extensions: { code: 'RATE_LIMITED', retryAfter: expect.any(Number) } }]);
  expect((await refresh(few, other.refreshToken)).errors).toEqual([]);
  expect(await look(api.as(second.session.accessToken))).toEqual(INSIDE);
});

test('a reuse of a refresh token records one audit event, whoever the caller is', async () => {
  const { email: mine } = await addMember(api, acme, 'admin', 'reuser');
  const signedInHere = () => signIn(api, mine, 'acme');
  const [session, own] = [await signedInHere(), await signedInHere()];
  const { owner: stranger } = await createOrganization(api, 'globex');
  const late = await startApi({ database: api });
  late.advance(11_000);
  await refresh(api, session.refreshToken);
  await refresh(late, session.refreshToken);
  await refresh(api, own.refreshToken, own);
  expect(await refresh(late, own.refreshToken, late.as(own.token))).toEqual(WRONG_REFRESH);
  const theirs = await signedInHere();
  await refresh(api, theirs.refreshToken);
  expect(await refresh(late, theirs.refreshToken, late.as(stranger.token))).toEqual(WRONG_REFRESH);
  const allowed = { organization: 'acme', actor: mine, outcome: 'ALLOWED', reason: null };
  const reused = { ...allowed, outcome: 'REFUSED', reason: 'REFRESH_TOKEN_REUSED' };
  const rejected = { ...allowed, outcome: 'REJECTED', reason: 'WRONG_CREDENTIALS' };
  const events = (await eventsOf(api, 'refreshSession')).filter(({ actor }: Json) =>
    [mine, stranger.email].includes(actor),
  );
  const sorted = (list: Json[]) => list.map((event) => JSON.stringify(event)).toSorted();
  expect(sorted(events)).toEqual(
    sorted([
      ...Array(3).fill(allowed),
      ...Array(2).fill(reused),
      rejected,
      { ...rejected, organization: 'globex', actor: stranger.email },
    ]),
  );
});

test('only a refresh token can refresh a session, and a refresh token is no credential of a request', async () => {
  const session = await signedIn();
  const { refreshToken } = session;
  const apiToken = await createApiToken(api, session, 'WRITE');
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
  const leaver = await addMember(api, acme, 'write', 'leaver');
  const DELETE = 'mutation ($id: ID!) { deleteMember(input: { id: $id }) { deletedId errors { code } } }';
  await executeMutation(acme.owner, DELETE, { id: leaver.memberId });
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

test('a refresh request ignores the expired access token in its header', async () => {
  const slow = await startApi({ database: api });
  const session = await signedIn();
  slow.advance(15 * MINUTE);
  const expired = slow.as(session.token);
  expect(await look(expired)).toEqual(REFUSED);
  const { session: next, errors } = await refresh(slow, session.refreshToken, expired);
  expect(errors).toEqual([]);
  expect(await look(slow.as(next.accessToken))).toEqual(INSIDE);
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
