import { expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import { createOrganization, executeMutation, PASSWORD, signUp } from '../support/world.ts';
import { eventsOf, everythingStored, inside, look, whole } from './support.ts';

const SIGN_UP = `mutation ($input: SignUpInput!) {
  signUp(input: $input) { session { accessToken refreshToken organization { slug } } errors { code path } }
}`;

const api = await startApi();

const accounts = (email: string) => api.root`select name from users where lower(email) = lower(${email})`;
const refused = (...errors: [code: string, field: string][]) => ({
  status: 200,
  data: { signUp: { session: null, errors: errors.map(([code, field]) => ({ code, path: [field] })) } },
  errors: undefined,
});

test('a new account is signed in and belongs to no organization', async () => {
  const input = { email: ' New@Example.test ', password: PASSWORD, name: '  New  ' };
  const answer = await api.as().query(SIGN_UP, { input });
  expect(whole(answer)).toEqual({
    status: 200,
    data: {
      signUp: {
        session: {
          accessToken: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
          refreshToken: expect.stringMatching(/^ambit_ref_[0-9a-f]{72}$/),
          organization: null,
        },
        errors: [],
      },
    },
    errors: undefined,
  });
  expect(await look(api.as(answer.data.signUp.session.accessToken))).toEqual(inside('New@Example.test', null));
  expect(await accounts('new@example.test')).toEqual([{ name: 'New' }]);
});

test('signUp reports all errors of the input at once, and creates no account', async () => {
  const tooShort = { email: 'nobody', password: '7 chars', name: '   ' };
  const tooLong = { email: `${'a'.repeat(250)}@b.test`, password: 'x'.repeat(257), name: 'x'.repeat(101) };
  const forged = { email: 'forged@example.test', password: PASSWORD, name: 'two\nlines' };
  const [short, long, lines] = await Promise.all(
    [tooShort, tooLong, forged].map(async (input) => whole(await api.as().query(SIGN_UP, { input }))),
  );
  expect(short).toEqual(refused(['INVALID', 'email'], ['TOO_SHORT', 'password'], ['TOO_SHORT', 'name']));
  expect(long).toEqual(refused(['TOO_LONG', 'email'], ['TOO_LONG', 'password'], ['TOO_LONG', 'name']));
  expect(lines).toEqual(refused(['INVALID', 'name']));
  for (const { email } of [tooShort, tooLong, forged]) expect(await accounts(email)).toEqual([]);
});

test('a password of 8 characters and a password of 256 characters are accepted', async () => {
  for (const [email, length] of [
    ['eight@example.test', 8],
    ['long@example.test', 256],
  ] as const) {
    const input = { email, password: 'x'.repeat(length), name: email };
    expect((await api.as().query(SIGN_UP, { input })).data.signUp.errors).toEqual([]);
  }
});

test('an email address has one account in any letter case, and keeps its first password', async () => {
  const first = await signUp(api, 'taken@example.test');
  const input = { email: 'TAKEN@Example.Test', password: 'another password', name: 'Thief' };
  expect(whole(await api.as().query(SIGN_UP, { input }))).toEqual(refused(['TAKEN', 'email']));
  expect(await accounts('taken@example.test')).toEqual([{ name: 'taken@example.test' }]);
  const SIGN_IN = `mutation ($password: String!) {
    signIn(input: { email: "taken@example.test", password: $password }) { errors { code } }
  }`;
  const tries = await Promise.all([PASSWORD, input.password].map((password) => api.as().query(SIGN_IN, { password })));
  expect(tries.map(({ data }) => data.signIn.errors)).toEqual([[], [{ code: 'WRONG_CREDENTIALS' }]]);
  expect(await look(first)).toEqual(inside('taken@example.test', null));
});

test('of parallel sign-ups with one email address, one succeeds', async () => {
  const answers = await Promise.all(
    ['a', 'b', 'c', 'd'].map((name) =>
      api.as().query(SIGN_UP, { input: { email: 'race@example.test', password: PASSWORD, name } }),
    ),
  );
  const winners = answers.filter(({ data }) => data.signUp.session);
  expect(winners).toHaveLength(1);
  const losers = answers.filter((answer) => answer !== winners[0]);
  expect(losers.map(whole)).toEqual(Array(3).fill(refused(['TAKEN', 'email'])));
  expect(await accounts('race@example.test')).toHaveLength(1);
});

test('a client cannot set the id or the role of the account', async () => {
  for (const extra of [{ id: 'usr_01m7xj7wcgfqb8jweytpkdk858' }, { role: 'owner' }, { passwordHash: 'x' }]) {
    const input = { email: 'extra@example.test', password: PASSWORD, name: 'Extra', ...extra };
    const answer = await api.as().query(SIGN_UP, { input });
    expect(answer).toMatchObject({ data: undefined, errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
  }
  expect(await accounts('extra@example.test')).toEqual([]);
});

test('a password is stored only as an argon2id hash, with a different salt for each account', async () => {
  for (const email of ['one@salt.test', 'two@salt.test'])
    await executeMutation(api.as(), SIGN_UP, { input: { email, password: PASSWORD, name: 'Salt' } });
  const hashes = await api.root`
    select hash from passwords where user_id in (select id from users where email like '%@salt.test')`;
  expect(hashes).toHaveLength(2);
  for (const { hash } of hashes) expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[^$]{22}\$[^$]{43}$/);
  const salts = hashes.map(({ hash }) => hash.split('$')[4]);
  expect(new Set(salts).size).toBe(2);
  expect(await everythingStored(api)).not.toContain(PASSWORD);
});

test('a sign-up by a signed-in caller records one audit event in the organization of the caller', async () => {
  const { owner } = await createOrganization(api, 'acme');
  const before = await eventsOf(api, 'signUp');
  const input = { email: 'guest@example.test', password: PASSWORD, name: 'Guest' };
  const { data } = await owner.query(SIGN_UP, { input });
  expect(data.signUp.errors).toEqual([]);
  const event = { organization: 'acme', actor: owner.email, outcome: 'ALLOWED', reason: null };
  expect(await eventsOf(api, 'signUp')).toEqual([...before, event]);
  expect(await look(owner)).toEqual(inside(owner.email, 'acme'));
});
