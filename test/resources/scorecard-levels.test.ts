import { describe, expect, test } from 'vitest';
import { allow, createRole, deny, giveRole, ifOwned, type Statement } from '../decisions/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { runJobs } from '../support/jobs.ts';
import {
  addMember,
  createCheck,
  createOrganization,
  getRubric,
  mutate,
  type Person,
  queryData,
} from '../support/world.ts';

/**
 * One organization for all tests. The scorecard applies to services whose name begins with A. Its check of level Gold requires
 * the tag `env`, so a service without it has the level Silver.
 */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const rubric = await getRubric(owner);
const create = async (name: string, input: object, type: string): Promise<string> =>
  (await mutate(owner, name, input, `${type} { id }`))[type].id;
const startsWith = (value: string) => [{ key: 'NAME', operator: 'STARTS_WITH', value }];
const filterId = await create('createFilter', { name: 'A', predicates: startsWith('A') }, 'filter');
const id = await create('createScorecard', { name: 'Ready', alias: 'ready', filterId }, 'scorecard');
const categoryId = await create('createCategory', { name: 'Security', scorecard: { id } }, 'category');
const web = await create('createTeam', { name: 'Web' }, 'team');
const level = (name: string) => ({ level: { id: rubric.levels[name] } });
const tag = { tagDefined: { key: 'env' } };
const check = await createCheck(owner, rubric, { category: { id: categoryId }, ...level('Gold'), settings: tag });
await createCheck(owner, rubric, { name: 'Of the rubric', ...level('Silver'), settings: { hasDependency: true } });
const tags = [{ key: 'env', value: 'production' }];
const tagged = await create('createService', { name: 'A tagged', tags, owner: { id: web } }, 'service');
const plain = await create('createService', { name: 'A plain' }, 'service');
const other = await create('createService', { name: 'Billing' }, 'service');
await runJobs(api);

const SERVICES = `query ($ids: [ID!]!, $scorecard: ScorecardReference!) { nodes(ids: $ids) { ... on Service {
  level { name }
  scorecards { scorecard { name } level { name } }
  inRubric: maturityReport { level { name } missing { check { name } } categories { category { id } } }
  inScorecard: maturityReport(scorecard: $scorecard) {
    level { name } nextLevel { name } missing { check { id } } categories { category { id } level { name } }
  }
} } }`;
const read = async (ids: string[], by: Caller = owner) =>
  (await queryData(by, SERVICES, { ids, scorecard: { alias: 'ready' } })).nodes;

const REPORT = `query ($id: ID!) { scorecard(id: $id) { servicesReport {
  services levels { level { name } services }
  categories { category { id } services levels { level { name } services } }
  history(days: 2) { services levels { level { name } hasLevel services } }
} } }`;
const report = async (by: Caller = owner) => (await queryData(by, REPORT, { id })).scorecard.servicesReport;

const ready = (name: string) => [{ scorecard: { name: 'Ready' }, level: { name } }];

test('a service has a level in the scorecards that apply to it, apart from its level in the rubric', async () => {
  const [one, two, three] = await read([tagged, plain, other]);
  const inRubric = {
    level: { name: 'Bronze' },
    missing: [{ check: { name: 'Of the rubric' } }],
    categories: [{ category: { id: rubric.categories['Security'] } }],
  };
  for (const service of [one, two, three]) expect([service.level.name, service.inRubric]).toEqual(['Bronze', inRubric]);
  expect([one.scorecards, two.scorecards, three.scorecards]).toEqual([ready('Gold'), ready('Silver'), []]);
  const section = (name: string) => [{ category: { id: categoryId }, level: { name } }];
  const inScorecard = (name: string, more: object) => ({ level: { name }, categories: section(name), ...more });
  expect(one.inScorecard).toEqual(inScorecard('Gold', { nextLevel: null, missing: [] }));
  const missing = [{ check: { id: check } }];
  expect(two.inScorecard).toEqual(inScorecard('Silver', { nextLevel: { name: 'Gold' }, missing }));
  expect(three.inScorecard).toEqual({ level: null, nextLevel: null, missing: [], categories: [] });
});

test('the report counts the services at each level of the scorecard, and that of the rubric does not have it', async () => {
  const levels = ['Silver', 'Gold'].map((name) => ({ level: { name }, services: 1 }));
  const { history, ...now } = await report();
  expect(now).toEqual({ services: 2, levels, categories: [{ category: { id: categoryId }, services: 2, levels }] });
  const stored = (name: string | null) => ({ level: name && { name }, hasLevel: name !== null, services: 1 });
  expect(history).toHaveLength(1);
  expect(history[0].services).toBe(3);
  expect(history[0].levels).toHaveLength(3);
  expect(history[0].levels).toEqual(expect.arrayContaining([stored('Silver'), stored('Gold'), stored(null)]));
  const document =
    '{ servicesReport { overall { levels { level { name } services } } categories { category { id } } } }';
  const { servicesReport } = await queryData(owner, document);
  expect(servicesReport).toEqual({
    overall: { levels: [{ level: { name: 'Bronze' }, services: 3 }] },
    categories: [{ category: { id: rubric.categories['Security'] } }],
  });
});

test('the report and the levels show only services whose results the caller may read', async () => {
  const member = await addMember(api, acme, 'guest', 'mine');
  await mutate(owner, 'updateTeam', { team: { id: web }, addMembers: [{ principalId: member.memberId }] });
  const own = [ifOwned(allow('check_result:read')), allow('service:read', 'scorecard:read', 'level:read')];
  await giveRole(owner, member.memberId, await createRole(owner, 'Own results', own));
  expect(await report(member)).toMatchObject({
    services: 1,
    levels: [{ level: { name: 'Gold' }, services: 1 }],
    history: null,
  });
  const levels =
    '{ one: service(id: $one) { scorecards { level { name } } } two: service(id: $two) { scorecards { level { name } } } }';
  const { data, errors } = await member.query(`query ($one: ID!, $two: ID!) ${levels}`, { one: tagged, two: plain });
  expect(data).toEqual({ one: { scorecards: [{ level: { name: 'Gold' } }] }, two: { scorecards: null } });
  expect(errors?.map(({ path, extensions }: Json) => [path, extensions.permission])).toEqual([
    [['two', 'scorecards'], 'check_result:read'],
  ]);
  await giveRole(
    owner,
    member.memberId,
    await createRole(owner, 'No results', [allow('*:read'), deny('check_result:*')]),
  );
  const refused = await member.query(REPORT, { id });
  expect([refused.data.scorecard.servicesReport, refused.errors?.[0].extensions.permission]).toEqual([
    null,
    'check_result:read',
  ]);
});

test('a scorecard that the caller cannot see has no report, and is null in the levels of a service', async () => {
  const blind = await addMember(api, acme, 'guest', 'blind');
  const statements = [allow('*:read'), deny('scorecard:*')];
  await giveRole(owner, blind.memberId, await createRole(owner, 'Blind', statements));
  const [service] = await read([tagged], blind);
  expect(service.scorecards).toEqual([{ scorecard: null, level: { name: 'Gold' } }]);
  expect(service.inScorecard).toBeNull();
  expect(service.inRubric.level).toEqual({ name: 'Bronze' });
  const globex = await createOrganization(api, 'globex');
  const theirs = (await mutate(globex.owner, 'createScorecard', { name: 'Ready' }, 'scorecard { id }')).scorecard.id;
  const document =
    'query ($id: ID!, $of: ID!) { service(id: $id) { maturityReport(scorecard: { id: $of }) { level { name } } } }';
  expect(await queryData(owner, document, { id: tagged, of: theirs })).toEqual({ service: { maturityReport: null } });
});

describe('the list of services by the level in a scorecard', () => {
  const LIST = 'query ($filter: ServiceFilter) { services(filter: $filter) { totalCount nodes { id } } }';
  const found = async (by: Caller, scorecard: object, of: object, more = {}): Promise<string[]> => {
    const filter = { scorecardLevel: { scorecard, level: of }, ...more };
    const { nodes, totalCount } = (await queryData(by, LIST, { filter })).services;
    expect(nodes).toHaveLength(totalCount);
    return nodes.map((one: Json) => one.id);
  };
  const person = async (name: string, ...statements: Statement[]): Promise<Person> => {
    const member = await addMember(api, acme, 'guest', name);
    await giveRole(owner, member.memberId, await createRole(owner, name, statements));
    return member;
  };

  test('has the services at this level, by ID or alias', async () => {
    expect(await found(owner, { id }, { id: rubric.levels['Gold'] })).toEqual([tagged]);
    expect(await found(owner, { alias: 'ready' }, { alias: 'silver' })).toEqual([plain]);
    expect(await found(owner, { id }, { id: rubric.levels['Bronze'] })).toEqual([]);
    expect(await found(owner, { id }, { alias: 'silver' }, { owner: { id: web } })).toEqual([]);
  });

  test('has only services whose results the caller may read', async () => {
    const reads = allow('team:read', 'service:read', 'scorecard:read', 'level:read');
    const gold = { alias: 'gold' };
    const without = await person('without results', reads);
    expect(await found(without, { id }, gold)).toEqual([]);
    const ofTeam = await person('results of the team', reads, ifOwned(allow('check_result:read')));
    expect(await found(ofTeam, { id }, gold)).toEqual([]);
    await mutate(owner, 'updateTeam', { team: { id: web }, addMembers: [{ principalId: ofTeam.memberId }] });
    expect(await found(ofTeam, { id }, gold)).toEqual([tagged]);
    expect(await found(ofTeam, { id }, { alias: 'silver' })).toEqual([]);
  });

  test('is empty for a scorecard or a level that the caller cannot see, as for one that does not exist', async () => {
    for (const hidden of ['scorecard', 'level']) {
      const blind = await person(`without ${hidden}s`, allow('*:read'), deny(`${hidden}:*`));
      for (const scorecard of [{ id }, { alias: 'ready' }])
        for (const of of [{ id: rubric.levels['Gold'] }, { alias: 'gold' }])
          expect(await found(blind, scorecard, of)).toEqual([]);
    }
    const globex = await createOrganization(api, 'initech');
    const theirs = (await mutate(globex.owner, 'createScorecard', { name: 'Ready' }, 'scorecard { id }')).scorecard.id;
    const ofGlobex = (await getRubric(globex.owner)).levels['Gold'];
    expect(await found(owner, { id }, { id: ofGlobex })).toEqual([]);
    for (const scorecard of [{ id: theirs }, { alias: 'unknown' }, { id: web }, { id: 'x' }])
      expect(await found(owner, scorecard, { alias: 'gold' })).toEqual([]);
  });
});

test('another filter of the scorecard changes which services have a level in it', async () => {
  const update = (changes: object) => mutate(owner, 'updateScorecard', { scorecard: { id }, ...changes });
  const levels = async () =>
    (await read([tagged, plain, other])).map((one: Json) => one.scorecards[0]?.level.name ?? null);
  expect(await update({ filterId: null })).toEqual({ errors: [] });
  await runJobs(api);
  expect(await levels()).toEqual(['Gold', 'Silver', 'Silver']);
  const predicates = startsWith('B');
  const billing = await create('createFilter', { name: 'B', predicates }, 'filter');
  expect(await update({ filterId: billing })).toEqual({ errors: [] });
  await runJobs(api);
  expect(await levels()).toEqual([null, null, 'Silver']);
  expect((await read([other]))[0].inRubric.level).toEqual({ name: 'Bronze' });
  // The filter itself can change too.
  await mutate(owner, 'updateFilter', { id: billing, predicates: startsWith('A') });
  await runJobs(api);
  expect(await levels()).toEqual(['Gold', 'Silver', null]);
  expect(await update({ filterId })).toEqual({ errors: [] });
  await runJobs(api);
});

test('a check that moves to the rubric applies to all services, and counts for the rubric only', async () => {
  const move = async (to: string): Promise<void> => {
    expect((await mutate(owner, 'updateCheck', { check: { id: check }, category: { id: to } })).errors).toEqual([]);
    await runJobs(api);
  };
  const results = async () =>
    (await queryData(owner, 'query ($id: ID!) { check(id: $id) { stats { passed failed } } }', { id: check })).check
      .stats;
  expect(await results()).toEqual({ passed: 1, failed: 1 });
  await move(rubric.categories['Reliability'] ?? '');
  expect(await results()).toEqual({ passed: 1, failed: 2 });
  const [moved] = await read([plain]);
  expect([moved.scorecards, moved.inScorecard.level]).toEqual([[], null]);
  expect(moved.inRubric.categories).toHaveLength(2);
  expect(await report()).toMatchObject({ services: 0, levels: [], categories: [] });
  await move(categoryId);
  expect(await results()).toEqual({ passed: 1, failed: 1 });
  const [back] = await read([plain]);
  expect([back.scorecards, back.inRubric.categories.length]).toEqual([ready('Silver'), 1]);
});
