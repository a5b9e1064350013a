import { afterEach, expect, test, vi } from 'vitest';
import { type Api, type ApiResponse, type Json, startApi } from '../support/api.ts';
import { PASSWORD, signUp } from '../support/world.ts';
import { everythingStored, post, whole } from './support.ts';

const SIGN_IN = `mutation ($input: SignInInput!) {
  signIn(input: $input) { session { refreshToken } errors { code path message } }
}`;
const WINDOW = 15 * 60;

/** Requests come through a proxy on loopback, so a test chooses the client's address. */
const config = { signInTries: { account: 3, address: 6 }, trustedProxies: ['127.0.0.1'] };

const api = await startApi({ config });
const node = await startApi({ config, database: api });
const unlimited = await startApi({ database: api });

let addresses = 0;
/** An address that nobody has used. */
const address = () => `198.51.100.${++addresses}`;
const account = async (name: string) => (await signUp(unlimited, `${name}@example.test`)).email;

const signIn = (email: string, from: string, password = 'wrong', at = api) =>
  post(at, { 'x-forwarded-for': from }, SIGN_IN, { input: { email, password } });
const resultOf = ({ data, errors }: ApiResponse): string =>
  errors?.[0].extensions.code ?? data.signIn.errors[0]?.code ?? 'SIGNED_IN';
/** What becomes of so many tries, one after the other. */
async function tries(count: number, email: string, from: () => string, password?: string, at?: Api): Promise<string[]> {
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

test('an account is closed after its tries, for the right password and from any address too; others are not', async () => {
  const [victim, other, from] = [await account('victim'), await account('other'), address()];
  expect(await tries(3, victim, () => from)).toEqual([WRONG, WRONG, WRONG]);
  const limited = await signIn(victim, from);
  expect(whole(limited)).toEqual(LIMITED);
  const retryAfter = limited.errors?.[0].extensions.retryAfter;
  expect(retryAfter).toBeGreaterThan(0);
  expect(retryAfter).toBeLessThanOrEqual(WINDOW);
  expect(whole(await signIn(victim, address(), PASSWORD))).toEqual(LIMITED);
  expect(resultOf(await signIn(other, from, PASSWORD))).toBe('SIGNED_IN');
});

test('an address that nobody has is closed just the same', async () => {
  const known = await account('known');
  const answers = async (email: string) => {
    const all: Json[] = [];
    for (const _ of Array(5).keys()) all.push(whole(await signIn(email, address())));
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

test('however an address is spelt, the tries for its account are counted together', async () => {
  const email = await account('mikki');
  // A Kelvin sign is a k, and a capital I with a dot an i, to some and not to others: no spelling brings fresh tries.
  const odd = ['mi\u212Aki', 'mik\u212Ai', 'm\u0130kki', 'mikk\u0130'].map((name) => `${name}@example.test`);
  const opening: string[] = [];
  for (const spelling of [email, email.toUpperCase(), ` ${email}\t`, 'Mikki@Example.test', ...odd])
    if (resultOf(await signIn(spelling, address(), PASSWORD)) === 'SIGNED_IN') opening.push(spelling);
  expect(opening.length).toBeGreaterThanOrEqual(4);
  const results: string[] = [];
  for (const spelling of opening) results.push(resultOf(await signIn(spelling, address())));
  expect(results).toEqual([WRONG, WRONG, WRONG, ...Array(opening.length - 3).fill('RATE_LIMITED')]);
});

test('a network address is closed after its tries for whatever accounts; others are not', async () => {
  const [email, from] = [await account('bystander'), address()];
  const results: string[] = [];
  for (const index of Array(6).keys()) results.push(resultOf(await signIn(`guess${index}@example.test`, from)));
  expect(results).toEqual(Array(6).fill(WRONG));
  expect(whole(await signIn(email, from, PASSWORD))).toEqual(LIMITED);
  expect(resultOf(await signIn(email, address(), PASSWORD))).toBe('SIGNED_IN');
});

test('sign-ups from one address are counted with the sign-ins', async () => {
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

test('fifty aliases in one document are fifty tries', async () => {
  const email = await account('aliased');
  const fields = Array.from({ length: 50 }, (_, at) => `t${at}: signIn(input: $i) { errors { code } }`);
  const document = `mutation ($i: SignInInput!) { ${fields.join(' ')} }`;
  const answer = await post(api, { 'x-forwarded-for': address() }, document, { i: { email, password: 'wrong' } });
  const wrong = { errors: [{ code: WRONG }] };
  expect(Object.values(answer.data)).toEqual([wrong, wrong, wrong, ...Array(47).fill(null)]);
  expect(answer.errors).toHaveLength(47);
  for (const { extensions } of answer.errors ?? [])
    expect(extensions).toEqual({ code: 'RATE_LIMITED', retryAfter: expect.any(Number) });
  expect(whole(await signIn(email, address(), PASSWORD))).toEqual(LIMITED);
});

test('tries at the same moment, on two nodes, are counted each', async () => {
  const email = await account('parallel');
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, at) => signIn(email, address(), 'wrong', at % 2 ? api : node)),
  );
  const results = answers.map(resultOf).sort();
  expect(results).toEqual([...Array(17).fill('RATE_LIMITED'), ...Array(3).fill(WRONG)]);
});

test('nodes count together', async () => {
  const email = await account('shared');
  expect(await tries(2, email, address)).toEqual([WRONG, WRONG]);
  expect(await tries(2, email, address, 'wrong', node)).toEqual([WRONG, 'RATE_LIMITED']);
  expect(await tries(1, email, address, PASSWORD)).toEqual(['RATE_LIMITED']);
});

test('who comes in has their account’s tries back, but not their address’s', async () => {
  const [email, from] = [await account('forgetful'), address()];
  expect(await tries(2, email, () => from)).toEqual([WRONG, WRONG]);
  expect(await tries(1, email, () => from, PASSWORD)).toEqual(['SIGNED_IN']);
  expect(await tries(4, email, () => from)).toEqual([WRONG, WRONG, WRONG, 'RATE_LIMITED']);
  expect(await tries(1, 'anybody@example.test', () => from)).toEqual(['RATE_LIMITED']);
});

test('when the window has passed one may try again, and not a second sooner', async () => {
  const [email, start] = [await account('patient'), Date.now()];
  // The limiter's library reads the time of the process; sockets and timers stay real.
  vi.useFakeTimers({ toFake: ['Date'], now: start });
  expect(await tries(4, email, address)).toEqual([WRONG, WRONG, WRONG, 'RATE_LIMITED']);
  vi.setSystemTime(start + (WINDOW - 60) * 1000);
  const late = await signIn(email, address(), PASSWORD);
  expect(late.errors?.[0].extensions).toEqual({ code: 'RATE_LIMITED', retryAfter: 60 });
  vi.setSystemTime(start + WINDOW * 1000 - 1);
  expect(resultOf(await signIn(email, address(), PASSWORD))).toBe('RATE_LIMITED');
  vi.setSystemTime(start + WINDOW * 1000);
  expect(await tries(1, email, address, PASSWORD)).toEqual(['SIGNED_IN']);
});

test('a client cannot choose its address where no proxy is trusted', async () => {
  const exposed = await startApi({ config: { signInTries: { account: 100, address: 3 } } });
  const results = await tries(4, 'spoofer@example.test', address, 'wrong', exposed);
  expect(results).toEqual([WRONG, WRONG, WRONG, 'RATE_LIMITED']);
});

test('the counters hold nobody’s address', async () => {
  const from = address();
  await signIn('private@example.test', from);
  const [row] = await api.root`select count(*)::int as rows from rate_limits`;
  expect(row?.['rows']).toBeGreaterThan(0);
  const stored = await everythingStored(api);
  for (const text of ['private@example.test', from]) expect(stored).not.toContain(text);
});
