import { expect, test } from 'vitest';
import { organizationUuid, uuidOf } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { runJobs } from '../support/jobs.ts';
import { size } from '../support/size.ts';
import { until } from '../support/until.ts';
import {
  createApiToken,
  createCheck,
  createOrganization,
  getRubric,
  mutate,
  queryData,
  waitsForLock,
} from '../support/world.ts';

const api = await startApi();
const { root } = api;
const acme = await createOrganization(api, 'acme');
const owner = await createApiToken(api, acme.owner, 'WRITE');
const rubric = await getRubric(owner);
await mutate(owner, 'createService', { name: 'Shop' });

/** A scorecard with a category and a check, which is evaluated. */
async function createScorecard(name: string) {
  const { scorecard } = await mutate(owner, 'createScorecard', { name }, 'scorecard { id }');
  const input = { name: `Category of ${name}`, scorecard: { id: scorecard.id } };
  const { category } = await mutate(owner, 'createCategory', input, 'category { id }');
  const check = await createCheck(owner, rubric, {
    ...{ name: `Check of ${name}`, category: { id: category.id }, settings: { tagDefined: { key: 'env' } } },
  });
  return { id: scorecard.id as string, category: category.id as string, check };
}

const remove = (id: string, results = 'deletedId') => mutate(owner, 'deleteScorecard', { scorecard: { id } }, results);
const existing = async (...ids: string[]): Promise<boolean[]> =>
  (await queryData(owner, 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids })).nodes.map((one: Json) => !!one);

/** Rows without their category, check or scorecard: there is none after any deletion. */
async function orphans(): Promise<string[]> {
  const own = organizationUuid(acme);
  const rows = await root`
    select 'result' as kind from check_results where organization_id = ${own}
      and check_id not in (select id from checks where organization_id = ${own})
    union all select 'level' from service_levels where organization_id = ${own}
      and category_id not in (select id from categories where organization_id = ${own})
    union all select 'category' from categories where organization_id = ${own}
      and scorecard_id not in (select id from scorecards where organization_id = ${own})`;
  return rows.map((row) => row['kind']);
}

test('a deleted scorecard takes its categories, checks, results, levels and history with it, and nothing else', async () => {
  const [doomed, kept] = [await createScorecard('Doomed'), await createScorecard('Kept')];
  await createCheck(owner, rubric, { name: 'In the rubric', settings: { tagDefined: { key: 'env' } } });
  await runJobs(api);
  const count = async ({ id, category, check }: typeof doomed): Promise<Json> => {
    const [one, section, rule] = [uuidOf('sco', id), uuidOf('cat', category), uuidOf('chk', check)];
    const [row] = await root`select
      (select count(*)::int from check_results where check_id = ${rule}) as results,
      (select count(*)::int from service_levels where category_id = ${section}) as "inCategories",
      (select count(*)::int from scorecard_levels where scorecard_id = ${one}) as "inScorecards",
      (select count(*)::int from maturity_history where category_id in (${one}, ${section})) as history`;
    return row;
  };
  const stored = { results: 1, inCategories: 1, inScorecards: 1, history: 2 };
  expect([await count(doomed), await count(kept)]).toEqual([stored, stored]);
  const inRubric = async () =>
    (await queryData(owner, '{ rubric { checks { totalCount } categories { totalCount } } }')).rubric;
  const before = await inRubric();
  expect(await remove(doomed.id)).toEqual({ deletedId: doomed.id, errors: [] });
  expect(await existing(doomed.id, doomed.category, doomed.check)).toEqual([false, false, false]);
  expect(await existing(kept.id, kept.category, kept.check)).toEqual([true, true, true]);
  const nothing = { results: 0, inCategories: 0, inScorecards: 0, history: 0 };
  expect([await count(doomed), await count(kept)]).toEqual([nothing, stored]);
  expect(await inRubric()).toEqual(before);
  await runJobs(api);
  expect([await count(doomed), await orphans()]).toEqual([nothing, []]);
});

test('the audit event of the deletion has the fields of each category and check, and is found by their IDs', async () => {
  const { id, category, check } = await createScorecard('Audited');
  await remove(id);
  const document = `query ($id: ID!) { auditEvents(first: 1, filter: { targetId: $id }) { nodes {
    action permission targetId related { targetId before after } } } }`;
  for (const target of [id, category, check]) {
    const [event] = (await queryData(acme.owner, document, { id: target })).auditEvents.nodes;
    expect(event).toMatchObject({ action: 'deleteScorecard', permission: 'scorecard:delete', targetId: id });
    expect(event.related).toMatchObject([
      { targetId: category, before: { name: 'Category of Audited', scorecardId: id }, after: null },
      { targetId: check, before: { name: 'Check of Audited', categoryId: category }, after: null },
    ]);
  }
});

test('a check belongs to a scorecard or to a campaign, so its deletion never takes checks of campaigns', async () => {
  const { category, check } = await createScorecard('Apart');
  const { campaign } = await mutate(owner, 'createCampaign', { name: 'Drive' }, 'campaign { id }');
  const copy = (id: string) => ({ campaignId: campaign.id, checks: [{ id }] });
  const refused = await mutate(owner, 'copyChecksToCampaign', copy(check));
  expect(refused).toEqual({ errors: [{ code: 'INVALID', path: ['checks', '0'] }] });
  const source = await createCheck(owner, rubric);
  const { checks } = await mutate(owner, 'copyChecksToCampaign', copy(source), 'checks { id }');
  const move = (id: string) => mutate(owner, 'updateCheck', { check: { id }, category: { id: category } });
  expect(await move(checks[0].id)).toEqual({ errors: [{ code: 'INVALID', path: ['category'] }] });
  expect(await move(source)).toEqual({ errors: [] });
});

test('a copy in a campaign whose source is deleted with a scorecard remains without its source', async () => {
  const { id, category } = await createScorecard('Source');
  const check = await createCheck(owner, rubric, { name: 'Travels' });
  const { campaign } = await mutate(owner, 'createCampaign', { name: 'Tour' }, 'campaign { id }');
  const copy = { campaignId: campaign.id, checks: [{ id: check }] };
  const { checks } = await mutate(owner, 'copyChecksToCampaign', copy, 'checks { id }');
  await mutate(owner, 'updateCheck', { check: { id: check }, category: { id: category } });
  expect(await remove(id)).toEqual({ deletedId: id, errors: [] });
  const document = 'query ($id: ID!) { node(id: $id) { ... on Check { name sourceCheck { id } } } }';
  const seen = await queryData(owner, document, { id: checks[0].id });
  expect(seen.node).toEqual({ name: 'Travels', sourceCheck: null });
});

test('a team or a filter of a scorecard is in use', async () => {
  const { team } = await mutate(owner, 'createTeam', { name: 'Owners' }, 'team { id }');
  const predicates = [{ key: 'NAME', operator: 'STARTS_WITH', value: 'S' }];
  const { filter } = await mutate(owner, 'createFilter', { name: 'S', predicates }, 'filter { id }');
  const input = { name: 'Uses', team: { id: team.id }, filterId: filter.id };
  const { scorecard } = await mutate(owner, 'createScorecard', input, 'scorecard { id }');
  const inUse = (path: string) => ({ errors: [{ code: 'IN_USE', path: [path] }] });
  expect(await mutate(owner, 'deleteTeam', { team: { id: team.id } })).toEqual(inUse('team'));
  expect(await mutate(owner, 'deleteFilter', { id: filter.id })).toEqual(inUse('id'));
  await remove(scorecard.id);
  expect(await mutate(owner, 'deleteTeam', { team: { id: team.id } })).toEqual({ errors: [] });
  expect(await mutate(owner, 'deleteFilter', { id: filter.id })).toEqual({ errors: [] });
});

test('a category or a check that is created while its scorecard is deleted is refused, or deleted with it', async () => {
  for (let round = 0; round < size(3, 20); round += 1) {
    const { id, category } = await createScorecard(`Race ${round}`);
    const place = { category: { id: category }, level: { id: rubric.levels['Gold'] } };
    const answers = await Promise.all([
      mutate(owner, 'createCategory', { name: 'Late', scorecard: { id } }),
      remove(id),
      mutate(owner, 'createCheck', { name: 'Late', ...place }),
      mutate(owner, 'updateCheck', { check: { id: await createCheck(owner, rubric) }, category: { id: category } }),
      mutate(owner, 'createService', { name: `Race ${round}` }),
    ]);
    // A conflict between the requests is an error that asks to try again.
    const allowed = [undefined, 'NOT_FOUND', 'CONFLICT', 'IN_USE'];
    for (const { errors, refused } of answers) expect(allowed).toContain(refused ?? errors[0]?.code);
    await expect.poll(() => remove(id), { timeout: 30_000 }).toMatchObject({ refused: 'NOT_FOUND' });
    expect(await orphans()).toEqual([]);
  }
  await runJobs(api);
  expect(await orphans()).toEqual([]);
});

test('an evaluation that runs while a scorecard is deleted leaves nothing of it', async () => {
  const { id, check } = await createScorecard('Evaluated');
  const services = Array.from({ length: size(5, 50) }, (_, at) =>
    mutate(owner, 'createService', { name: `Evaluated ${at}` }),
  );
  const [answers] = await Promise.all([Promise.all(services), runJobs(api)]);
  for (const { errors } of answers) expect(errors).toEqual([]);
  const more = Array.from({ length: size(5, 50) }, (_, at) => mutate(owner, 'createService', { name: `More ${at}` }));
  const [deleted] = await Promise.all([remove(id), ...more, runJobs(api)]);
  expect(deleted).toEqual({ deletedId: id, errors: [] });
  await runJobs(api);
  expect(await orphans()).toEqual([]);
  const own = organizationUuid(acme);
  const left =
    await root`select from check_results where organization_id = ${own} and check_id = ${uuidOf('chk', check)}`;
  expect(left).toHaveLength(0);
});

test('an organization with scorecards can be deleted', async () => {
  const doomed = await createOrganization(api, 'doomed');
  const own = await getRubric(doomed.owner);
  const predicates = [{ key: 'NAME', operator: 'STARTS_WITH', value: 'S' }];
  const { filter } = await mutate(doomed.owner, 'createFilter', { name: 'S', predicates }, 'filter { id }');
  const input = { name: 'Doomed', filterId: filter.id };
  const { scorecard } = await mutate(doomed.owner, 'createScorecard', input, 'scorecard { id }');
  const section = { name: 'Doomed', scorecard: { id: scorecard.id } };
  const { category } = await mutate(doomed.owner, 'createCategory', section, 'category { id }');
  await createCheck(doomed.owner, own, { category: { id: category.id }, settings: { hasOwner: {} } });
  await mutate(doomed.owner, 'createService', { name: 'Shop' });
  const uuid = organizationUuid(doomed);
  expect(await root`select from scorecard_levels where organization_id = ${uuid}`).toHaveLength(1);
  const confirmed = { id: doomed.id, slug: 'doomed' };
  expect(await mutate(doomed.owner, 'deleteOrganization', confirmed)).toEqual({ errors: [] });
  expect(await root`select from scorecards where organization_id = ${uuid}`).toHaveLength(0);
});

test('each deletion of a check waits for evaluations before it locks the check, so that two deletions do not wait for each other', async () => {
  const { category, check } = await createScorecard('Locked');
  const source = await createCheck(owner, rubric, { name: 'Copied', settings: { tagDefined: {} } });
  const { campaign } = await mutate(owner, 'createCampaign', { name: 'Locked' }, 'campaign { id }');
  const copies = { campaignId: campaign.id, checks: [{ id: source }] };
  const [copy] = (await mutate(owner, 'copyChecksToCampaign', copies, 'checks { id }')).checks;
  const removed = { campaignId: campaign.id, checks: [{ id: copy.id }] };
  for (const [name, input, table, id] of [
    ['removeChecksFromCampaign', removed, 'checks', uuidOf('chk', copy.id)],
    ['deleteCheck', { check: { id: check } }, 'checks', uuidOf('chk', check)],
    ['deleteCategory', { category: { id: category } }, 'categories', uuidOf('cat', category)],
  ] as const) {
    let done: Promise<Json> | undefined;
    const isFree = await root.begin(async (tx) => {
      await tx`select from levels where organization_id = ${organizationUuid(acme)} for update`;
      done = mutate(owner, name, input);
      await until(() => waitsForLock(api));
      const own = tx`organization_id = ${organizationUuid(acme)} and id = ${id}`;
      const free = await tx`select from ${tx(table)} where ${own} for update skip locked`;
      return free.length === 1;
    });
    expect([name, isFree, await done]).toEqual([name, true, { errors: [] }]);
  }
});
