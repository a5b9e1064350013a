import { describe, expect, test } from 'vitest';
import { rateLimitPoints } from '../../src/lib/rate-limits.ts';
import { eventsOf, everythingStored } from '../identity/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { type Browser, hiddenIn, openBrowser, type Page, signInToReports } from '../support/reports.ts';
import { until } from '../support/until.ts';
import {
  addMember,
  addToOrganization,
  createOrganization,
  createUser,
  mutate,
  PASSWORD,
  queryData,
} from '../support/world.ts';

/** The sign-in form of the reports: who gets a session, and what a foreign page cannot do with the forms. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const reader = await addMember(api, acme, 'read', 'reader');
const both = await addMember(api, acme, 'read', 'both');
await addToOrganization(api, globex, both, 'read');
await createUser(api, 'alone@nowhere.test');

const SIGN_IN = '/reports/sign-in';
const RIGHT = { email: reader.email, password: PASSWORD };
const WRONG = 'The e-mail address or the password is wrong.';
const MUTATION = 'mutation ($input: SignInInput!) { signIn(input: $input) { errors { message } } }';
const HOUR = 3_600_000;

/** The page without what differs for each response. */
const shown = ({ status, html }: Page): [number, string] => [status, html.replace(/name="token" value="[^"]*"/, '')];
const isSignedIn = async (browser: Browser): Promise<boolean> =>
  (await browser.open('/reports/maturity')).status === 200;

test('a person signs in with the form, reads a page, and signs out', async () => {
  const browser = openBrowser(api);
  const closed = await browser.open('/reports/maturity?a=1');
  expect([closed.status, closed.location]).toEqual([303, '/reports/sign-in?next=%2Fmaturity%3Fa%3D1']);
  const opened = await browser.submit(closed.location ?? '', RIGHT);
  expect([opened.status, opened.location, opened.html]).toEqual([303, '/reports/maturity?a=1', '']);
  const page = await browser.open('/reports/maturity?a=1');
  expect([page.status, page.html]).toEqual([200, expect.stringContaining('<h1>Maturity</h1>')]);
  expect((await browser.open(SIGN_IN)).location).toBe('/reports/maturity');
  const head = await fetch(`${api.address}/reports/maturity`, {
    method: 'HEAD',
    headers: { cookie: browser.cookie() },
  });
  expect([head.status, await head.text()]).toEqual([200, '']);
  expect((await browser.open('/reports')).location).toBe('/reports/maturity');
  const ended = await browser.send('/reports/sign-out', hiddenIn(page.html));
  expect([ended.status, ended.location]).toEqual([303, SIGN_IN]);
  expect(await isSignedIn(browser)).toBe(false);
  expect((await browser.send('/reports/sign-out', {})).location).toBe(SIGN_IN);
});

test('the cookies are HttpOnly and SameSite=Strict, and with https they are Secure and have a prefix', async () => {
  const config = { publicUrl: 'https://ambit.test/folder/' };
  const secure = await startApi({ database: api, config });
  const get = await fetch(`${secure.address}${SIGN_IN}`);
  const [form = ''] = get.headers.getSetCookie();
  expect(form).toMatch(
    /^__Host-ambit_reports_form=[\w-]{43}; Path=\/; Max-Age=3600; HttpOnly; SameSite=Strict; Secure$/,
  );
  const html = await get.text();
  expect(html).toContain('action="/folder/reports/sign-in"');
  const browser = openBrowser(secure);
  const page = await browser.submit(SIGN_IN, RIGHT, { origin: 'https://ambit.test' });
  expect(page.location).toBe('/folder/reports/maturity');
  const lasting = 'Max-Age=43[12]\\d\\d; HttpOnly; SameSite=Strict';
  expect(page.headers.getSetCookie()).toEqual([
    expect.stringMatching(RegExp(`^__Secure-ambit_reports=[\\w.-]+; Path=/folder/reports; ${lasting}; Secure$`)),
  ]);
  const plain = await openBrowser(api).submit(SIGN_IN, RIGHT);
  expect(plain.headers.getSetCookie()).toEqual([
    expect.stringMatching(RegExp(`^ambit_reports=[\\w.-]+; Path=/reports; ${lasting}$`)),
  ]);
});

test('a wrong password and an unknown account get the page of the form with the message of the API', async () => {
  const count = async (): Promise<number> => (await eventsOf(api, 'signIn')).length;
  const first = await count();
  const input = { ...RIGHT, password: 'wrong' };
  const { signIn } = await queryData(api.as(), MUTATION, { input });
  expect(signIn.errors).toEqual([{ message: WRONG }]);
  await until(async () => (await count()) === first + 1);
  const before = first + 1;
  const attempt = (email: string, password: string) => openBrowser(api).submit(SIGN_IN, { email, password });
  const wrong = await attempt(reader.email, 'wrong');
  expect(wrong).toMatchObject({ status: 422, html: expect.stringContaining(WRONG) });
  expect(wrong.headers.get('set-cookie')).toContain('ambit_reports_form=');
  const unknown = await attempt('nobody@acme.test', 'wrong');
  expect(shown(unknown)).toEqual([422, shown(wrong)[1].replaceAll(reader.email, 'nobody@acme.test')]);
  expect((await attempt(reader.email, '')).html).toContain(WRONG);
  expect((await attempt(reader.email, 'x'.repeat(257))).status).toBe(422);
  await until(async () => (await count()) === before + 2);
  const events = (await eventsOf(api, 'signIn')).slice(before);
  const refused = { organization: 'acme', actor: 'anonymous', outcome: 'REFUSED', reason: 'WRONG_CREDENTIALS' };
  expect(events).toEqual([refused, refused]);
});

test('signing in, changing the organization and signing out leave the events of the API, and no secret anywhere', async () => {
  const counts = async () =>
    Promise.all(['signIn', 'switchOrganization', 'signOut'].map(async (name) => (await eventsOf(api, name)).length));
  const before = await counts();
  const browser = await signInToReports(api, both.email);
  const token = browser.cookies.get('ambit_reports') ?? '';
  await browser.submit('/reports/organization', { organizationId: globex.id });
  await browser.send('/reports/sign-out', hiddenIn((await browser.open('/reports/maturity')).html));
  expect(await counts()).toEqual(before.map((count) => count + 1));
  const last = async (name: string): Promise<Json> => (await eventsOf(api, name)).at(-1);
  const allowed = { actor: both.email, outcome: 'ALLOWED', reason: null };
  // As for the API, the event of a switch belongs to the former organization.
  expect(await last('signIn')).toEqual({ ...allowed, organization: 'acme' });
  expect(await last('switchOrganization')).toEqual({ ...allowed, organization: 'acme' });
  expect(await last('signOut')).toEqual({ ...allowed, organization: 'globex' });
  const texts = `${await everythingStored(api)}${JSON.stringify([...api.logged, ...api.requests])}`;
  expect(texts).toContain('/reports/organization');
  for (const secret of [token, token.split('.')[2] ?? '', PASSWORD]) expect(texts.includes(secret)).toBe(false);
});

const signer = api.app.dependencies.identity.keys;
const soon = () => new Date(Date.now() + HOUR);
const other = hiddenIn((await openBrowser(api).open(SIGN_IN)).html)['token'] ?? '';
const ofSession = hiddenIn((await (await signInToReports(api, reader.email)).open('/reports/maturity')).html);
const tokens: [string, string][] = [
  ['no token', ''],
  ['a made-up token', 'made.up.token'],
  ['the token of another browser', other],
  ['the token of a session', ofSession['token'] ?? ''],
  ['an access token', reader.token ?? ''],
  ['a signed token without a browser', await signer.sign('form', { for: '' }, soon())],
];

describe('a form', () => {
  test.each(tokens)('of a foreign page is refused with %s', async (_name, token) => {
    const browser = openBrowser(api);
    const page = await browser.submit(SIGN_IN, { ...RIGHT, token });
    expect([page.status, page.html]).toEqual([403, expect.stringContaining('The form has expired. Try again.')]);
    expect(await isSignedIn(browser)).toBe(false);
    // The page has another form, which works.
    expect((await browser.send(SIGN_IN, { ...hiddenIn(page.html), ...RIGHT })).status).toBe(303);
  });

  test('of a foreign page is refused without the cookie, with two of them, and after an hour', async () => {
    const browser = openBrowser(api);
    const fields = { ...RIGHT, ...hiddenIn((await browser.open(SIGN_IN)).html) };
    const cookie = browser.cookie();
    const stranger = openBrowser(api);
    expect((await stranger.send(SIGN_IN, fields)).status).toBe(403);
    expect((await stranger.send(SIGN_IN, fields, { cookie: `${cookie}; ${cookie}` })).status).toBe(403);
    api.advance(HOUR + 1_000);
    expect((await browser.send(SIGN_IN, fields)).status).toBe(403);
    expect((await browser.submit(SIGN_IN, RIGHT)).status).toBe(303);
  });

  const FOREIGN: [Record<string, string>, number][] = [
    [{ origin: 'https://evil.test' }, 403],
    [{ origin: 'http://ambit.test.evil.test' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: '' }, 403],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ 'sec-fetch-site': 'none' }, 403],
    [{ 'sec-fetch-site': 'same-origin', origin: 'https://evil.test' }, 403],
    [{ 'content-type': 'text/plain' }, 415],
    [{ 'content-type': 'application/json' }, 415],
    [{ 'content-type': 'multipart/form-data; boundary=x' }, 415],
  ];

  test.each(FOREIGN)('of a foreign page is refused with the headers %j', async (headers, status) => {
    const browser = openBrowser(api);
    const page = await browser.submit(SIGN_IN, RIGHT, headers);
    expect([page.status, page.html]).toEqual([status, expect.stringContaining('</html>')]);
    expect(await isSignedIn(browser)).toBe(false);
    const signedIn = await signInToReports(api, reader.email);
    const fields = hiddenIn((await signedIn.open('/reports/maturity')).html);
    for (const path of ['/reports/sign-out', '/reports/organization'])
      expect((await signedIn.send(path, fields, headers)).status).toBe(status);
    expect(await isSignedIn(signedIn)).toBe(true);
  });

  test.each<Record<string, string>>([{ origin: 'http://ambit.test' }, { 'sec-fetch-site': 'same-origin' }])(
    'is accepted from the same origin, with the headers %j',
    async (headers) => expect((await openBrowser(api).submit(SIGN_IN, RIGHT, headers)).status).toBe(303),
  );

  test('cannot sign out or change the organization with the token of another session', async () => {
    const browser = await signInToReports(api, both.email);
    for (const token of [other, ofSession['token'] ?? '', '']) {
      expect((await browser.send('/reports/sign-out', { token })).status).toBe(403);
      const fields = { token, organizationId: globex.id };
      expect((await browser.send('/reports/organization', fields)).status).toBe(403);
    }
    expect((await browser.open('/reports/maturity')).html).toContain('– acme – Ambit</title>');
  });
});

test.each([
  '//evil.test',
  'https://evil.test/reports/maturity',
  '/\\evil.test',
  '@evil.test/maturity',
  '.evil.test/maturity',
  '/../graphql',
  '/sign-out',
  '/maturity/../../graphql',
  'javascript:alert(1)',
  'much longer than a URL',
])('the page %s does not open after the sign-in', async (given) => {
  const next = given.replace('much longer than a URL', `/maturity?${'x'.repeat(1_000)}`);
  const page = await openBrowser(api).submit(`${SIGN_IN}?next=${encodeURIComponent(next)}`, { ...RIGHT, next });
  expect(page.location).toBe('/reports/maturity');
});

test('a line break in the page that opens after the sign-in adds no header', async () => {
  const next = '/maturity?a=\r\nset-cookie: planted=1\r\n\r\n<script>';
  const page = await openBrowser(api).submit(SIGN_IN, { ...RIGHT, next });
  expect(page.location).toBe('/reports/maturity?a=set-cookie:%20planted=1%3Cscript%3E');
  expect(page.headers.getSetCookie().join()).not.toContain('planted');
});

test('a link of another site opens a page that opens the report, without a loop', async () => {
  const browser = await signInToReports(api, reader.email);
  const followed = async (page: Page): Promise<string> => /content="0; url=([^"]+)"/.exec(page.html)?.[1] ?? '';
  // The browser does not send the cookies.
  const fromElsewhere = { 'sec-fetch-site': 'cross-site', cookie: '' };
  const first = await browser.open('/reports/maturity?a=1', fromElsewhere);
  expect([first.status, await followed(first)]).toEqual([200, '/reports/sign-in?next=%2Fmaturity%3Fa%3D1']);
  const here = { 'sec-fetch-site': 'same-origin' };
  const second = await browser.open(await followed(first), here);
  expect([second.status, second.location]).toEqual([303, '/reports/maturity?a=1']);
  expect((await browser.open(second.location ?? '', here)).status).toBe(200);
  const stranger = await openBrowser(api).open(await followed(first), here);
  expect([stranger.status, await followed(stranger)]).toEqual([200, '']);
  expect(stranger.html).toContain('type="password"');
});

test('a person with several organizations chooses one of them, and no other', async () => {
  const foreign = await createOrganization(api, 'foreign');
  const browser = openBrowser(api);
  const next = encodeURIComponent('/maturity?a=1');
  const signedIn = await browser.submit(`${SIGN_IN}?next=${next}`, { email: both.email, password: PASSWORD });
  expect(signedIn.location).toBe(`/reports/organization?next=${next}`);
  const choice = await browser.open(signedIn.location ?? '');
  expect(choice.html).toMatch(new RegExp(`checked="" value="${acme.id}"|value="${acme.id}" checked=""`));
  expect(choice.html).toContain(globex.id);
  expect(choice.html).not.toContain(foreign.id);
  for (const organizationId of [foreign.id, 'nonsense', '']) {
    const refused = await browser.send('/reports/organization', { ...hiddenIn(choice.html), organizationId });
    expect([refused.status, refused.html]).toEqual([422, expect.stringContaining('role="alert"')]);
  }
  const before = browser.cookie();
  const fields = { ...hiddenIn(choice.html), organizationId: globex.id };
  expect((await browser.send('/reports/organization', fields)).location).toBe('/reports/maturity?a=1');
  expect((await browser.open('/reports/maturity')).html).toContain('– globex – Ambit</title>');
  expect((await browser.open('/reports/maturity', { cookie: before })).status).toBe(303);
  const alone = await openBrowser(api).submit(SIGN_IN, { email: 'alone@nowhere.test', password: PASSWORD });
  expect([alone.status, alone.html]).toEqual([422, expect.stringContaining('belongs to no organization')]);
});

test('fifty attempts are limited together with those of the API, also for the right password', async () => {
  const limited = await startApi({ database: api, config: { rateLimits: rateLimitPoints() } });
  const browser = openBrowser(limited);
  const victim = await addMember(api, acme, 'read', 'victim');
  const attempt = async (password: string) => (await browser.submit(SIGN_IN, { email: victim.email, password })).status;
  await mutate(limited.as(), 'signIn', { email: victim.email, password: 'wrong' });
  const statuses: number[] = [];
  for (let at = 0; at < 50; at += 1) statuses.push(await attempt(`wrong ${at}`));
  expect(statuses).toEqual([...Array(9).fill(422), ...Array(41).fill(429)]);
  const refused = await browser.submit(SIGN_IN, { email: victim.email, password: PASSWORD });
  expect([refused.status, refused.html]).toEqual([429, expect.stringContaining('Too many attempts. Try again in')]);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  const { refused: code } = await mutate(limited.as(), 'signIn', { email: victim.email, password: PASSWORD });
  expect(code).toBe('RATE_LIMITED');
});

test('the form can be used with a keyboard, a screen reader and a password manager, and shows no markup of the input', async () => {
  const { html } = await openBrowser(api).open(SIGN_IN);
  expect(html).toContain('<html lang="en">');
  for (const [id, purpose] of [
    ['email', 'username'],
    ['password', 'current-password'],
  ] as const) {
    expect(html).toContain(`<label for="${id}">`);
    const [input = ''] = new RegExp(`<input id="${id}"[^>]*>`).exec(html) ?? [];
    expect(input).toContain(`autoComplete="${purpose}"`);
    expect(input).not.toContain('aria-invalid');
  }
  const email = '"><script>alert(1)</script>@x';
  const wrong = await openBrowser(api).submit(SIGN_IN, { email, password: 'wrong' });
  expect(wrong.html).toContain(`<p id="error" class="error" role="alert">${WRONG}</p>`);
  expect(wrong.html).toContain('<title>Error: Sign in – Ambit</title>');
  for (const id of ['email', 'password'])
    expect(wrong.html).toMatch(new RegExp(`<input id="${id}"[^>]* aria-invalid="true" aria-describedby="error"`));
  expect(wrong.html).not.toContain('<script');
  expect(wrong.html).toContain('value="&quot;&gt;&lt;script&gt;');
});
