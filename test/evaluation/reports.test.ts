import { describe, expect, test } from 'vitest';
import { allow, createRole, deny, giveRole } from '../decisions/support.ts';
import { organizationUuid } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { enqueue, runJobs } from '../support/jobs.ts';
import {
  addMember,
  createApiToken,
  createCheck,
  createOrganization,
  getRubric,
  mutate,
  queryData,
} from '../support/world.ts';

const DAY = 86_400_000;

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const owner = await createApiToken(api, acme.owner, 'WRITE');
const rubric = await getRubric(owner);

const check = (name: string, category: string, level: string, settings: object, more: object = {}): Promise<string> =>
  createCheck(owner, rubric, {
    ...{ name, settings, category: { id: rubric.categories[category] }, level: { id: rubric.levels[level] } },
    ...more,
  });
const create = async (field: string, input: object): Promise<string> =>
  (await mutate(owner, `create${field[0]?.toUpperCase()}${field.slice(1)}`, input, `${field} { id }`))[field].id;

await check('Has an owner', 'Ownership', 'Bronze', { hasOwner: {} });
await check('Has a tier tag', 'Ownership', 'Silver', { tagDefined: { key: 'tier' } });
await check('Has a runbook', 'Reliability', 'Gold', { link: { category: 'runbook' } });
await check('Was reviewed', 'Reliability', 'Silver', { manual: {} }, { passPending: true });
const web = await create('team', { name: 'Web' });
const tier = (await queryData(owner, '{ tiers { nodes { id name } } }')).tiers.nodes[0];
const shop = await create('service', { name: 'Shop', owner: { id: web }, tier: { id: tier.id } });
const cart = await create('service', {
  name: 'Cart',
  owner: { id: web },
  tags: [{ key: 'tier', value: '1' }],
  links: [{ name: 'Runbook', url: 'https://example.test', category: 'runbook' }],
});
const orphan = await create('service', { name: 'Orphan' });
await runJobs(api);

const REPORT = `maturityReport {
  level { name } nextLevel { name } missing { check { name } status }
  levels { level { name } passed failed pending results { check { name } status } }
  categories { category { name } level { name } nextLevel { name } missing { check { name } } }
}`;
const reportOf = async (id: string): Promise<Json> =>
  (await queryData(owner, `query ($id: ID!) { service(id: $id) { ${REPORT} } }`, { id })).service.maturityReport;
const names = (results: Json[]): string[] => results.map((result) => result.check.name).toSorted();

describe('the report of a service', () => {
  test('has its level, its results by level, and what is missing for the next level', async () => {
    const report = await reportOf(shop);
    expect(report.level).toEqual({ name: 'Bronze' });
    expect(report.nextLevel).toEqual({ name: 'Silver' });
    expect(report.missing).toEqual([{ check: { name: 'Has a tier tag' }, status: 'FAILED' }]);
    const numbers = report.levels.map(({ level, passed, failed, pending }: Json) => [
      level.name,
      passed,
      failed,
      pending,
    ]);
    expect(numbers).toEqual([
      ['Bronze', 1, 0, 0],
      ['Silver', 0, 1, 1],
      ['Gold', 0, 1, 0],
    ]);
    expect(names(report.levels[1].results)).toEqual(['Has a tier tag', 'Was reviewed']);
    expect(Object.fromEntries(report.categories.map((one: Json) => [one.category.name, one.level.name]))).toEqual({
      Ownership: 'Bronze',
      Reliability: 'Silver',
    });
    const reliability = report.categories.find((one: Json) => one.category.name === 'Reliability');
    expect(reliability).toMatchObject({ nextLevel: { name: 'Gold' }, missing: [{ check: { name: 'Has a runbook' } }] });
  });

  test('of the last level misses nothing, and a service that fails the first level has that level', async () => {
    expect(await reportOf(cart)).toMatchObject({ level: { name: 'Gold' }, nextLevel: null, missing: [] });
    const first = await reportOf(orphan);
    expect(first).toMatchObject({ level: { name: 'Bronze' }, nextLevel: { name: 'Silver' } });
    expect(names(first.missing)).toEqual(['Has a tier tag', 'Has an owner']);
  });

  test('is empty if no check applies', async () => {
    const globex = await createOrganization(api, 'globex');
    const { service } = await mutate(globex.owner, 'createService', { name: 'Shop' }, `service { ${REPORT} }`);
    expect(service.maturityReport).toMatchObject({ level: null, nextLevel: null, missing: [], categories: [] });
    expect(service.maturityReport.levels.map(({ passed }: Json) => passed)).toEqual([0, 0, 0]);
  });

  test('of all services of a list needs as many statements as that of one', async () => {
    const statements = async (first: number): Promise<number> => {
      let sent = 0;
      api.hooks.onStatement = (text) => {
        if (text.includes('"check_results"') || text.includes('"levels"')) sent += 1;
      };
      await queryData(owner, `query ($first: Int) { services(first: $first) { nodes { ${REPORT} } } }`, { first });
      delete api.hooks.onStatement;
      return sent;
    };
    await statements(1);
    const one = await statements(1);
    expect(one).toBeGreaterThan(0);
    expect(await statements(3)).toBe(one);
  });
});

const LEVELS = 'services levels { level { name } hasLevel services }';
const ALL = `{ servicesReport {
  overall { ${LEVELS} } categories { category { name } ${LEVELS} }
  teams { team { name } ${LEVELS} } tiers { tier { name } ${LEVELS} }
} }`;

describe('the report of all services', () => {
  test('counts them by level, category, team and tier', async () => {
    const at = (name: string, services: number) => ({ level: { name }, hasLevel: true, services });
    const { servicesReport } = await queryData(owner, ALL);
    expect(servicesReport.overall).toEqual({ services: 3, levels: [at('Bronze', 2), at('Gold', 1)] });
    expect(servicesReport.teams).toEqual([
      { team: { name: 'Web' }, services: 2, levels: [at('Bronze', 1), at('Gold', 1)] },
      { team: null, services: 1, levels: [at('Bronze', 1)] },
    ]);
    expect(servicesReport.tiers).toEqual([
      { tier: null, services: 2, levels: [at('Bronze', 1), at('Gold', 1)] },
      { tier: { name: tier.name }, services: 1, levels: [at('Bronze', 1)] },
    ]);
    const reliability = servicesReport.categories.find((one: Json) => one.category.name === 'Reliability');
    expect(reliability).toMatchObject({ services: 3, levels: [at('Silver', 2), at('Gold', 1)] });
  });

  test('has no history of a category that the caller cannot see', async () => {
    const blind = await addMember(api, acme, 'guest', 'no-categories');
    const statements = [allow('*:read'), deny('category:*')];
    await giveRole(acme.owner, blind.memberId, await createRole(acme.owner, 'No categories', statements));
    const document = `{ servicesReport {
      overall: history(days: 1) { services } history(days: 1, category: { id: "${rubric.categories['Ownership']}" }) { services }
    } }`;
    const { servicesReport } = await queryData(blind, document);
    expect([servicesReport.overall, servicesReport.history]).toEqual([expect.any(Array), null]);
  });

  test('has the numbers of each day on which they were stored', async () => {
    const history = async (more = ''): Promise<Json[]> =>
      (await queryData(owner, `{ servicesReport { history(days: 3${more}) { day ${LEVELS} } } }`)).servicesReport
        .history;
    const record = async () => {
      await enqueue(api, 'record-maturity', { after: null });
      await runJobs(api);
    };
    await record();
    const [today] = await history();
    expect(today).toMatchObject({ services: 3 });
    await create('service', { name: 'New' });
    await record();
    expect(await history()).toHaveLength(1);
    api.advance(DAY);
    await mutate(owner, 'updateService', { service: { id: orphan }, owner: { id: web } }, 'service { id }');
    await mutate(
      owner,
      'updateService',
      { service: { id: orphan }, addTags: [{ key: 'tier', value: '1' }] },
      'service { id }',
    );
    await record();
    const days = await history();
    const counts = (levels: Json[]) => Object.fromEntries(levels.map(({ level, services }) => [level.name, services]));
    expect(days.map(({ services, levels }) => [services, counts(levels)])).toEqual([
      [4, { Bronze: 3, Gold: 1 }],
      [4, { Bronze: 2, Silver: 1, Gold: 1 }],
    ]);
    const category = rubric.categories['Ownership'];
    expect((await history(`, category: { id: "${category}" }`)).at(-1)).toMatchObject({ services: 4 });
    api.advance(10 * DAY);
    expect(await history()).toEqual([]);
  });

  test('refuses a number of days that is out of range', async () => {
    const { errors } = await owner.query('{ servicesReport { history(days: 0) { day } } }');
    expect(errors?.[0].extensions.code).toBe('BAD_REQUEST');
  });

  test('counts only services of the caller’s organization', async () => {
    const initech = await createOrganization(api, 'initech');
    const { servicesReport } = await queryData(initech.owner, ALL);
    expect(servicesReport).toEqual({ overall: { services: 0, levels: [] }, categories: [], teams: [], tiers: [] });
    expect(organizationUuid(initech)).not.toBe(organizationUuid(acme));
  });
});

test('a caller who may read only the services of their teams learns nothing about others', async () => {
  // The clock has advanced, so earlier sessions have expired.
  const maker = await addMember(api, acme, 'owner', 'maker');
  const { role } = await mutate(
    maker,
    'createRole',
    {
      name: 'Own services',
      statements: [
        { effect: 'ALLOW', permissions: ['service:read', 'check_result:read'], ownedByPrincipal: true },
        { effect: 'ALLOW', permissions: ['team:read', 'level:read', 'tier:read', 'category:read'] },
      ],
    },
    'role { id }',
  );
  const person = await addMember(api, acme, 'guest');
  await mutate(maker, 'updateMember', { id: person.memberId, roleId: role.id }, 'member { id }');
  const members = [{ principalId: person.memberId }];
  const mobile = (await mutate(maker, 'createTeam', { name: 'Mobile', members }, 'team { id }')).team.id;
  const app = { name: 'App', owner: { id: mobile } };
  const own = (await mutate(maker, 'createService', app, 'service { id }')).service.id;
  const { servicesReport } = await queryData(person, ALL);
  expect(servicesReport.overall.services).toBe(1);
  expect(servicesReport.teams.map((one: Json) => one.team.name)).toEqual(['Mobile']);
  expect(servicesReport.tiers.map((one: Json) => one.services)).toEqual([1]);
  expect(servicesReport.categories.every((one: Json) => one.services === 1)).toBe(true);
  const document =
    'query ($id: ID!) { service(id: $id) { maturityReport { level { name } } } servicesReport { history { services } } }';
  const { data } = await person.query(document, { id: own });
  expect(data).toMatchObject({
    service: { maturityReport: { level: { name: 'Bronze' } } },
    servicesReport: { history: null },
  });
  expect((await person.query(document, { id: shop })).data.service).toBeNull();
});
