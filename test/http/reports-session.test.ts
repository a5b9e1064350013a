import { generateKeyPair, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { newWork } from '../../src/db/work.ts';
import { requestLimitsOf } from '../../src/lib/request-limits.ts';
import { createProject } from '../decisions/support.ts';
import { uuidOf } from '../enforcement/support.ts';
import { DAY, privateJwkIn } from '../identity/support.ts';
import { createToken } from '../identity/tokens.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { type Browser, hiddenIn, openBrowser, signInToReports } from '../support/reports.ts';
import {
  addMember,
  createApiKey,
  createOrganization,
  mutate,
  type Person,
  queryData,
  setRole,
  signIn,
} from '../support/world.ts';

/** The session of the reports: what its cookie opens, and what ends it. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const reader = await addMember(api, acme, 'read', 'reader');
const { keys } = api.app.dependencies.identity;

const MATURITY = '/reports/maturity';
const COOKIE = 'ambit_reports';
const statusOf = async (browser: Browser): Promise<number> => (await browser.open(MATURITY)).status;
const withCookie = async (value: string): Promise<number> =>
  (await openBrowser(api).open(MATURITY, { cookie: `${COOKIE}=${value}` })).status;
const succeed = async (answer: Promise<Json>): Promise<void> => expect(await answer).toMatchObject({ errors: [] });

const browser = await signInToReports(api, reader.email);
const cookie = browser.cookies.get(COOKIE) ?? '';
const claimsIn = (token: string): Json => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
const claims = claimsIn(cookie);
const inAnHour = () => new Date(Date.now() + 3_600_000);

describe('the cookie', () => {
  const ENDPOINTS: [string, RequestInit][] = [
    ['/graphql', { method: 'POST', body: '{"query":"{ members { totalCount } }"}' }],
    ['/graphql?query={members{totalCount}}', {}],
    ['/audit-events.csv', {}],
    ['/audit-events.jsonl', {}],
    ['/services/export', {}],
    ['/services/import', { method: 'POST', body: '' }],
    ['/schema.graphql', {}],
  ];

  test.each(ENDPOINTS)('is neither a bearer token nor a cookie for %s', async (path, init) => {
    const closed = await startApi({ database: api, config: { introspection: 'signed-in' } });
    const ask = async (headers: Record<string, string>) => {
      const response = await fetch(`${closed.address}${path}`, {
        ...init,
        headers: { accept: 'application/json', 'content-type': 'application/json', ...headers },
      });
      return { status: response.status, text: (await response.text()).replace(/"requestId":"[^"]*"/, '') };
    };
    expect((await ask({ authorization: `Bearer ${cookie}` })).status).toBe(401);
    const anonymous = await ask({});
    expect(anonymous.text).toContain('UNAUTHENTICATED');
    expect(await ask({ cookie: `${COOKIE}=${cookie}` })).toEqual(anonymous);
    expect(await ask({ cookie: `${COOKIE}=${reader.token}; token=${reader.token}` })).toEqual(anonymous);
  });

  test('is no refresh token, and its session has none', async () => {
    const { errors } = await mutate(api.as(), 'refreshSession', { refreshToken: cookie });
    expect(errors).toMatchObject([{ code: 'WRONG_CREDENTIALS' }]);
    const tokens = await api.root`select 1 from refresh_tokens where session_id = ${uuidOf('ses', claims.sid)}`;
    expect(tokens).toHaveLength(0);
  });

  test('opens pages for reading only', async () => {
    const actor = await api.app.dependencies.identity.authenticateReports(cookie, newWork());
    expect(actor).toMatchObject({ credential: { kind: 'SESSION', access: 'READ' }, organization: { slug: 'acme' } });
  });
});

test('no credential of the API opens a page, in the cookie or in the header', async () => {
  const { owner } = acme;
  const project = await createProject(owner, 'staging');
  const { token: form } = hiddenIn((await browser.open(MATURITY)).html);
  const credentials: Record<string, string | undefined> = {
    'access token': owner.token,
    'refresh token': owner.refreshToken,
    'API token': (await createToken(api, owner)).secret,
    'API key': (await createApiKey(api, owner, { projectId: project, preset: 'FULL' })).token,
    'CSRF token': form,
  };
  for (const [name, value = ''] of Object.entries(credentials)) {
    expect([name, await withCookie(value)]).toEqual([name, 303]);
    const header = await openBrowser(api).open(MATURITY, { authorization: `Bearer ${value}` });
    expect([name, header.status]).toEqual([name, 303]);
  }
  // A proxy can require a header of its own.
  const both = await browser.open(MATURITY, { authorization: 'Basic c2VjcmV0' });
  expect(both.status).toBe(200);
});

test('a cookie that was not signed for the reports, or was changed, is refused', async () => {
  const { privateKey } = await generateKeyPair('EdDSA');
  const [head = '', body = '', signature = ''] = cookie.split('.');
  const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const { kid } = await privateJwkIn(api);
  const forged = new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', kid, typ: 'reports+jwt' });
  const values: Record<string, string> = {
    'another organization': [head, encoded({ ...claims, org: globex.id }), signature].join('.'),
    'a later end': [head, encoded({ ...claims, exp: claims.exp + 1_000 }), signature].join('.'),
    'no signature': [encoded({ alg: 'none', typ: 'reports+jwt' }), body, ''].join('.'),
    'another signature': [head, body, signature.replace(/^..../, 'AAAA')].join('.'),
    'another key': await forged.sign(privateKey),
    'another audience': await keys.sign('access', claims, inAnHour()),
    'an organization of others': await keys.sign('reports', { ...claims, org: globex.id }, inAnHour()),
    'no organization': await keys.sign('reports', { ...claims, org: undefined }, inAnHour()),
    'no session': await keys.sign('reports', { sub: claims.sub, org: claims.org }, inAnHour()),
    'an unknown session': await keys.sign(
      'reports',
      { ...claims, sid: claims.sid.replace(/....$/, '0000') },
      inAnHour(),
    ),
    empty: '',
    quoted: `"${cookie}"`,
    long: `${cookie}${'A'.repeat(3_000)}`,
    'not a token': "'; drop table sessions; --",
  };
  for (const [name, value] of Object.entries(values)) expect([name, await withCookie(value)]).toEqual([name, 303]);
  expect(await withCookie(`${cookie}; ${COOKIE}=${cookie}`)).toBe(303);
  expect(await withCookie(`${cookie}; other=x`)).toBe(200);
  expect(await withCookie(await keys.sign('reports', claims, inAnHour()))).toBe(200);
});

describe('a session of the reports ends', () => {
  /** The ID of the session of the browser. */
  const sessionOf = ({ cookies }: Browser): string => claimsIn(cookies.get(COOKIE) ?? '').sid;
  const ends: [string, (person: Person, session: string) => Promise<unknown>][] = [
    [
      'when the person signs it out elsewhere',
      (person, sessionId) => succeed(mutate(person, 'signOut', { sessionId })),
    ],
    [
      'when somebody signs the member out',
      ({ memberId }) => succeed(mutate(acme.owner, 'signOutMember', { memberId })),
    ],
    ['when the member is removed', ({ memberId }) => succeed(mutate(acme.owner, 'deleteMember', { id: memberId }))],
    ['when the member leaves', (person) => succeed(mutate(person, 'leaveOrganization', {}))],
    [
      'when its row has expired',
      (_person, session) =>
        api.root`update sessions set expires_at = now() - interval '1 hour' where id = ${uuidOf('ses', session)}`,
    ],
  ];

  test.each(ends)('%s', async (name, end) => {
    const person = await addMember(api, acme, 'read', name.replaceAll(' ', '-'));
    const opened = await signInToReports(api, person.email);
    expect(await statusOf(opened)).toBe(200);
    await end(person, sessionOf(opened));
    expect(await statusOf(opened)).toBe(303);
    expect(await statusOf(browser)).toBe(200);
  });

  test('when the organization is deleted', async () => {
    const gone = await createOrganization(api, 'gone');
    const opened = await signInToReports(api, gone.owner.email);
    expect(await statusOf(opened)).toBe(200);
    await succeed(mutate(gone.owner, 'deleteOrganization', { id: gone.id, slug: 'gone' }));
    expect(await statusOf(opened)).toBe(303);
  });

  test('after 12 hours, and use does not extend it', async () => {
    const later = await startApi({ database: api });
    const opened = await signInToReports(later, reader.email);
    later.advance(DAY / 2 - 60_000);
    expect(await statusOf(opened)).toBe(200);
    later.advance(60_000);
    expect(await statusOf(opened)).toBe(303);
  });
});

test('a session cookie that was set before the sign-in is replaced by the sign-in', async () => {
  const victim = await addMember(api, acme, 'read', 'victim');
  const attacker = await signInToReports(api, reader.email);
  const page = openBrowser(api);
  const known = 'A'.repeat(43);
  page.cookies.set('ambit_reports_form', known);
  const { token } = hiddenIn((await page.open('/reports/sign-in')).html);
  await page.submit('/reports/sign-in', { email: victim.email, password: 'wrong' });
  const opened = await page.submit('/reports/sign-in', { email: victim.email, password: 'correct horse battery' });
  expect(opened.status).toBe(303);
  expect(claimsIn(page.cookies.get(COOKIE) ?? '').sub).toBe(victim.userId);
  expect((await attacker.open(MATURITY)).html).not.toContain('victim');
  // The value of the form gives no session, and its token none of the forms of a session.
  expect((await openBrowser(api).open(MATURITY, { cookie: `ambit_reports_form=${known}` })).status).toBe(303);
  expect((await page.send('/reports/sign-out', { token: token ?? '' })).status).toBe(403);
});

describe('a sign-in in a browser that is signed in', () => {
  /** The browser has opened the form before it had a session, as a second tab has. */
  const again = async (first: Person, second: Person) => {
    const opened = openBrowser(api);
    const fields = { ...hiddenIn((await opened.open('/reports/sign-in')).html), password: 'correct horse battery' };
    const send = (person: Person, password = fields.password) =>
      opened.send('/reports/sign-in', { ...fields, email: person.email, password });
    await send(first);
    const former = opened.cookie();
    const session = claimsIn(opened.cookies.get(COOKIE) ?? '').sid;
    expect((await send(second, 'wrong')).status).toBe(422);
    expect(await statusOf(opened)).toBe(200);
    expect((await send(second)).status).toBe(303);
    const left = await api.root`select 1 from sessions where id = ${uuidOf('ses', session)}`;
    const replayed = await openBrowser(api).open(MATURITY, { cookie: former });
    return { session, left: left.length, former: replayed.status, opened };
  };
  const endOf = (session: string) => api.root`
    select o.slug, e.outcome from audit_events e join organizations o on o.id = e.organization_id
    where e.action = 'signOut' and e.target_id = ${session}`;

  test('ends the former session of the person, with an event, and no other one', async () => {
    const person = await addMember(api, acme, 'read', 'twice');
    const elsewhere = await signInToReports(api, person.email);
    const { session, left, former, opened } = await again(person, person);
    expect([left, former, await statusOf(opened), await statusOf(elsewhere)]).toEqual([0, 303, 200, 200]);
    expect(await endOf(session)).toEqual([{ slug: 'acme', outcome: 'ALLOWED' }]);
  });

  test('ends the former session of another person, in the organization of that person', async () => {
    const { session, left, former, opened } = await again(globex.owner, reader);
    expect([left, former, await statusOf(opened)]).toEqual([0, 303, 200]);
    expect(claimsIn(opened.cookies.get(COOKIE) ?? '').sub).toBe(reader.userId);
    expect(await endOf(session)).toEqual([{ slug: 'globex', outcome: 'ALLOWED' }]);
  });
});

test('a change of role takes effect with the next page, and the page of the refusal names the permission', async () => {
  const person = await addMember(api, acme, 'read', 'demoted');
  const opened = await signInToReports(api, person.email);
  expect(await statusOf(opened)).toBe(200);
  await setRole(api.root, person.email, 'guest');
  const page = await opened.open(MATURITY);
  expect([page.status, page.html]).toEqual([403, expect.stringContaining('<code>check_result:read</code>')]);
  expect(page.html).toContain('Sign out');
  await setRole(api.root, person.email, 'read');
  expect(await statusOf(opened)).toBe(200);
});

test('the session is listed among the sessions of the person', async () => {
  const { sessions } = await queryData(reader, '{ sessions { nodes { id } } }');
  expect(sessions.nodes).toContainEqual({ id: claims.sid });
  const { deletedId } = await mutate(reader, 'signOut', { sessionId: claims.sid }, 'deletedId');
  expect(deletedId).toBe(claims.sid);
  expect(await statusOf(browser)).toBe(303);
});

const stranger = (): Browser => openBrowser(api);

describe('every response under /reports', () => {
  const HEADERS = {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  };

  test('has the headers of security, and no script, style or URL that they would block', async () => {
    const person: Caller & Person = await signIn(api, reader.email);
    const signedIn = await signInToReports(api, person.email);
    const responses = [
      await signedIn.open(MATURITY),
      await signedIn.open('/reports/nothing'),
      await signedIn.open('/reports/organization'),
      await stranger().open('/reports/sign-in'),
      await stranger().open(MATURITY),
      await stranger().open(MATURITY, { 'sec-fetch-site': 'cross-site' }),
      await stranger().send('/reports/sign-in', {}, { origin: 'https://evil.test' }),
      await stranger().send(MATURITY, {}),
      await stranger().send('/reports/sign-in', { email: 'x'.repeat(20_000) }),
    ];
    expect(responses.map(({ status }) => status)).toEqual([200, 404, 200, 200, 303, 200, 403, 405, 413]);
    for (const { headers, html, style } of responses) {
      expect(Object.fromEntries(headers)).toMatchObject(HEADERS);
      const policy = headers.get('content-security-policy') ?? '';
      const digest = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(style))).toString('base64');
      if (html) expect(policy).toContain(`style-src 'sha256-${digest}'`);
      expect(policy.split('; ')).toEqual(
        expect.arrayContaining([
          "default-src 'none'",
          "form-action 'self'",
          "frame-ancestors 'none'",
          "base-uri 'none'",
        ]),
      );
      expect(policy).not.toMatch(/unsafe|script-src|https?:|\*/);
      expect(html).not.toMatch(/<script| on\w+=| style=|(src|href)="(http|\/\/)/i);
    }
  });

  test('is a page, also if the request is refused early', async () => {
    const full = await startApi({ database: api, config: { requestMemory: 1 } });
    const busy = await openBrowser(full).open('/reports/sign-in');
    expect([busy.status, busy.headers.get('retry-after'), busy.html]).toEqual([
      503,
      '1',
      expect.stringContaining('<h1>Not available now</h1>'),
    ]);
    const limited = await startApi({ database: api, config: { anonymousRequestsPerMinute: 2 } });
    const other = openBrowser(limited);
    const statuses = [await other.open('/reports/sign-in'), await other.open(MATURITY), await other.open(MATURITY)];
    expect(statuses.map(({ status }) => status)).toEqual([200, 303, 429]);
    expect(statuses[2]?.html).toContain('Too many requests');
    const huge = await stranger().open(MATURITY, { cookie: `${COOKIE}=${'x'.repeat(20_000)}` });
    expect(huge.status).toBe(431);
  });
});

/** The percentage with which a credential has 35 requests per minute. */
const FEW = 3_500 / requestLimitsOf(api.app.dependencies.config.defaultPlan, 100).credential;

test('a page counts for the limit of the session as ten requests', async () => {
  const limited = await startApi({ database: api, config: { planRequestsPercent: FEW } });
  const opened = await signInToReports(limited, reader.email);
  const statuses = [await statusOf(opened), await statusOf(opened), await statusOf(opened), await statusOf(opened)];
  expect(statuses).toEqual([200, 200, 200, 429]);
});

test('the log has the route, the person and the outcome, and nothing of the query', async () => {
  const opened = await signInToReports(api, reader.email);
  await opened.open(`${MATURITY}?secret=1`);
  await opened.open('/reports/secret');
  await opened.open('/reports/maturity', { cookie: '' });
  const entries = api.requests.slice(-3);
  expect(entries).toMatchObject([
    { route: MATURITY, principal: reader.userId, organization: acme.id, status: 200, outcome: 'OK' },
    { route: 'none', principal: null, status: 404, outcome: 'NOT_FOUND' },
    { route: MATURITY, principal: null, status: 303, outcome: 'OK' },
  ]);
  expect(JSON.stringify(api.requests)).not.toContain('secret');
});
