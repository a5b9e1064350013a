import { parse } from 'csv-parse/sync';
import { describe, expect, test } from 'vitest';
import { toPublicId } from '../../src/lib/ids.ts';
import { organizationUuid, uuidOf } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { enqueue, runJobs } from '../support/jobs.ts';
import { openReport, reportCookie } from '../support/reports.ts';
import {
  addMember,
  createCheck,
  createOrganization,
  getRubric,
  mutate,
  type Person,
  queryData,
} from '../support/world.ts';

/** The reports for people: their numbers, and who sees what. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const { owner } = acme;
const rubric = await getRubric(owner);
const DAY = 86_400_000;
const ODD = '=1+1</script><svg onload=alert(1)>';

const create = async (by: Person, field: string, input: object): Promise<string> => {
  const answer = await mutate(by, `create${field[0]?.toUpperCase()}${field.slice(1)}`, input, `${field} { id }`);
  if (!answer[field]) throw new Error(JSON.stringify(answer));
  return answer[field].id;
};
const change = async (name: string, input: object): Promise<void> => {
  expect(await mutate(owner, name, input), name).toEqual({ errors: [] });
};
const check = (name: string, category: string, level: string, settings: object, more: object = {}): Promise<string> =>
  createCheck(owner, rubric, {
    ...{ name, settings, category: { id: rubric.categories[category] }, level: { id: rubric.levels[level] } },
    ...more,
  });

const hasOwner = await check('Has an owner', 'Ownership', 'Bronze', { hasOwner: {} });
const hasTag = await check('Has a tier tag', 'Ownership', 'Silver', { tagDefined: { key: 'tier' } });
await check('Has a runbook', 'Reliability', 'Gold', { link: { category: 'runbook' } });
const reviewed = await check('Was reviewed', 'Reliability', 'Silver', { manual: {} }, { passPending: true });
const web = await create(owner, 'team', { name: 'Web' });
const odd = await create(owner, 'team', { name: ODD });
const shop = await create(owner, 'service', { name: 'Shop', owner: { id: web } });
await create(owner, 'service', {
  ...{ name: 'Cart', owner: { id: web }, tags: [{ key: 'tier', value: '1' }] },
  links: [{ name: 'Runbook', url: 'https://example.test', category: 'runbook' }],
});
await create(owner, 'service', { name: ODD, owner: { id: odd } });
await create(owner, 'service', { name: 'Orphan' });

const campaign = await create(owner, 'campaign', {
  ...{ name: `Review ${ODD}`, team: { id: web } },
  brief: 'Do **this**. [x](javascript:alert(1)) <img src=x>',
});
await change('copyChecksToCampaign', { campaignId: campaign, checks: [{ id: hasTag }, { id: reviewed }] });
await change('scheduleCampaign', {
  ...{ id: campaign, startAt: new Date(Date.now() - 20 * DAY) },
  targetAt: new Date(Date.now() + 10 * DAY),
});
await change('reportCheckResult', {
  ...{ service: { id: shop }, check: { id: reviewed }, status: 'FAILED' },
  message: 'See *this* [report](https://acme.test/r).',
});
await runJobs(api);
await enqueue(api, 'record-maturity', { after: null });
await runJobs(api);

const cookies = new Map<Person, string>();
async function open(path: string, person: Person = owner): Promise<{ status: number; text: string; headers: Headers }> {
  const cookie = cookies.get(person) ?? (await reportCookie(api, person));
  cookies.set(person, cookie);
  const response = await openReport(api, `/reports/${path}`, cookie);
  return { status: response.status, headers: response.headers, text: await response.text() };
}
const html = async (path: string, person?: Person): Promise<string> => {
  const { status, text } = await open(path, person);
  if (status !== 200) throw new Error(`${status} ${text.slice(text.indexOf('<main'))}`);
  return text.slice(text.indexOf('<main'));
};
const rowsOf = async (path: string, person?: Person): Promise<string[][]> => parse((await open(path, person)).text);
/** A person with a role of these statements. */
const personWith = async (name: string, ...statements: object[]): Promise<Person> => {
  const open = { permissions: ['organization:read'] };
  const allowed = [open, ...statements].map((statement) => ({ effect: 'ALLOW', ...statement }));
  const roleId = await create(owner, 'role', { name, statements: allowed });
  const person = await addMember(api, acme, 'guest', name);
  await change('updateMember', { id: person.memberId, roleId });
  return person;
};

/** The next steps of a page: the check, the services that need it, and those that need nothing else. */
const stepsIn = (page: string): [string, number, number][] =>
  [...page.matchAll(/<li><p><strong>([^<]+)<\/strong>.*?(\d+) services? fails? it\. (?:<b>(\d+)<\/b>)?/g)].map(
    ([, name = '', all, sole]) => [name, Number(all), Number(sole ?? 0)],
  );

describe('the report on maturity', () => {
  test('has the numbers of the API', async () => {
    const levels = 'services levels { level { name } services }';
    const { servicesReport: report } = await queryData(
      owner,
      `{ servicesReport { overall { ${levels} } categories { category { name } ${levels} } teams { team { name } ${levels} } } }`,
    );
    const names = ['Bronze', 'Silver', 'Gold'];
    const numbers = (group: Json): string[] => [
      String(group.services),
      ...names.map((name) => String(group.levels.find((one: Json) => one.level?.name === name)?.services ?? 0)),
      String(group.levels.find((one: Json) => one.level === null)?.services ?? 0),
    ];
    const rows = await rowsOf('maturity.csv');
    expect(rows[0]).toEqual(['group', 'name', 'services', ...names, 'no level']);
    const expected = [
      ['all', '', ...numbers(report.overall)],
      ...report.categories.map((one: Json) => ['category', one.category.name, ...numbers(one)]),
      ...report.teams.map((one: Json) => ['team', one.team ? cell(one.team.name) : 'No team', ...numbers(one)]),
      ['day', new Date().toISOString().slice(0, 10), ...numbers(report.overall)],
    ];
    expect(rows.slice(1).toSorted()).toEqual(expected.toSorted());
    const page = await html('maturity');
    expect(page).toContain('The levels of 4 services in the rubric.');
    expect(page).toContain(`<a href="/reports/maturity?team=${web}">Web</a></th>`);
  });

  test('says what to do next: the checks that are missing in the reports of the services', async () => {
    const { services } = await queryData(
      owner,
      '{ services { nodes { maturityReport { missing { check { name } } } } } }',
    );
    const missing: string[][] = services.nodes.map((one: Json) =>
      one.maturityReport.missing.map((result: Json) => result.check.name),
    );
    const expected = ['Has a tier tag', 'Has an owner', 'Was reviewed'].map((name) => [
      name,
      missing.filter((own) => own.includes(name)).length,
      missing.filter((own) => own.length === 1 && own[0] === name).length,
    ]);
    expect(expected).toEqual([
      ['Has a tier tag', 3, 1],
      ['Has an owner', 1, 0],
      ['Was reviewed', 1, 0],
    ]);
    expect(stepsIn(await html('maturity'))).toEqual(expected);
  });

  test('counts services whose last evaluation was by an earlier version after the hourly job has run', async () => {
    const before = await html('maturity');
    await api.root`delete from service_missing_checks where organization_id = ${organizationUuid(acme)}`;
    const upgraded = await html('maturity');
    expect(upgraded).toContain('The list does not include 4 services that Ambit has not evaluated since its upgrade.');
    expect(stepsIn(upgraded)).toEqual([]);
    await enqueue(api, 'record-maturity', { after: null });
    await runJobs(api);
    expect(stepsIn(await html('maturity'))).toEqual(stepsIn(before));
    expect(await html('maturity')).not.toContain('since its upgrade');
  });

  test('follows the deletion of a check at once, and the deletion of a level after its evaluation', async () => {
    const initech = await createOrganization(api, 'initech');
    const own = await getRubric(initech.owner);
    const { levels } = own;
    const [, last] = await Promise.all(
      ['Bronze', 'Gold', 'Bronze'].map((level, at) =>
        createCheck(initech.owner, own, {
          name: `Check ${at}`,
          settings: { hasDependency: true },
          level: { id: levels[level] },
        }),
      ),
    );
    await create(initech.owner, 'service', { name: 'Foreign' });
    await runJobs(api);
    const steps = async () => stepsIn(await html('maturity', initech.owner)).toSorted();
    expect(await steps()).toEqual([
      ['Check 0', 1, 0],
      ['Check 2', 1, 0],
    ]);
    // No check has the level Silver. Without it, the next level is Gold.
    expect(await mutate(initech.owner, 'deleteLevel', { level: { id: levels['Silver'] } })).toEqual({ errors: [] });
    await runJobs(api);
    expect(await steps()).toEqual([
      ['Check 0', 1, 0],
      ['Check 1', 1, 0],
      ['Check 2', 1, 0],
    ]);
    expect(await mutate(initech.owner, 'deleteCheck', { check: { id: last } })).toEqual({ errors: [] });
    expect((await steps()).map(([name]) => name)).toEqual(['Check 0', 'Check 2']);
  });

  test('counts neither campaigns nor scorecards, and nothing of another organization', async () => {
    await create(globex.owner, 'service', { name: 'Foreign' });
    expect(await html('maturity', globex.owner)).toContain('The levels of 1 service in the rubric.');
    expect(await html('maturity')).not.toContain('Foreign');
  });

  test('has pages of teams', async () => {
    const ids = await api.root`insert into teams (organization_id, id, name)
      select ${organizationUuid(globex)}, gen_random_uuid(), 'Team ' || n from generate_series(1, 60) n returning id`;
    await api.root`insert into services ${api.root(ids.map(({ id }, n) => ({ organization_id: organizationUuid(globex), id: crypto.randomUUID(), name: `S ${n}`, owner_id: id })))}`;
    const first = await html('maturity?days=90', globex.owner);
    expect(first).toContain('1 to 50 of 61 teams');
    expect(first).toContain('href="/reports/maturity?days=90&amp;teams=2#teams" rel="next"');
    expect(await html('maturity?teams=2', globex.owner)).toContain('51 to 61 of 61 teams');
    expect(await html('maturity?teams=3', globex.owner)).toContain('No more teams.');
  });
});

describe('a parameter', () => {
  const LIST = 'must be a whole number from 1 to 1,000';
  const long = 'x'.repeat(10_000);
  test.each([
    ['maturity?days=abc', 'days must be 30, 90 or 365'],
    ['maturity?days=', 'days must be 30, 90 or 365'],
    ['maturity?days=31', 'days must be 30, 90 or 365'],
    ['maturity?days=0x1e', 'days must be 30, 90 or 365'],
    ['maturity?days=30&days=90', 'days must be given only once'],
    ['maturity?teams=0', `teams ${LIST}`],
    ['maturity?teams=-1', `teams ${LIST}`],
    ['maturity?teams=1.5', `teams ${LIST}`],
    ['maturity?teams=1e9', `teams ${LIST}`],
    ['maturity?teams=1001', `teams ${LIST}`],
    [`maturity?teams=${'9'.repeat(400)}`, `teams ${LIST}`],
    [`maturity?services=${long}`, `services ${LIST}`],
    ['maturity?scorecards=%00', `scorecards ${LIST}`],
    ['maturity?team=none&team=none', 'team must be given only once'],
    ['maturity.csv?scorecard=a&scorecard=b', 'scorecard must be given only once'],
    ['campaigns?page=x', `page ${LIST}`],
    [`campaigns/${campaign}?checks=x`, `checks ${LIST}`],
    [`campaigns/${campaign}?failing=x`, `failing ${LIST}`],
  ])('of %s is refused with its name and the values that it can have', async (path, message) => {
    const { status, text } = await open(path);
    expect([status, text.includes(`role="alert">The parameter ${message}.</p>`)]).toEqual([400, true]);
    expect(text).toContain('>Change organization</a>');
    expect(text).not.toContain('xxxx');
  });

  test('that the page does not know is ignored, because other programs add parameters to links', async () => {
    expect(await html(`maturity?utm_source=chat&days=90&page=x&${long}=${long.slice(0, 3_000)}`)).toContain(
      '4 services',
    );
  });

  test.each([
    ['team', toPublicId('tea', crypto.randomUUID()), 'Team'],
    ['team', 'x', 'Team'],
    ['team', '', 'Team'],
    ['team', long, 'Team'],
    ['scorecard', web, 'Scorecard'],
    ['scorecard', 'none', 'Scorecard'],
  ])('%s with the ID of no such object leads to no page', async (name, value, type) => {
    for (const page of ['maturity', 'maturity.csv']) {
      const { status, text } = await open(`${page}?${name}=${value}`);
      expect([status, text.includes(`There is no ${type} with this ID`)]).toEqual([404, true]);
    }
  });
});

/** The text of a cell of CSV, in which a formula has an apostrophe. */
const cell = (text: string): string => (text.startsWith('=') ? `'${text}` : text);

describe('the report of a campaign', () => {
  const path = `campaigns/${campaign}`;

  test('has its progress, its brief as Markdown, its checks and the services that fail', async () => {
    const page = await html(path);
    expect(page).toContain('In progress</span></h1>');
    expect(page).toContain('1 pass all checks, 3 fail at least one.');
    expect(page).toContain('Do <strong>this</strong>. [x](javascript:alert(1)) &lt;img src=x&gt;');
    expect(page).toContain('The service has no tag with the key <code>tier</code>.');
    expect(page).toMatch(/Trend.*role="img"/s);
    const { node } = await queryData(
      owner,
      `query ($id: ID!) { node(id: $id) { ... on Campaign { progress { services passingServices } } } }`,
      { id: campaign },
    );
    expect(node.progress).toEqual({ services: 4, passingServices: 1 });
  });

  test('is in the list of campaigns, with a link and the stored numbers', async () => {
    const sent: string[] = [];
    api.hooks.onStatement = (statement) => sent.push(statement);
    const page = await html('campaigns');
    delete api.hooks.onStatement;
    expect(page).toContain(`<a href="/reports/${path}">Review =1+1&lt;/script&gt;`);
    expect(page).toContain('1 of 4 services, 25%');
    // A campaign can have 10,000 results, and a page 50 campaigns.
    expect(sent.filter((statement) => statement.includes('check_results'))).toEqual([]);
    expect(await html('campaigns', globex.owner)).toContain('There are no campaigns.');
  });

  test('as a file has all results, and no cell that a spreadsheet executes', async () => {
    const sent: string[] = [];
    api.hooks.onStatement = (statement) => sent.push(statement);
    const { headers, text } = await open(`${path}.csv`);
    delete api.hooks.onStatement;
    // The settings of a check can have 18,000 characters, and a file 100,000 results.
    expect(sent.filter((statement) => /check_results.*settings|settings.*check_results/s.test(statement))).toEqual([]);
    expect(headers.get('content-disposition')).toBe(`attachment; filename="acme-campaign-${campaign}.csv"`);
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    const rows: string[][] = parse(text);
    expect(rows[0]).toEqual(['service', 'team', 'check', 'status', 'since', 'message']);
    const shown = rows.slice(1).map(([service, team, name, status]) => [service, team, name, status]);
    expect(shown).toHaveLength(8);
    expect(shown).toContainEqual([`'${ODD}`, `'${ODD}`, 'Has a tier tag', 'FAILED']);
    expect(shown).toContainEqual(['Cart', 'Web', 'Has a tier tag', 'PASSED']);
    expect(rows.flat().filter((one) => /^[=+\-@]/.test(one))).toEqual([]);
  });

  test('has no numbers before its start', async () => {
    const draft = await create(owner, 'campaign', { name: 'Draft' });
    await change('copyChecksToCampaign', { campaignId: draft, checks: [{ id: hasOwner }] });
    const page = await html(`campaigns/${draft}`);
    expect(page).toContain('The campaign is a draft.');
    expect(page).not.toContain('Failing services');
    const startAt = new Date(Date.now() + DAY);
    await change('scheduleCampaign', { id: draft, startAt, targetAt: new Date(Date.now() + 2 * DAY) });
    // Stored before the campaign was postponed.
    await api.root`insert into campaign_history (organization_id, campaign_id, day, total, teams)
      select organization_id, ${uuidOf('cmp', draft)}, day, total, teams from campaign_history
      where organization_id = ${organizationUuid(acme)} limit 1`;
    expect((await html('campaigns')).match(/\d+ of \d+ services/g)).toEqual(['1 of 4 services']);
  });

  test('does not exist for another organization, like one with an unknown ID', async () => {
    const unknown = toPublicId('cmp', crypto.randomUUID());
    for (const one of [path, `campaigns/${unknown}`, `campaigns/svc_1`, `campaigns/x`, `${path}.csv`]) {
      const { status, text } = await open(one, globex.owner);
      expect([status, text.includes('There is no Campaign with this ID')], one).toEqual([404, true]);
    }
  });
});

describe('a person', () => {
  test('without the permission of a report sees which one is missing', async () => {
    const guest = await addMember(api, acme, 'guest', 'visitor');
    const reader = await personWith('services', { permissions: ['service:read', 'campaign:read'] });
    for (const [person, path, permission] of [
      [guest, 'maturity', 'check_result:read'],
      [guest, 'maturity.csv', 'check_result:read'],
      [guest, 'campaigns', 'campaign:read'],
      [guest, `campaigns/${campaign}`, 'campaign:read'],
      [guest, `campaigns/${campaign}.csv`, 'campaign:read'],
      [reader, 'maturity', 'check_result:read'],
      [reader, `campaigns/${campaign}`, 'check_result:read'],
    ] as const) {
      const { status, text } = await open(path, person);
      expect([status, text.includes(`<code>${permission}</code>`)], path).toEqual([403, true]);
      expect(text).not.toMatch(/Web|Shop|Review/);
    }
  });

  test('who may only read own services sees these only, and no trend', async () => {
    const person = await personWith(
      'own',
      { permissions: ['campaign:read', 'team:read', 'check:read', 'level:read'] },
      { permissions: ['service:read', 'check_result:read'], ownedByPrincipal: true },
    );
    await change('updateTeam', { team: { id: web }, addMembers: [{ principalId: person.memberId }] });
    const page = await html('maturity', person);
    expect(page).toContain('The levels of 2 services in the rubric.');
    expect(page).toContain('It is therefore not shown.');
    expect(page).not.toContain('onload');
    const rows = await rowsOf('maturity.csv', person);
    expect(rows.slice(1).map(([group, name]) => [group, name])).toEqual([
      ['all', ''],
      ['team', 'Web'],
    ]);
    const own = await html(`campaigns/${campaign}`, person);
    expect(own).toContain('1 pass all checks, 1 fail at least one.');
    expect(own).not.toContain('Orphan');
    const results = await rowsOf(`campaigns/${campaign}.csv`, person);
    expect([...new Set(results.slice(1).map(([service]) => service))].sort()).toEqual(['Cart', 'Shop']);
    expect(await html('campaigns', person)).toContain('1 of 2 services');
  });

  test('who cannot read names sees numbers only', async () => {
    const person = await personWith('numbers', { permissions: ['check_result:read', 'campaign:read'] });
    const page = await html('maturity', person);
    expect(page).toContain('The levels of 4 services');
    expect(page).toContain('Level 3');
    expect(page).not.toMatch(/Web|Reliability|Gold|Has a|id="(teams|next|categories)"/);
    const own = await html(`campaigns/${campaign}`, person);
    expect(own).toContain('1 pass all checks, 3 fail at least one.');
    expect(own).not.toMatch(/Web|Shop|Has a tier|id="(teams|checks|failing)"|\.csv/);
    expect((await open(`campaigns/${campaign}.csv`, person)).status).toBe(403);
  });
});

test('a report needs as many statements for many services as for one', async () => {
  const statements = async (path: string, person: Person): Promise<number> => {
    let sent = 0;
    await open(path, person);
    api.hooks.onStatement = () => {
      sent += 1;
    };
    await open(path, person);
    delete api.hooks.onStatement;
    return sent;
  };
  const few = await statements('maturity', owner);
  expect(few).toBeGreaterThan(5);
  expect(await statements('maturity', globex.owner)).toBeLessThanOrEqual(few);
});
