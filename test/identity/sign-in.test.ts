import * as crypto from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { type ApiResponse, startApi } from '../support/api.ts';
import { statementsOf } from '../support/statements.ts';
import { until } from '../support/until.ts';
import {
  addMember,
  addToOrganization,
  createOrganization,
  executeMutation,
  PASSWORD,
  signIn,
  signUp,
} from '../support/world.ts';
import { DAY, eventsOf, inside, look, refusedAt, whole } from './support.ts';

vi.mock('node:crypto', async (original) => {
  const real = await original<typeof crypto>();
  return { ...real, argon2: vi.fn(real.argon2) };
});

const SIGN_IN = `mutation ($input: SignInInput!) {
  signIn(input: $input) { session { accessToken organization { slug } } errors { code path message } }
}`;

const SIGN_UP = 'mutation ($input: SignUpInput!) { signUp(input: $input) { errors { code } } }';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const person = await addMember(api, acme, 'user', 'person');
// A sign-up creates the hash with the production parameters, and the test below compares its cost.
await executeMutation(api.as(), SIGN_UP, { input: { email: 'costly@acme.test', password: PASSWORD, name: 'Costly' } });
const member = await addMember(api, globex, 'read', 'member');
await addToOrganization(api, globex, person, 'admin');

const hashing = vi.mocked(crypto.argon2);

const attempt = (input: object) =>
  api.as().query(SIGN_IN, { input: { email: person.email, password: PASSWORD, ...input } });
const slugOf = ({ data }: ApiResponse) => data.signIn.session?.organization?.slug;

const WRONG = {
  status: 200,
  data: {
    signIn: {
      session: null,
      errors: [{ code: 'WRONG_CREDENTIALS', path: [], message: 'The e-mail address or the password is wrong.' }],
    },
  },
  errors: undefined,
};

test('a sign-in uses the given organization, or by default the organization that the user joined first', async () => {
  expect(await attempt({})).toMatchObject({
    status: 200,
    data: { signIn: { session: { organization: { slug: 'acme' } }, errors: [] } },
    errors: undefined,
  });
  expect(slugOf(await attempt({ organizationSlug: 'globex' }))).toBe('globex');
  expect(slugOf(await attempt({ organizationSlug: 'acme' }))).toBe('acme');
  expect(slugOf(await attempt({ email: member.email }))).toBe('globex');
});

test('a sign-in ignores the letter case of the email address and spaces around it', async () => {
  const answer = await attempt({ email: ` ${person.email.toUpperCase()} ` });
  expect(await look(api.as(answer.data.signIn.session.accessToken))).toEqual(inside(person.email, 'acme'));
});

test('a password is not trimmed and its letter case matters', async () => {
  for (const password of ['', PASSWORD.toUpperCase(), `${PASSWORD} `, PASSWORD.slice(0, -1), `${PASSWORD}\u0000`])
    expect(whole(await attempt({ password }))).toEqual(WRONG);
  expect((await attempt({ password: 'x'.repeat(257) })).data.signIn.errors).toMatchObject([{ code: 'TOO_LONG' }]);
});

test('an unknown email address and a wrong password get the same response and cost the same hashing', async () => {
  const work = async (input: object) => {
    hashing.mockClear();
    const answer = await attempt(input);
    const headers = Object.fromEntries(
      [...answer.headers].filter(([name]) => !['date', 'x-request-id'].includes(name)),
    );
    const costs = hashing.mock.calls.map(([algorithm, { message, nonce, ...cost }]) => [
      algorithm,
      String(message),
      { ...cost, nonce: Buffer.from(nonce as Uint8Array).length },
    ]);
    return { response: { ...whole(answer), headers }, costs };
  };
  const password = 'not the password';
  const wrong = await work({ email: 'costly@acme.test', password });
  expect(wrong.response).toMatchObject(WRONG);
  expect(wrong.costs).toEqual([
    ['argon2id', password, { memory: 19_456, passes: 2, parallelism: 1, tagLength: 32, nonce: 16 }],
  ]);
  const unknown = [
    { email: 'nobody@acme.test' },
    { email: 'no address' },
    { email: '' },
    { email: 'costly@acme.test', organizationSlug: 'nowhere' },
  ];
  for (const input of unknown) expect(await work({ password, ...input })).toEqual(wrong);
});

test('a sign-in to an organization of others fails like one to an unknown organization', async () => {
  const foreign = await attempt({ email: member.email, organizationSlug: 'acme' });
  expect(whole(foreign)).toEqual({
    status: 200,
    data: {
      signIn: {
        session: null,
        errors: [
          {
            code: 'NOT_FOUND',
            path: ['organizationSlug'],
            message: 'organizationSlug: you are not a member of an organization with this slug.',
          },
        ],
      },
    },
    errors: undefined,
  });
  expect(whole(await attempt({ email: member.email, organizationSlug: 'nowhere' }))).toEqual(whole(foreign));
  expect(whole(await attempt({ email: member.email, organizationSlug: 'acme', password: 'wrong' }))).toEqual(WRONG);
});

test('signIn does not authenticate later fields of the same document', async () => {
  const DOCUMENT = `mutation ($input: SignInInput!) {
    in: signIn(input: $input) { session { organization { slug } } }
    next: createApiToken(input: { name: "mine" }) { secret }
  }`;
  const answer = await api.as().query(DOCUMENT, { input: { email: person.email, password: PASSWORD } });
  expect(whole(answer)).toEqual({
    status: 200,
    data: { in: { session: { organization: { slug: 'acme' } } }, next: null },
    errors: [
      {
        ...refusedAt('next'),
        message: 'Sign in first: this needs an Authorization header with a token.',
      },
    ],
  });
});

test('a sign-in deletes expired sessions, and no others', async () => {
  const someone = await signUp(api, 'sweeper@example.test');
  const live = await signIn(api, someone.email);
  const sessions = () => api.root`
    select s.id from sessions s join users u on u.id = s.user_id where u.email = ${someone.email}`;
  await api.root`
    update sessions set expires_at = ${new Date(Date.now() - DAY)} where id in
      (select s.id from sessions s join users u on u.id = s.user_id where u.email = ${someone.email} order by s.id limit 1)`;
  expect(await sessions()).toHaveLength(2);
  await signIn(api, someone.email);
  expect(await sessions()).toHaveLength(2);
  expect((await look(someone)).status).toBe(401);
  expect(await look(live)).toEqual(inside(someone.email, null));
});

test('a sign-in records one audit event in the organization of the session', async () => {
  const before = (await eventsOf(api, 'signIn')).length;
  await attempt({ organizationSlug: 'globex' });
  expect((await eventsOf(api, 'signIn')).slice(before)).toEqual([
    { organization: 'globex', actor: person.email, outcome: 'ALLOWED', reason: null },
  ]);
});

test('a failed sign-in by a signed-in caller leaves one event in the organization of the caller', async () => {
  const guest = await addMember(api, acme, 'read', 'watched');
  await addToOrganization(api, globex, guest, 'read');
  const before = (await eventsOf(api, 'signIn')).length;
  const input = { email: guest.email, password: 'a wrong password' };
  expect(whole(await acme.owner.query(SIGN_IN, { input }))).toEqual(WRONG);
  await until(async () => (await eventsOf(api, 'signIn')).length >= before + 2);
  const reason = 'WRONG_CREDENTIALS';
  expect((await eventsOf(api, 'signIn')).slice(before)).toEqual(
    expect.arrayContaining([
      { organization: 'acme', actor: acme.owner.email, outcome: 'REJECTED', reason },
      { organization: 'globex', actor: 'anonymous', outcome: 'REFUSED', reason },
    ]),
  );
  expect(await eventsOf(api, 'signIn')).toHaveLength(before + 2);
  const document = 'query ($id: ID!) { auditEvents(first: 1, filter: { targetId: $id }) { nodes { action input } } }';
  const { auditEvents } = (await acme.owner.query(document, { id: guest.memberId })).data;
  expect(auditEvents.nodes).toEqual([{ action: 'signIn', input: { email: '[redacted]', password: '[redacted]' } }]);
});

test('a failed sign-in is an audit event of each organization of the account, and a line of the log without secrets', async () => {
  const guest = await addMember(api, acme, 'read', 'guest');
  await addToOrganization(api, globex, guest, 'read');
  const before = (await eventsOf(api, 'signIn')).length;
  const lines = api.logged.length;
  const password = 'a wrong password';
  expect(whole(await attempt({ email: guest.email, password }))).toEqual(WRONG);
  expect(whole(await attempt({ email: 'nobody@acme.test', password }))).toEqual(WRONG);
  // The response does not wait for the events, because its time would tell whether the account exists.
  await until(async () => (await eventsOf(api, 'signIn')).length >= before + 2);
  const failed = { actor: 'anonymous', outcome: 'REFUSED', reason: 'WRONG_CREDENTIALS' };
  expect((await eventsOf(api, 'signIn')).slice(before)).toEqual([
    { organization: 'acme', ...failed },
    { organization: 'globex', ...failed },
  ]);
  const { data } = await acme.owner.query('{ auditEvents(first: 1) { nodes { action targetId } } }');
  expect(data.auditEvents.nodes).toEqual([{ action: 'signIn', targetId: guest.memberId }]);
  const line = { level: 'warn', message: 'sign-in failed', requestId: expect.any(String), ipAddress: '127.0.0.1' };
  expect(api.logged.slice(lines)).toEqual([
    { ...line, user: guest.userId, reason: 'WRONG_PASSWORD', userAgent: 'node' },
    { ...line, user: null, reason: 'UNKNOWN_ACCOUNT', userAgent: 'node' },
  ]);
  expect(JSON.stringify(api.logged)).not.toMatch(/a wrong password|nobody@acme/);
});

test('a failed sign-in reads the organizations of the account only from the directory, as for an unknown address', async () => {
  const guest = await addMember(api, acme, 'read', 'slow');
  const before = (await eventsOf(api, 'signIn')).length;
  // By an authenticated caller, the lookups are part of the response time.
  const attemptAs = (email: string) => async () => {
    const input = { email, password: 'a wrong password' };
    expect(whole(await acme.owner.query(SIGN_IN, { input }))).toEqual(WRONG);
  };
  const lookups = (sent: string[]) => sent.filter((text) => /ambit\.find_\w+/.test(text));
  const unknown = lookups(await statementsOf(api, attemptAs('nobody@acme.test')));
  const known = lookups(
    await statementsOf(api, async () => {
      await attemptAs(guest.email)();
      await until(async () => (await eventsOf(api, 'signIn')).length >= before + 2);
    }),
  );
  expect(unknown.some((text) => text.includes('ambit.find_member_organizations('))).toBe(true);
  expect(new Set(known)).toEqual(new Set(unknown));
  // It would read the organizations themselves, only for an account that exists.
  expect(known.join()).not.toContain('find_memberships');
});
