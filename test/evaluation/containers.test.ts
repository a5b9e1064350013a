import { describe, expect, test } from 'vitest';
import { newId, toPublicId } from '../../src/lib/ids.ts';
import { organizationUuid, uuidOf } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { enqueue, runJobs } from '../support/jobs.ts';
import { createApiToken, createCheck, createOrganization, getRubric, mutate, queryData } from '../support/world.ts';

const HOUR = 3_600_000;

const api = await startApi();
const { root } = api;

/** An organization whose campaigns and scorecards are written by SQL. */
async function createWorld(slug: string) {
  const organization = await createOrganization(api, slug);
  const id = organizationUuid(organization);
  const owner = await createApiToken(api, organization.owner, 'WRITE');
  const rubric = await getRubric(owner);
  const insert = async (table: string, row: Record<string, string | null>): Promise<string> => {
    const own = newId();
    await root`insert into ${root(table)} ${root({ organization_id: id, id: own, ...row })}`;
    return own;
  };
  const evaluate = async (): Promise<void> => {
    await enqueue(api, 'evaluate', { organizationId: id, serviceIds: null, checkIds: null });
    await runJobs(api);
  };
  return {
    id,
    owner,
    rubric,
    insert,
    evaluate,
    check: (level: string, settings: object, more: object = {}) =>
      createCheck(owner, rubric, { level: { id: rubric.levels[level] }, settings, ...more }),
    service: async (name: string, more: object = {}): Promise<string> =>
      (await mutate(owner, 'createService', { name, ...more }, 'service { id }')).service.id,
    filter: async (value: string): Promise<string> => {
      const predicates = [{ key: 'NAME', operator: 'STARTS_WITH', value }];
      return (await mutate(owner, 'createFilter', { name: value, predicates }, 'filter { id }')).filter.id;
    },
    moveToCampaign: (check: string, campaign: string) =>
      root`update checks set campaign_id = ${campaign} where id = ${uuidOf('chk', check)}`,
    levelOf: async (service: string): Promise<string | null> =>
      (await queryData(owner, 'query ($id: ID!) { service(id: $id) { level { name } } }', { id: service })).service
        .level?.name ?? null,
    /** The names of the services that have a latest result of the check. */
    evaluated: async (check: string): Promise<string[]> =>
      (
        await root`select name from check_results join services using (organization_id) where organization_id = ${id}
          and services.id = service_id and check_id = ${uuidOf('chk', check)} and replaced_at is null order by name`
      ).map((row) => row['name']),
  };
}

const NONE = { hasDependency: true };

describe('a check of a campaign', () => {
  test('counts from the start to the end, keeps its results afterwards, and never affects the level', async () => {
    const world = await createWorld('campaign');
    const start = new Date(Date.now() + HOUR);
    const filter_id = uuidOf('fil', await world.filter('A'));
    const campaign = await world.insert('campaigns', { name: 'Tags', start_at: start.toISOString(), filter_id });
    const check = await world.check('Silver', { tagDefined: { key: 'env' } });
    await world.moveToCampaign(check, campaign);
    const shop = await world.service('A shop');
    await world.service('Another');
    await world.service('Billing');
    await world.evaluate();
    expect(await world.evaluated(check)).toEqual([]);
    api.advance(HOUR + 1);
    await enqueue(api, 'evaluate-due', { after: null });
    await runJobs(api);
    expect(await world.evaluated(check)).toEqual(['A shop', 'Another']);
    expect(await world.levelOf(shop)).toBeNull();
    await root`update campaigns set ended_at = ${start} where id = ${campaign}`;
    const rename = { service: { id: shop }, name: 'Shop', addTags: [{ key: 'env', value: 'a' }] };
    expect((await mutate(world.owner, 'updateService', rename)).errors).toEqual([]);
    await world.evaluate();
    expect(await world.evaluated(check)).toEqual(['Another', 'Shop']);
    const statuses = await root`select distinct status from check_results where check_id = ${uuidOf('chk', check)}`;
    expect(statuses.map((row) => row['status'])).toEqual(['FAILED']);
  });

  test('is reported only while the campaign is in progress and its filter matches', async () => {
    const world = await createWorld('reported');
    const filter_id = uuidOf('fil', await world.filter('A'));
    const campaign = await world.insert('campaigns', { name: 'Reviews', filter_id });
    const check = await world.check('Silver', { manual: {} });
    await world.moveToCampaign(check, campaign);
    const [shop, billing] = [await world.service('A shop'), await world.service('Billing')];
    const report = async (service: string): Promise<string[]> => {
      const document = `mutation ($input: ReportCheckResultInput!) {
        reportCheckResult(input: $input) { errors { message } }
      }`;
      const input = { check: { id: check }, service: { id: service }, status: 'PASSED' };
      const { reportCheckResult } = await queryData(world.owner, document, { input });
      return reportCheckResult.errors.map(({ message }: Json) => message);
    };
    const NOT_RUNNING = ['check: belongs to a campaign that is not in progress.'];
    expect(await report(shop)).toEqual(NOT_RUNNING);
    await root`update campaigns set start_at = now() - interval '1 hour' where id = ${campaign}`;
    expect(await report(shop)).toEqual([]);
    expect(await report(billing)).toEqual(['check: does not apply to the service.']);
    await root`update campaigns set ended_at = now() where id = ${campaign}`;
    expect(await report(shop)).toEqual(NOT_RUNNING);
  });

  test('is evaluated again if the filter of the campaign changes', async () => {
    const world = await createWorld('filter');
    const filter = await world.filter('A');
    const times = { start_at: new Date(Date.now() - HOUR).toISOString() };
    const campaign = await world.insert('campaigns', { name: 'Tags', ...times, filter_id: uuidOf('fil', filter) });
    const check = await world.check('Silver', NONE);
    await world.moveToCampaign(check, campaign);
    for (const name of ['A shop', 'Billing']) await world.service(name);
    await world.evaluate();
    expect(await world.evaluated(check)).toEqual(['A shop']);
    const predicates = [{ key: 'NAME', operator: 'STARTS_WITH', value: 'B' }];
    await mutate(world.owner, 'updateFilter', { id: filter, predicates }, 'filter { id }');
    await runJobs(api);
    expect(await world.evaluated(check)).toEqual(['Billing']);
  });

  test('counts for the progress of each day by team', async () => {
    const world = await createWorld('progress');
    const started = new Date(Date.now() - HOUR).toISOString();
    const campaign = await world.insert('campaigns', { name: 'Tags', start_at: started });
    const draft = await world.insert('campaigns', { name: 'Draft' });
    const team = (await mutate(world.owner, 'createTeam', { name: 'Web' }, 'team { id }')).team.id;
    for (const more of [{ tagDefined: { key: 'a' } }, { tagDefined: { key: 'b' } }])
      await world.moveToCampaign(await world.check('Silver', more), campaign);
    await world.moveToCampaign(await world.check('Gold', { manual: {} }, { passPending: true }), campaign);
    const tags = (...keys: string[]) => ({ tags: keys.map((key) => ({ key, value: '1' })) });
    await world.service('Both', { owner: { id: team }, ...tags('a', 'b') });
    await world.service('One', { owner: { id: team }, ...tags('a') });
    await world.service('Orphan', tags('b'));
    await world.evaluate();
    const history = async (id: string) =>
      (await root`select teams from campaign_history where campaign_id = ${id}`).map((row) => row['teams']);
    const numbers = {
      [uuidOf('tea', team)]: { services: 2, passingServices: 1, results: 6, passingResults: 5 },
      none: { services: 1, passingServices: 0, results: 3, passingResults: 2 },
    };
    expect(await history(campaign)).toEqual([numbers]);
    expect(await history(draft)).toEqual([]);
    await root`update campaigns set start_at = null where id = ${campaign}`;
    await world.evaluate();
    expect(await history(campaign)).toEqual([]);
  });
});

describe('a check of a scorecard', () => {
  test('gives a level in the scorecard and its category only, to services that the scorecard applies to', async () => {
    const world = await createWorld('scorecard');
    const filter_id = uuidOf('fil', await world.filter('A'));
    const scorecard_id = await world.insert('scorecards', { name: 'Security', filter_id });
    const category = await world.insert('categories', { name: 'Secrets', scorecard_id });
    const ownCheck = await world.check('Gold', NONE, { category: { id: toPublicId('cat', category) } });
    await world.check('Silver', NONE);
    const shop = await world.service('A shop');
    await world.service('Billing');
    await world.evaluate();
    expect(await world.evaluated(ownCheck)).toEqual(['A shop']);
    expect(await world.levelOf(shop)).toBe('Bronze');
    const levelsIn = async (table: string, column: string, section: string) =>
      (
        await root`select services.name, levels.name as level from ${root(table)} as one
          join services using (organization_id) join levels using (organization_id)
          where services.id = service_id and levels.id = one.level_id and ${root(column)} = ${section}`
      ).map(({ name, level }) => [name, level]);
    const inScorecard = () => levelsIn('scorecard_levels', 'scorecard_id', scorecard_id);
    expect(await inScorecard()).toEqual([['A shop', 'Silver']]);
    expect(await levelsIn('service_levels', 'category_id', category)).toEqual([['A shop', 'Silver']]);
    const document = `query ($id: ID!) {
      service(id: $id) { maturityReport { level { name } categories { category { name } } missing { check { name } } } }
      servicesReport { categories { category { name } services } history(days: 1) { services levels { services } } }
    }`;
    const { service, servicesReport } = await queryData(world.owner, document, { id: shop });
    expect(service.maturityReport).toEqual({
      level: { name: 'Bronze' },
      categories: [{ category: { name: 'Security' } }],
      missing: [{ check: { name: 'A check' } }],
    });
    expect(servicesReport.categories).toEqual([{ category: { name: 'Security' }, services: 2 }]);
    expect(servicesReport.history).toEqual([{ services: 2, levels: [{ services: 2 }] }]);
    const [numbers] = await root`select services from maturity_history where category_id = ${scorecard_id}`;
    expect(numbers?.['services']).toEqual({ [uuidOf('lvl', world.rubric.levels['Silver'] ?? '')]: 1, none: 1 });
  });

  test('does not prevent the deletion of a level, which moves the services to the level before', async () => {
    const world = await createWorld('level');
    const scorecard_id = await world.insert('scorecards', { name: 'Security' });
    const category = await world.insert('categories', { name: 'Secrets', scorecard_id });
    await world.check('Gold', NONE, { category: { id: toPublicId('cat', category) } });
    await world.service('A shop');
    await world.evaluate();
    const levels = async () =>
      (
        await root`select name from scorecard_levels join levels using (organization_id)
          where levels.id = level_id and scorecard_id = ${scorecard_id}`
      ).map((row) => row['name']);
    expect(await levels()).toEqual(['Silver']);
    const remove = { level: { id: world.rubric.levels['Silver'] } };
    expect((await mutate(world.owner, 'deleteLevel', remove)).errors).toEqual([]);
    expect(await levels()).toEqual(['Bronze']);
    await runJobs(api);
    expect(await levels()).toEqual(['Bronze']);
  });
});
