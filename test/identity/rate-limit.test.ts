import { afterEach, expect, test, vi } from 'vitest';
import { rateLimitPoints } from '../../src/lib/rate-limits.ts';
import { type Api, type ApiResponse, type Json, startApi } from '../support/api.ts';
import { PASSWORD, signUp } from '../support/world.ts';
import { everythingStored, post, whole } from './support.ts';

const SIGN_IN = `mutation ($input: SignInInput!) {
  signIn(input: $input) { session { refreshToken } errors { code path message } }
}`;
const WINDOW = 15 * 60;

/** Loopback is a trusted proxy, so a test can choose the address of the client. */
const rateLimits = rateLimitPoints({ signInPerAccountAndNetwork: 3, signInPerAccount: 5, attemptsPerNetwork: 6 });
const config = { rateLimits, trustedProxies: ['127.0.0.1'] };

const api = await startApi({ config });
const node = await startApi({ config, database: api });
const unlimited = await startApi({ database: api });

let addresses = 0;
/** An address that no other test uses. */
const address = () => `198.51.100.${++addresses}`;
const account = async (name: string) => (await signUp(unlimited, `${name}@example.test`)).email;

const signIn = (email: string, from: string, password = 'wrong', at = api) =>
  post(at, { 'x-forwarded-for': from }, SIGN_IN, { input: { email, password } });
const resultOf = ({ data, errors }: ApiResponse): string =>
  errors?.[0].extensions.code ?? data.signIn.errors[0]?.code ?? 'SIGNED_IN';
/** The results of `count` attempts, one after the other. */
async function attempts(
  count: number,
  email: string,
  from: () => string,
  password?: string,
  at?: Api,
): Promise<string[]> {
  const results: string[] = [];
  for (const _ of Array(count).keys()) results.push(resultOf(await signIn(email, from(), password, at)));
  return results;
}

const LIMITED: Json = {
  status: 200,
  data: { signIn: null },
  errors: [
    {
      message: expect.stringMatching(/^Too many attempts\. Try again in \d+ seconds\.$/),
      path: ['signIn'],
      locations: expect.any(Array),
      extensions: { code: 'RATE_LIMITED', retryAfter: expect.any(Number) },
    },
  ],
};
const WRONG = 'WRONG_CREDENTIALS';

afterEach(() => void vi.useRealTimers());

test('failed attempts from one network block the account there, not the person at home and not other accounts', async () => {
  const [victim, other, from] = [await account('victim'), await account('other'), address()];
  expect(await attempts(3, victim, () => from)).toEqual([WRONG, WRONG, WRONG]);
  const limited = await signIn(victim, from);
  expect(whole(limited)).toEqual(LIMITED);
  const retryAfter = limited.errors?.[0].extensions.retryAfter;
  expect(retryAfter).toBeGreaterThan(0);
  expect(retryAfter).toBeLessThanOrEqual(WINDOW);
  expect(whole(await signIn(victim, from, PASSWORD))).toEqual(LIMITED);
  expect(resultOf(await signIn(victim, address(), PASSWORD))).toBe('SIGNED_IN');
  expect(resultOf(await signIn(other, from, PASSWORD))).toBe('SIGNED_IN');
});

test('failed attempts from many networks block an account in unknown networks only', async () => {
  const [victim, home] = [await account('besieged'), address()];
  expect(await attempts(1, victim, () => home, PASSWORD)).toEqual(['SIGNED_IN']);
  expect(await attempts(7, victim, address)).toEqual([...Array(5).fill(WRONG), 'RATE_LIMITED', 'RATE_LIMITED']);
  expect(await attempts(1, victim, address, PASSWORD)).toEqual(['RATE_LIMITED']);
  for (const at of [api, node]) expect(await attempts(1, victim, () => home, PASSWORD, at)).toEqual(['SIGNED_IN']);
  // Also the known network has a limit.
  expect(await attempts(4, victim, () => home)).toEqual([WRONG, WRONG, WRONG, 'RATE_LIMITED']);
});

test('IPv6 addresses of one /64 network are counted together', async () => {
  const [victim, same] = [await account('sixth'), (at: number) => `2001:db8:5:6::${at}`];
  const results: string[] = [];
  for (const at of [1, 2, 3, 4]) results.push(resultOf(await signIn(victim, same(at))));
  expect(results).toEqual([WRONG, WRONG, WRONG, 'RATE_LIMITED']);
  expect(resultOf(await signIn(victim, '2001:db8:5:7::1', PASSWORD))).toBe('SIGNED_IN');
});

test('attempts above a limit need no statement, and attempts at the same time share statements', async () => {
  const lone = await startApi({ database: api, config });
  const fields = Array.from({ length: 5 }, (_, at) => `f${at}: invitationOffer(secret: "x") { email }`);
  const from = address();
  const ask = () => post(lone, { 'x-forwarded-for': from }, `{ ${fields.join(' ')} }`);
  const statements: string[] = [];
  lone.hooks.onStatement = (text) => void (/rate_limits/.test(text) && statements.push(text));
  expect((await ask()).errors).toBeUndefined();
  expect(statements.length).toBeGreaterThan(0);
  expect(statements.length).toBeLessThanOrEqual(2);
  expect((await ask()).errors).toHaveLength(4);
  statements.length = 0;
  expect((await ask()).errors).toHaveLength(5);
  expect(statements).toEqual([]);
});

test('an operation has at most five attempts, also with fragments, and one with more is not executed', async () => {
  const [email, from] = [await account('many'), address()];
  const ask = (document: string) => post(api, { 'x-forwarded-for': from }, document);
  const tries = (count: number, prefix: string) =>
    Array.from(
      { length: count },
      (_, at) => `${prefix}${at}: signIn(input: { email: "${email}", password: "x" }) { errors { code } }`,
    ).join(' ');
  for (const document of [
    `mutation { ${tries(6, 'a')} }`,
    `mutation { ${tries(3, 'a')} ...B } fragment B on Mutation { ... { ${tries(3, 'b')} } }`,
  ])
    expect(await ask(document)).toMatchObject({
      status: 400,
      data: undefined,
      errors: [{ extensions: { code: 'BAD_REQUEST' } }],
    });
  expect(await attempts(1, email, () => from, PASSWORD)).toEqual(['SIGNED_IN']);
});

test('an unknown email address is blocked in the same way', async () => {
  const known = await account('known');
  const answers = async (email: string) => {
    const all: Json[] = [];
    const from = address();
    for (const _ of Array(5).keys()) all.push(whole(await signIn(email, from)));
    return all;
  };
  const [forKnown, forUnknown] = [await answers(known), await answers('unknown@example.test')];
  expect(forKnown.map(({ errors }) => errors?.[0].extensions.code)).toEqual([
    ...Array(3).fill(undefined),
    ...Array(2).fill('RATE_LIMITED'),
  ]);
  expect(forUnknown.slice(0, 3)).toEqual(forKnown.slice(0, 3));
  expect(forUnknown.slice(3)).toEqual([LIMITED, LIMITED]);
  expect(forKnown.slice(3)).toEqual([LIMITED, LIMITED]);
});

test('attempts with different spellings of an email address are counted for one account', async () => {
  const email = await account('mikki');
  // Some Unicode case rules map the Kelvin sign to k and the dotted capital I to i, others do not.
  const odd = ['mi\u212Aki', 'mik\u212Ai', 'm\u0130kki', 'mikk\u0130'].map((name) => `${name}@example.test`);
  const opening: string[] = [];
  for (const spelling of [email, email.toUpperCase(), ` ${email}\t`, 'Mikki@Example.test', ...odd])
    if (resultOf(await signIn(spelling, address(), PASSWORD)) === 'SIGNED_IN') opening.push(spelling);
  expect(opening.length).toBeGreaterThanOrEqual(4);
  const results: string[] = [];
  const from = address();
  for (const spelling of opening) results.push(resultOf(await signIn(spelling, from)));
  expect(results).toEqual([WRONG, WRONG, WRONG, ...Array(opening.length - 3).fill('RATE_LIMITED')]);
});

test('an IP address is blocked after its limit for all accounts together, and other addresses are not', async () => {
  const [email, from] = [await account('bystander'), address()];
  const results: string[] = [];
  for (const index of Array(6).keys()) results.push(resultOf(await signIn(`guess${index}@example.test`, from)));
  expect(results).toEqual(Array(6).fill(WRONG));
  expect(whole(await signIn(email, from, PASSWORD))).toEqual(LIMITED);
  expect(resultOf(await signIn(email, address(), PASSWORD))).toBe('SIGNED_IN');
});

test('sign-ups and sign-ins from one network are counted together', async () => {
  const from = address();
  const SIGN_UP = 'mutation ($input: SignUpInput!) { signUp(input: $input) { errors { code } } }';
  const join = (name: string) =>
    post(api, { 'x-forwarded-for': from }, SIGN_UP, {
      input: { email: `${name}@sign-up.test`, password: PASSWORD, name },
    });
  for (const name of ['a', 'b', 'c', 'd']) expect((await join(name)).data.signUp.errors).toEqual([]);
  await signIn('a@sign-up.test', from);
  await signIn('b@sign-up.test', from);
  expect((await join('e')).errors).toMatchObject([{ path: ['signUp'], extensions: { code: 'RATE_LIMITED' } }]);
  expect(await api.root`select from users where email = 'e@sign-up.test'`).toHaveLength(0);
});

test('five aliases in one document count as five attempts', async () => {
  const email = await account('aliased');
  const fields = Array.from({ length: 5 }, (_, at) => `t${at}: signIn(input: $i) { errors { code } }`);
  const document = `mutation ($i: SignInInput!) { ${fields.join(' ')} }`;
  const from = address();
  const answer = await post(api, { 'x-forwarded-for': from }, document, { i: { email, password: 'wrong' } });
  const wrong = { errors: [{ code: WRONG }] };
  expect(Object.values(answer.data)).toEqual([wrong, wrong, wrong, null, null]);
  expect(answer.errors).toHaveLength(2);
  for (const { extensions } of answer.errors ?? [])
    expect(extensions).toEqual({ code: 'RATE_LIMITED', retryAfter: expect.any(Number) });
  expect(whole(await signIn(email, from, PASSWORD))).toEqual(LIMITED);
});

test('parallel attempts on two nodes are all counted', async () => {
  const email = await account('parallel');
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, at) => signIn(email, address(), 'wrong', at % 2 ? api : node)),
  );
  const results = answers.map(resultOf).sort();
  expect(results).toEqual([...Array(15).fill('RATE_LIMITED'), ...Array(5).fill(WRONG)]);
});

test('two nodes share one count', async () => {
  const [email, from] = [await account('shared'), address()];
  expect(await attempts(2, email, () => from)).toEqual([WRONG, WRONG]);
  expect(await attempts(2, email, () => from, 'wrong', node)).toEqual([WRONG, 'RATE_LIMITED']);
  expect(await attempts(1, email, () => from, PASSWORD)).toEqual(['RATE_LIMITED']);
});

test('a successful sign-in resets the count of the account but not the count of the IP address', async () => {
  const [email, from] = [await account('forgetful'), address()];
  expect(await attempts(2, email, () => from)).toEqual([WRONG, WRONG]);
  expect(await attempts(1, email, () => from, PASSWORD)).toEqual(['SIGNED_IN']);
  expect(await attempts(3, email, () => from)).toEqual([WRONG, WRONG, WRONG]);
  expect(await attempts(1, 'anybody@example.test', () => from)).toEqual(['RATE_LIMITED']);
});

test('an attempt is allowed again when the window has passed, and not a second sooner', async () => {
  const [email, from, start] = [await account('patient'), address(), Date.now()];
  const next = (password?: string) => attempts(1, email, () => from, password);
  // The library of the limiter reads the time of the process. Sockets and timers must stay real.
  vi.useFakeTimers({ toFake: ['Date'], now: start });
  expect(await attempts(4, email, () => from)).toEqual([WRONG, WRONG, WRONG, 'RATE_LIMITED']);
  vi.setSystemTime(start + (WINDOW - 60) * 1000);
  const late = await signIn(email, from, PASSWORD);
  expect(late.errors?.[0].extensions).toEqual({ code: 'RATE_LIMITED', retryAfter: 60 });
  vi.setSystemTime(start + WINDOW * 1000 - 1);
  expect(await next(PASSWORD)).toEqual(['RATE_LIMITED']);
  vi.setSystemTime(start + WINDOW * 1000);
  expect(await next(PASSWORD)).toEqual(['SIGNED_IN']);
});

test('without a trusted proxy, a client cannot choose its address by a header', async () => {
  const exposed = await startApi({
    config: { rateLimits: rateLimitPoints({ signInPerAccountAndNetwork: 100, attemptsPerNetwork: 3 }) },
  });
  const results = await attempts(4, 'spoofer@example.test', address, 'wrong', exposed);
  expect(results).toEqual([WRONG, WRONG, WRONG, 'RATE_LIMITED']);
});

test('the stored counters contain no email address and no IP address', async () => {
  const from = address();
  await signIn('private@example.test', from);
  const [row] = await api.root`select count(*)::int as rows from rate_limits`;
  expect(row?.['rows']).toBeGreaterThan(0);
  const stored = await everythingStored(api);
  for (const text of ['private@example.test', from]) expect(stored).not.toContain(text);
});
