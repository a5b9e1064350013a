import { describe, expect, test } from 'vitest';
import { API_KEY_PRESETS } from '../../src/access/key-role.ts';
import { toPublicId } from '../../src/lib/ids.ts';
import { hashSecret, newSecret } from '../../src/lib/secret.ts';
import { createProject, createServiceAccount, projectRoleId } from '../decisions/support.ts';
import { credentialOf, refresh } from '../identity/support.ts';
import { createToken, type Token } from '../identity/tokens.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { insertCredential } from '../support/credentials.ts';
import {
  type Browser,
  hiddenIn,
  openBrowser,
  openReport,
  type Page,
  reportCookie,
  signInToReports,
} from '../support/reports.ts';
import {
  addMember,
  createApiKey,
  createOrganization,
  createUser,
  executeMutation,
  mutate,
  type Organization,
  PASSWORD,
  queryData,
  roleId,
  setRole,
  signIn,
} from '../support/world.ts';
import { type Attack, ENTRY_POINTS } from './entry-points.ts';
import { uuidOf } from './support.ts';

const api = await startApi({ config: { introspection: 'signed-in' } });
const UPGRADE = 'mutation { updatePlan(input: { plan: ENTERPRISE }) { errors { code } } }';
const [acme, globex, gone] = [
  await createOrganization(api, 'acme'),
  await createOrganization(api, 'globex'),
  await createOrganization(api, 'gone'),
];
for (const { owner } of [acme, globex, gone]) await executeMutation(owner, UPGRADE);
const { owner } = acme;
const [project, removed] = [await createProject(owner, 'staging'), await createProject(owner, 'removed')];
const robot = await createServiceAccount(owner, 'Robot', roleId('read'));
const succeed = async (answer: Promise<Json>): Promise<void> => expect(await answer).toMatchObject({ errors: [] });

const tokenOf = (memberId: string, limits: object = {}, { id }: Organization = acme) =>
  insertCredential(api, { organizationId: id, holder: { memberId }, ...limits });
const keyOf = (projectId: string, limits: object = {}) =>
  insertCredential(api, {
    ...{ organizationId: acme.id, holder: { projectId }, preset: 'FULL', permissions: API_KEY_PRESETS.FULL },
    ...limits,
  });

const PAST = { expiresAt: new Date(Date.now() - 1_000) };
const ELSEWHERE = { addresses: ['192.0.2.0/24', '2001:db8::/32'] };

/** Credentials of each kind that are no longer valid or never were. */
const bad: Record<'wrong' | 'expired' | 'replayed' | 'deactivated', Record<string, Caller>> = {
  wrong: {
    session: api.as(`${owner.token?.slice(0, -8)}AAAAAAAA`),
    token: api.as(newSecret('ambit_pat_')),
    key: api.as(newSecret('ambit_key_')),
    'refresh token': api.as(owner.refreshToken),
  },
  expired: {
    session: await signIn(api, owner.email, 'acme'),
    token: await tokenOf(owner.memberId, PAST),
    key: await keyOf(project, PAST),
  },
  replayed: {
    session: await signIn(api, owner.email, 'acme'),
    token: await createToken(api, owner),
    key: await createApiKey(api, owner, { projectId: project, preset: 'FULL' }),
  },
  deactivated: await (async () => {
    const member = await addMember(api, acme, 'admin', 'leaving');
    return {
      'session of a removed member': member,
      'token of a removed member': await tokenOf(member.memberId),
      'key of a deleted project': await keyOf(removed),
      'session of a deleted organization': gone.owner,
      'token of a deleted organization': await tokenOf(gone.owner.memberId, {}, gone),
    };
  })(),
};
const elsewhere = { token: await tokenOf(owner.memberId, ELSEWHERE), key: await keyOf(project, ELSEWHERE) };
const good = { session: owner, token: await tokenOf(owner.memberId), key: await keyOf(project) };

/** An invitation to the organization, with a secret that the test knows. */
async function invite({ id: organizationId, owner: by }: Organization): Promise<{ email: string; secret: string }> {
  const [secret, email] = [newSecret('ambit_inv_'), `${newSecret('ambit_inv_').slice(-12)}@invited.test`];
  await succeed(mutate(by, 'createInvitations', { emails: [email], roleId: roleId('read') }));
  const organization = uuidOf('org', organizationId);
  await api.root`update invitations set hash = ${hashSecret(secret)} where organization_id = ${organization} and email = ${email}`;
  await api.root`insert into organization_secrets (hash, organization_id) values (${hashSecret(secret)}, ${organization})`;
  return { email, secret };
}

const toGone = await invite(gone);
const demoted = await addMember(api, acme, 'admin', 'demoted');
const demotedCallers = { session: demoted, token: await tokenOf(demoted.memberId) };

const get = (path: string, { token }: Caller): Promise<Response> =>
  fetch(`${api.address}${path}`, { headers: { accept: 'application/json', authorization: `Bearer ${token}` } });
const AUDIT = '{ auditEvents(first: 1) { totalCount } }';
const GRAPHQL = `/graphql?query=${encodeURIComponent(AUDIT)}`;

const MEMBERS = '{ members(first: 50) { nodes { id user { name } } } }';

/** The code of the error in a response. */
async function codeOf(response: Response): Promise<string> {
  const { errors } = (await response.json()) as Json;
  return errors[0].extensions.code;
}

/** Sends a request with the credential to an endpoint. */
const ENDPOINTS: Record<string, (caller: Caller) => Promise<Response>> = {
  'POST /graphql': ({ token }) =>
    fetch(`${api.address}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: AUDIT }),
    }),
  'GET /graphql': (caller) => get(GRAPHQL, caller),
  'GET /audit-events.csv': (caller) => get('/audit-events.csv', caller),
  'GET /audit-events.jsonl': (caller) => get('/audit-events.jsonl', caller),
  'GET /schema.graphql': (caller) => get('/schema.graphql', caller),
  'GET /services/export': (caller) => get('/services/export', caller),
  'POST /services/import': ({ token }) =>
    fetch(`${api.address}/services/import`, {
      method: 'POST',
      headers: { 'content-type': 'application/jsonl', authorization: `Bearer ${token}` },
      body: '',
    }),
};

// Each is used once while it is valid, so that its actor is in the cache.
for (const caller of Object.values({ ...bad.replayed, ...bad.deactivated, ...demotedCallers, ...good }))
  for (const ask of Object.values(ENDPOINTS)) expect((await ask(caller)).status).not.toBe(401);
const cookieOf = async (caller: Caller): Promise<string> => (await reportCookie(api, caller)).split('=')[1] ?? '';
const badCookies = {
  wrong: { 'access token': owner.token ?? '', 'a made-up cookie': 'made.up.cookie' },
  expired: { session: await cookieOf(bad.expired['session'] as Caller) },
  replayed: { session: await cookieOf(bad.replayed['session'] as Caller) },
  deactivated: {
    'session of a removed member': await cookieOf(bad.deactivated['session of a removed member'] as Caller),
    'session of a deleted organization': await cookieOf(gone.owner),
  },
};
for (const [name, cookie] of Object.entries({
  ...badCookies.expired,
  ...badCookies.replayed,
  ...badCookies.deactivated,
}))
  expect([name, (await openReport(api, '/reports/maturity', `ambit_reports=${cookie}`)).status]).toEqual([name, 200]);
const expiring = uuidOf('ses', await credentialOf(bad.expired['session'] as Caller));
await api.root`update sessions set expires_at = now() - interval '1 second' where id = ${expiring}`;
const { session, token, key } = bad.replayed as { session: Caller; token: Token; key: Token };
await succeed(mutate(session, 'signOut', {}));
await succeed(mutate(owner, 'deleteApiToken', { id: token.id }));
await succeed(mutate(owner, 'deleteApiKey', { id: key.id }));
const leaving = (await queryData(owner, MEMBERS)).members.nodes.find(({ user }: Json) => user.name === 'leaving');
await succeed(mutate(owner, 'deleteMember', { id: leaving.id }));
await succeed(mutate(owner, 'deleteProject', { id: removed, key: 'removed' }));
await succeed(mutate(gone.owner, 'deleteOrganization', { id: gone.id, slug: 'gone' }));
await setRole(api.root, demoted.email, 'guest');

const trials = new Map<string, () => Promise<void>>();
const add = (entryPoint: string, attack: Attack, trial: () => Promise<void>): void =>
  void trials.set(`${entryPoint} ${attack}`, trial);

for (const [entryPoint, ask] of Object.entries(ENDPOINTS)) {
  for (const [attack, callers] of Object.entries(bad))
    add(entryPoint, attack as Attack, async () => {
      for (const [name, caller] of Object.entries(callers)) {
        const response = await ask(caller);
        expect([name, response.status, await codeOf(response)]).toEqual([name, 401, 'UNAUTHENTICATED']);
      }
    });
  add(entryPoint, 'address', async () => {
    for (const caller of Object.values(elsewhere)) {
      const text = await (await ask(caller)).text();
      expect(text).toContain('ADDRESS_NOT_ALLOWED');
      expect(text).not.toContain('"data":{');
    }
  });
  add(entryPoint, 'demoted', async () => {
    for (const caller of Object.values(demotedCallers)) {
      const text = await (await ask(caller)).text();
      expect(text).toContain('FORBIDDEN');
      expect(text).not.toContain('totalCount":');
    }
  });
}

for (const path of ['/audit-events.csv', '/audit-events.jsonl'])
  add(`GET ${path}`, 'foreign', async () => {
    const [own, foreign] = await Promise.all(
      [owner, globex.owner].map(async (caller) => await (await get(path, caller)).text()),
    );
    expect(own).toContain(owner.memberId);
    expect(foreign).toContain(globex.owner.memberId);
    expect(foreign).not.toContain(owner.memberId);
  });

/**
 * The reports. Each browser has used its cookie while it was valid. The cookie is bound to the session of a caller, so that
 * what ends the session ends the cookie.
 */
const REPORTS: Record<string, (browser: Browser) => Promise<Page>> = {
  'GET /reports/*': (browser) => browser.open('/reports/maturity'),
  'GET /reports/sign-in': (browser) => browser.open('/reports/sign-in'),
  'GET /reports/organization': (browser) => browser.open('/reports/organization'),
  'POST /reports/sign-out': (browser) => browser.send('/reports/sign-out', {}),
  'POST /reports/organization': (browser) => browser.send('/reports/organization', { organizationId: acme.id }),
};

for (const [entryPoint, ask] of Object.entries(REPORTS)) {
  for (const [attack, cookies] of Object.entries(badCookies))
    add(entryPoint, attack as Attack, async () => {
      for (const [name, cookie] of Object.entries(cookies)) {
        const browser = openBrowser(api);
        browser.cookies.set('ambit_reports', cookie);
        // A stranger gets the same: the form, or the way to it.
        const [page, expected] = [await ask(browser), await ask(openBrowser(api))];
        const shown = ({ status, location, html }: Page) => [status, location, html.replace(/ value="[^"]*"/g, '')];
        expect([name, ...shown(page)]).toEqual([name, ...shown(expected)]);
        expect(page.html).not.toContain('Sign out');
      }
    });
  add(entryPoint, 'raced', async () => {
    const browser = await signInToReports(api, owner.email);
    const { token = '' } = hiddenIn((await browser.open('/reports/organization')).html);
    const pages = await Promise.all([
      ...[1, 2].map(() => ask(browser)),
      ...[1, 2].map(() => browser.send('/reports/sign-out', { token })),
    ]);
    expect(pages.filter(({ status }) => status >= 500)).toEqual([]);
    expect((await openReport(api, '/reports/maturity', browser.cookie())).status).toBe(303);
  });
}

/** Mutations that give a secret, with an input that is valid in the organization acme. */
const robotToken = await insertCredential(api, { organizationId: acme.id, holder: { serviceAccountId: robot } });
const tokenId = toPublicId('tok', robotToken.uuid);
const { id: keyId } = await createApiKey(api, owner, { projectId: project, preset: 'FULL' });
const pending = await invite(acme);
const [invitation] = await api.root`select id from invitations where hash = ${hashSecret(pending.secret)}`;
const given = { name: 'Given', type: 'DEPLOY' };
const { integration } = await mutate(owner, 'createIntegration', given, 'integration { id }');
const GIVERS: Record<string, { input: object; results?: string }> = {
  createApiToken: { input: { name: 'one', serviceAccountId: robot }, results: 'secret' },
  rotateApiToken: { input: { id: tokenId, graceSeconds: 60 }, results: 'secret' },
  createApiKey: { input: { name: 'one', projectId: project, preset: 'SDK' }, results: 'secret' },
  rotateApiKey: { input: { id: keyId, graceSeconds: 60 }, results: 'secret' },
  createIntegration: { input: { name: 'one', type: 'DEPLOY' }, results: 'url' },
  rotateIntegrationSecret: { input: { id: integration.id }, results: 'url' },
  createInvitations: {
    input: {
      emails: ['one@elsewhere.test'],
      projectRoles: [{ projectId: project, roleId: projectRoleId('read') }],
    },
  },
  resendInvitation: { input: { id: toPublicId('inv', invitation?.['id']) } },
};

/** The hashes and limits of all stored secrets. A refused attempt must not change them. */
const stored = (): Promise<Json> => api.root`
  select hash, previous_hash, permissions, expires_at from api_tokens
  union all select hash, null, null, expires_at from invitations
  union all select hash, null, null, null from integrations order by hash`;

/** Tries the mutation, which must give nothing. Returns the reasons of the refusals. */
async function refusals(mutation: string, callers: Record<string, Caller>): Promise<string[]> {
  const { input, results } = GIVERS[mutation] as (typeof GIVERS)[string];
  const before = await stored();
  const reasons: string[] = [];
  for (const caller of Object.values(callers)) {
    const answer = await mutate(caller, mutation, input, results);
    expect(JSON.stringify(answer)).not.toMatch(/ambit_/);
    reasons.push(answer.refused ?? answer.errors[0].code);
  }
  expect(await stored()).toEqual(before);
  return [...new Set(reasons)];
}

for (const [mutation, { input, results }] of Object.entries(GIVERS)) {
  for (const [attack, callers] of Object.entries(bad))
    add(mutation, attack as Attack, async () => expect(await refusals(mutation, callers)).toEqual(['UNAUTHENTICATED']));
  add(mutation, 'address', async () => expect(await refusals(mutation, elsewhere)).toEqual(['ADDRESS_NOT_ALLOWED']));
  add(mutation, 'demoted', async () => {
    for (const reason of await refusals(mutation, demotedCallers))
      expect(['NO_GRANT', 'NOT_FOUND', 'READ_ONLY_TOKEN']).toContain(reason);
  });
  add(mutation, 'foreign', async () =>
    expect(await refusals(mutation, { session: globex.owner })).toEqual(['NOT_FOUND']),
  );
  // Tried last, because it succeeds.
  add(mutation, 'raced', async () => {
    const both = await Promise.all([1, 2].map(() => mutate(owner, mutation, input, results)));
    const given = both.filter((answer) => answer.errors?.length === 0);
    expect(given, JSON.stringify(both)).toHaveLength(1);
  });
}

add('signIn', 'deactivated', async () => {
  const attempt = { email: 'leaving@acme.test', password: PASSWORD, organizationSlug: 'acme' };
  const answer = await mutate(api.as(), 'signIn', attempt, 'session { accessToken }');
  expect(answer.session).toBeNull();
  expect(await mutate(api.as(), 'signIn', { ...attempt, email: owner.email }, 'session { expiresAt }')).toMatchObject({
    errors: [],
  });
});

const NOT_FOUND = { errors: [{ code: 'NOT_FOUND', path: ['secret'] }] };

add('acceptInvitation', 'deactivated', async () => {
  await createUser(api, toGone.email);
  const person = await signIn(api, toGone.email);
  expect(await mutate(person, 'acceptInvitation', { secret: toGone.secret })).toEqual(NOT_FOUND);
});
add('declineInvitation', 'deactivated', async () =>
  expect(await mutate(api.as(), 'declineInvitation', { secret: toGone.secret })).toEqual(NOT_FOUND),
);
add('declineInvitation', 'raced', async () => {
  const { secret } = await invite(acme);
  const both = await Promise.all([1, 2].map(() => mutate(api.as(), 'declineInvitation', { secret })));
  expect(both.filter(({ errors }) => errors.length === 0)).toHaveLength(1);
  expect(both).toContainEqual(NOT_FOUND);
});
add('invitationOffer', 'deactivated', async () => {
  const OFFER = 'query ($secret: String!) { invitationOffer(secret: $secret) { email } }';
  expect(await queryData(api.as(), OFFER, { secret: toGone.secret })).toEqual({ invitationOffer: null });
  expect(await queryData(api.as(), OFFER, { secret: (await invite(acme)).secret })).not.toEqual({
    invitationOffer: null,
  });
});
add('refreshSession', 'demoted', async () => {
  const { session: renewed } = await refresh(api, demoted.refreshToken);
  const { viewer } = await queryData(api.as(renewed.accessToken), '{ viewer { role { name } permissions } }');
  expect(viewer).toEqual({ role: { name: 'Guest' }, permissions: ['organization:read'] });
});

const here = Object.entries(ENTRY_POINTS).flatMap(([entryPoint, { proofs }]) =>
  Object.entries(proofs).flatMap(([attack, proof]) => (proof === 'here' ? [`${entryPoint} ${attack}`] : [])),
);
const RACED_LAST = here.toSorted((a, b) => Number(a.endsWith('raced')) - Number(b.endsWith('raced')));

describe('an entry point refuses:', () => {
  test.each(RACED_LAST)('%s', async (name) => {
    const trial = trials.get(name);
    if (!trial) throw new Error(`there is no trial of ${name}`);
    await trial();
  });

  test('and accepts valid credentials', async () => {
    for (const [entryPoint, ask] of Object.entries(ENDPOINTS))
      for (const [kind, caller] of Object.entries(good)) {
        // The permissions of a key concern its project.
        const isForbidden = kind === 'key' && /audit-events|services/.test(entryPoint);
        expect([entryPoint, kind, (await ask(caller)).status]).toEqual([entryPoint, kind, isForbidden ? 403 : 200]);
      }
  });
});
