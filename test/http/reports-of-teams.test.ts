import { request } from 'node:http';
import { parse } from 'csv-parse/sync';
import { describe, expect, test } from 'vitest';
import { toPublicId } from '../../src/lib/ids.ts';
import { allow, createRole, giveRole, ifOwned, type Statement } from '../decisions/support.ts';
import { organizationUuid, uuidOf } from '../enforcement/support.ts';
import { type Api, type Json, startApi } from '../support/api.ts';
import { runJobs } from '../support/jobs.ts';
import { openReport, reportCookie } from '../support/reports.ts';
import { until } from '../support/until.ts';
import {
  addMember,
  createCheck,
  createOrganization,
  getRubric,
  mutate,
  type Organization,
  type Person,
  queryData,
  roleId,
} from '../support/world.ts';

/** The reports on a team and on a scorecard, their files, and the responses while the database does not answer. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const { owner } = acme;
const rubric = await getRubric(owner);
const create = async (type: string, input: object, by = owner): Promise<string> => {
  const name = `create${type[0]?.toUpperCase()}${type.slice(1)}`;
  return (await mutate(by, name, input, `${type} { id }`))[type].id;
};
const check = (name: string, category: string, level: string, settings: object) =>
  createCheck(owner, rubric, { name, settings, category: { id: category }, level: { id: rubric.levels[level] } });

const scorecard = await create('scorecard', { name: 'Ready' });
const goLive = await create('category', { name: 'Go live', scorecard: { id: scorecard } });
const { Ownership = '', Reliability = '' } = rubric.categories;
await check('Has an owner', Ownership, 'Silver', { hasOwner: {} });
await check('Has a tier tag', Ownership, 'Silver', { tagDefined: { key: 'tier' } });
await check('Has a runbook', Reliability, 'Gold', { link: { category: 'runbook' } });
await check('Is on call', goLive, 'Gold', { tagDefined: { key: 'on-call' } });
const web = await create('team', { name: 'Web' });
const data = await create('team', { name: 'Data' });
const theirTeam = await create('team', { name: 'Theirs' }, globex.owner);
const theirScorecard = await create('scorecard', { name: 'Theirs' }, globex.owner);
const tags = (...keys: string[]) => ({ tags: keys.map((key) => ({ key, value: '1' })) });
await create('service', { name: 'Shop', owner: { id: web } });
await create('service', { name: 'Cart', owner: { id: web }, ...tags('tier', 'on-call') });
await create('service', { name: 'Lake', owner: { id: data }, ...tags('tier') });
await create('service', { name: 'Orphan' });
await runJobs(api);

const cookies = new Map<Person, string>();
async function cookieOf(person: Person): Promise<string> {
  const cookie = cookies.get(person) ?? (await reportCookie(api, person));
  cookies.set(person, cookie);
  return cookie;
}
async function open(path: string, person = owner, at: Api = api): Promise<{ status: number; text: string }> {
  const response = await openReport(at, `/reports/${path}`, await cookieOf(person));
  return { status: response.status, text: await response.text() };
}
const main = async (path: string, person?: Person): Promise<string> => {
  const { status, text } = await open(path, person);
  if (status !== 200) throw new Error(`${status} ${text.slice(text.indexOf('<main'))}`);
  return text.slice(text.indexOf('<main'));
};
const rows = async (path: string, person?: Person): Promise<string[][]> => parse((await open(path, person)).text);
const personIn = async (organization: Organization, name: string, ...statements: Statement[]): Promise<Person> => {
  const person = await addMember(api, organization, 'guest', name);
  const role = await createRole(organization.owner, name, [allow('organization:read'), ...statements]);
  await giveRole(organization.owner, person.memberId, role);
  return person;
};
const personWith = (name: string, ...statements: Statement[]): Promise<Person> => personIn(acme, name, ...statements);

const SERVICES = `query ($scorecard: ScorecardReference) { services { nodes {
  name owner { id name }
  maturityReport(scorecard: $scorecard) { level { name } missing { check { name category { name } level { name } } } }
} } }`;
/** The lines that the file should have, from the data of the API. */
async function expected(of: (owner: string | null) => boolean, inScorecard: boolean): Promise<string[][]> {
  const { services } = await queryData(owner, SERVICES, inScorecard ? { scorecard: { id: scorecard } } : {});
  return services.nodes
    .filter((one: Json) => of(one.owner?.id ?? null))
    .flatMap(({ name, owner: by, maturityReport: { level, missing } }: Json) => {
      const service = [name, by?.name ?? '', level?.name ?? ''];
      const needed = missing.map(({ check: one }: Json) => [...service, one.name, one.category.name, one.level.name]);
      return needed.length > 0 ? needed : [[...service, '', '', '']];
    });
}

test.each([
  ['a team', `team=${web}`, (id: string | null) => id === web, false],
  ['services without an owner', 'team=none', (id: string | null) => id === null, false],
  ['a scorecard', `scorecard=${scorecard}`, () => true, true],
  ['a team in a scorecard', `scorecard=${scorecard}&team=${web}`, (id: string | null) => id === web, true],
] as const)(
  'the report on %s has its services with their levels and what they need, as in the API',
  async (_, query, of, inScorecard) => {
    const [head, ...lines] = await rows(`maturity.csv?${query}`);
    expect(head).toEqual(['service', 'team', 'level', 'missing check', 'category', 'level of the check']);
    const wanted = await expected(of, inScorecard);
    expect(wanted.length).toBeGreaterThan(0);
    expect(lines.toSorted()).toEqual(wanted.toSorted());
    const page = await main(`maturity?${query}`);
    const table = page.slice(page.indexOf('id="services"'));
    const text = table.replaceAll(/<[^>]+>/g, ' ');
    for (const [name = '', , level = '', missing = ''] of wanted)
      expect(text).toMatch(new RegExp(`${name} .*${level} .*${missing} `));
    const others = ['Shop', 'Cart', 'Lake', 'Orphan'].filter((name) => !wanted.some(([one]) => one === name));
    for (const other of others) expect(text).not.toContain(other);
    expect(page).toContain(`href="/reports/maturity.csv?${query.replace('&', '&amp;')}"`);
  },
);

test('links lead from all services to a scorecard, from there to a team in it, and back', async () => {
  const all = await main('maturity');
  expect(all).toContain(`<a href="/reports/maturity?scorecard=${scorecard}">Ready</a>`);
  expect(all).toContain(`<a href="/reports/maturity?team=${data}">Data</a>`);
  expect(all).toContain('<a href="/reports/maturity?team=none">No team</a>');
  expect(all).not.toContain('id="services"');
  const inScorecard = await main(`maturity?scorecard=${scorecard}`);
  const query = `scorecard=${scorecard}&amp;team=${data}`;
  expect(inScorecard).toContain(`<a href="/reports/maturity?${query}">Data</a>`);
  expect(inScorecard).toContain(`href="/reports/maturity?scorecard=${scorecard}&amp;days=90#trend"`);
  const team = await main(`maturity?scorecard=${scorecard}&team=${data}`);
  expect(team).toContain('<h1>Data</h1>');
  expect(team).toMatch(/aria-label="Breadcrumb">.*href="\/reports\/maturity">Maturity<.*maturity\?scorecard=.*>Ready</);
  expect((await rows('maturity.csv')).map(([group, name]) => `${group} ${name}`)).toContain('scorecard Ready');
});

test('a team and a scorecard that a person cannot see are the same as ones that do not exist', async () => {
  const blind = await personWith('blind', allow('check_result:read', 'service:read'));
  for (const [query, person] of [
    [`team=${theirTeam}`, owner],
    [`scorecard=${theirScorecard}`, owner],
    [`team=${web}`, blind],
    ['team=none', blind],
    [`scorecard=${scorecard}`, blind],
  ] as const)
    for (const path of [`maturity?${query}`, `maturity.csv?${query}`]) {
      const { status, text } = await open(path, person);
      expect([status, /There is no (Team|Scorecard) with this ID/.test(text)], path).toEqual([404, true]);
    }
  expect(await main('maturity', blind)).not.toMatch(/Ready|Web|\?(team|scorecard)=/);
});

test('a person with permissions on the services of own teams sees these only, also in the report on another team', async () => {
  const read = allow('team:read', 'scorecard:read', 'check:read', 'level:read');
  const own = await personWith('own', read, ifOwned(allow('service:read', 'check_result:read')));
  expect(await mutate(owner, 'updateTeam', { team: { id: web }, addMembers: [{ principalId: own.memberId }] })).toEqual(
    {
      errors: [],
    },
  );
  expect(await main(`maturity?team=${data}`, own)).toContain('The team has no services that you can read.');
  expect(await rows(`maturity.csv?team=${data}`, own)).toHaveLength(1);
  const page = await main(`maturity?scorecard=${scorecard}`, own);
  expect(page).toContain('The levels of 2 services in the scorecard.');
  expect(page).not.toMatch(/Lake|Orphan|Data|Go live/);
  const numbers = await personWith('numbers', read, allow('check_result:read'));
  const without = await main(`maturity?team=${data}`, numbers);
  expect(without).toContain('The levels of 1 service of the team in the rubric.');
  expect(without).not.toMatch(/Lake|\.csv/);
  const { status, text } = await open(`maturity.csv?team=${data}`, numbers);
  expect([status, text.includes('<code>service:read</code>')]).toEqual([403, true]);
});

test('a person without all permissions, or without one, sees the missing permissions of each report', async () => {
  const person = await personWith('nothing');
  const home = (await openReport(api, '/reports', await cookieOf(person))).headers.get('location') ?? '';
  const none = await open(home.replace('/reports/', ''), person);
  const text = none.text.replaceAll(/<[^>]+>/g, '');
  expect([none.status, none.text]).toEqual([403, expect.stringContaining('<code>check_result:read</code></dd>')]);
  expect(text).toContain('Maturity requires check_result:read, which you do not have.');
  expect(text).toContain('Campaigns requires campaign:read and check_result:read, which you do not have.');
  const results = await personWith('results', allow('check_result:read'));
  const some = await open('campaigns', results);
  expect(some.status).toBe(403);
  expect(some.text).toContain('<li><a href="/reports/maturity">Maturity</a></li>');
  expect(some.text).toContain('<li>Campaigns requires <code>campaign:read</code>, which you do not have.</li>');
});

/** A server on the same database with one connection, which stops a request after a second. */
const impatient = await startApi({
  ...{ database: api, pool: 1, config: { requestTimeoutMs: 1_000 }, client: { lockTimeout: 60_000 } },
});

/** Results whose file is larger than the buffers of two sockets, so that the server waits for the client. */
const MANY = { checks: 4, services: 1_750, message: 'ü€'.repeat(500) };

async function createMany(by: Person): Promise<string> {
  const id = await create('campaign', { name: 'Many' }, by);
  const { categories, levels } = await getRubric(by);
  const place = { category: { id: categories['Ownership'] }, level: { id: levels['Silver'] } };
  const made = Array.from({ length: MANY.checks }, (_, at) =>
    createCheck(by, rubric, { name: `Copy ${at}`, ...place, settings: { manual: {} } }),
  );
  const checks = (await Promise.all(made)).map((one) => ({ id: one }));
  expect(await mutate(by, 'copyChecksToCampaign', { campaignId: id, checks })).toEqual({ errors: [] });
  const organization = organizationUuid(globex);
  await api.root`insert into services (organization_id, id, name)
    select ${organization}, gen_random_uuid(), 'Many ' || n from generate_series(1, ${MANY.services}) n`;
  await api.root`insert into check_results (organization_id, id, check_id, service_id, status, message, reported_by_id)
    select c.organization_id, gen_random_uuid(), c.id, s.id, 'FAILED', ${MANY.message}, ${uuidOf('mem', by.memberId)}
    from checks c join services s on s.organization_id = c.organization_id
    where c.organization_id = ${organization} and c.campaign_id = ${uuidOf('cmp', id)}`;
  await api.root`analyze services, check_results`;
  return id;
}

describe('the file of a campaign with many results', async () => {
  const path = `/reports/campaigns/${await createMany(globex.owner)}.csv`;
  /** Sends the request as a client that reads the body only when the test calls `read`. */
  const begin = async (cookie: string, { method = 'GET', at = api } = {}) =>
    new Promise<{ status: number; read: () => Promise<string>; destroy: () => void }>((resolve, reject) => {
      const sent = request(`${at.address}${path}`, { headers: { cookie }, agent: false, method }, (response) => {
        response.pause();
        const read = async (): Promise<string> => (await response.setEncoding('utf8').toArray()).join('');
        resolve({ status: response.statusCode ?? 0, read, destroy: () => sent.destroy() });
      });
      sent.on('error', reject).end();
    });

  test('is read in parts while the client reads, is complete, and holds no connection while the client does not read', async () => {
    const file = await begin(await cookieOf(globex.owner));
    const [second, third] = [await begin(await cookieOf(globex.owner)), await begin(await cookieOf(globex.owner))];
    expect([file.status, second.status, third.status]).toEqual([200, 200, 503]);
    expect(await third.read()).toContain('Too many exports are running.');
    await until(() => api.pool.state().idle === api.pool.state().open);
    second.destroy();
    const lines = parse(await file.read()) as string[][];
    expect(lines.length).toBe(1 + MANY.checks * MANY.services);
    expect(new Set(lines.map(([service, , name]) => `${service} ${name}`)).size).toBe(lines.length);
    expect(lines.at(-1)?.at(-1)).toBe(MANY.message);
    expect(await (await begin(await cookieOf(globex.owner), { method: 'HEAD' })).read()).toBe('');
  });

  /** Begins the file when fewer than two others are being read, and reads the rest after the change. */
  const readAfter = async (cookie: string, at: Api, change: () => Promise<unknown>): Promise<void> =>
    until(async () => {
      const file = await begin(cookie, { at });
      if (file.status === 503) return false;
      await change();
      await expect(file.read()).rejects.toThrow('aborted');
      return true;
    });

  test.each([
    ['the session ends', (person: Person) => mutate(person, 'signOut', {})],
    [
      'the permission is lost',
      ({ memberId: id }: Person) => mutate(globex.owner, 'updateMember', { id, roleId: roleId('guest') }),
    ],
  ])('ends incomplete, with a closed connection, if %s meanwhile', async (name, change) => {
    const person = await personIn(globex, name, allow('campaign:read', 'check_result:read', 'service:read'));
    await readAfter(await cookieOf(person), api, async () => expect(await change(person)).toEqual({ errors: [] }));
  });

  test('ends incomplete at the deadline of a part for which the database does not answer', async () => {
    const cookie = await cookieOf(globex.owner);
    await api.root.begin((sql) =>
      readAfter(cookie, impatient, () => sql`lock table check_results in access exclusive mode`),
    );
    expect((await openReport(impatient, '/reports/organization', cookie)).status).toBe(200);
  });

  test('has checks that the report shows in pages', async () => {
    const copy = sqlOfCopies(60);
    await api.root.unsafe(copy, [organizationUuid(globex)]);
    const [row] = await api.root`select id from campaigns where organization_id = ${organizationUuid(globex)}`;
    const path = `campaigns/${toPublicId('cmp', row?.['id'])}`;
    const first = await main(`${path}?failing=2`, globex.owner);
    expect(first).toContain('1 to 50 of 64 checks');
    expect(first).toContain(`href="/reports/${path}?checks=2&amp;failing=2#checks" rel="next"`);
    const second = await main(`${path}?checks=2`, globex.owner);
    expect(second).toContain('51 to 64 of 64 checks');
    expect(second.match(/>More \d+<\/th>/g)).toHaveLength(14);
    expect(await main(`${path}?checks=3`, globex.owner)).toContain('No more checks.');
  });

  test('ends incomplete if the campaign is deleted meanwhile', async () => {
    const [row] = await api.root`select id from campaigns where organization_id = ${organizationUuid(globex)}`;
    const input = { id: toPublicId('cmp', row?.['id']) };
    await readAfter(await cookieOf(globex.owner), api, async () =>
      expect(await mutate(globex.owner, 'deleteCampaign', input)).toEqual({ errors: [] }),
    );
  });
});

/** Copies a check of the campaign, by SQL. */
const sqlOfCopies = (copies: number): string => `
  insert into checks select (jsonb_populate_record(null::checks,
    to_jsonb(c) || jsonb_build_object('id', gen_random_uuid(), 'name', 'More ' || n))).*
  from checks c, generate_series(1, ${copies}) n
  where c.organization_id = $1 and c.campaign_id is not null and c.name = 'Copy 0'`;

test.each([
  [`maturity?team=${web}`, 'services'],
  ['maturity.csv', 'services'],
  ['campaigns', 'campaigns'],
  ['campaigns', 'sessions'],
])('%s ends with a page at its deadline if %s cannot be read, and its connection is free then', async (path, table) => {
  const cookie = await cookieOf(owner);
  await api.root.begin(async (sql) => {
    await sql`lock table ${sql(table)} in access exclusive mode`;
    const response = await openReport(impatient, `/reports/${path}`, cookie);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await response.text()).toMatch(/<h1>Not available now<\/h1>.*(took too long|not available)\..*Request ID/s);
    // The server has this connection only, and the table is still locked.
    await until(() => impatient.pool.state().idle === impatient.pool.state().open);
    if (table !== 'sessions') expect((await openReport(impatient, '/reports/organization', cookie)).status).toBe(200);
  });
  expect((await openReport(api, `/reports/${path}`, cookie)).status).toBe(200);
});
