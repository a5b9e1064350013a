import { describe, expect, test } from 'vitest';
import { newId, toPublicId } from '../../src/lib/ids.ts';
import { allow, createRole } from '../decisions/support.ts';
import { organizationUuid, unknownId, uuidOf } from '../enforcement/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { runJobs } from '../support/jobs.ts';
import { addMember, createCheck, createOrganization, getRubric, mutate, queryData } from '../support/world.ts';

const HOUR = 3_600_000;

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const rubric = await getRubric(owner);
const globex = await createOrganization(api, 'globex');

let last = 0;
async function create(hours: number | null = null): Promise<string> {
  const { campaign } = await mutate(owner, 'createCampaign', { name: `Campaign ${++last}` }, 'campaign { id }');
  const at = (offset: number): string => new Date(Date.now() + offset * HOUR).toISOString();
  if (hours !== null)
    expect(await mutate(owner, 'scheduleCampaign', { id: campaign.id, startAt: at(hours), targetAt: at(99) })).toEqual({
      errors: [],
    });
  return campaign.id;
}
const ids = (...checks: string[]) => checks.map((id) => ({ id }));
const COPIED = 'campaign { id } checks { id name alias campaign { id } sourceCheck { id } }';
const copy = (campaignId: string, checks: readonly object[], by: Caller = owner): Promise<Json> =>
  mutate(by, 'copyChecksToCampaign', { campaignId, checks }, COPIED);
const remove = (campaignId: string, checks: readonly object[], by: Caller = owner): Promise<Json> =>
  mutate(by, 'removeChecksFromCampaign', { campaignId, checks });
const checksOf = async (id: string): Promise<Json[]> =>
  (
    await queryData(owner, 'query ($id: ID!) { campaign(id: $id) { checks(first: 500) { nodes { id name } } } }', {
      id,
    })
  ).campaign.checks.nodes;
const rejected = (...errors: [code: string, index: number][]) =>
  expect.objectContaining({ errors: errors.map(([code, index]) => ({ code, path: ['checks', String(index)] })) });

const FIELDS = `name notes type category { id } level { id } filter { id } team { id } owner { id } passPending enabled
  settings { ... on TagDefinedCheckSettings { key predicate { operator value } } }`;

describe('a copy', () => {
  test('has everything of its source but the alias, and does not follow its changes', async () => {
    const predicates = [{ key: 'LANGUAGE', operator: 'EXISTS' }];
    const { filter } = await mutate(owner, 'createFilter', { name: 'Has a language', predicates }, 'filter { id }');
    const { team } = await mutate(owner, 'createTeam', { name: 'Platform' }, 'team { id }');
    const settings = { tagDefined: { key: 'env', predicate: { operator: 'EQUALS', value: 'prod' } } };
    const source = await createCheck(owner, rubric, {
      ...{ name: 'Is in production', alias: 'in-production', notes: 'Because.\nSo.', passPending: true, settings },
      ...{ filterId: filter.id, team: { id: team.id }, ownerId: owner.memberId },
    });
    const campaign = await create();
    const { checks, ...rest } = await copy(campaign, [{ alias: 'in-production' }]);
    expect(rest).toEqual({ campaign: { id: campaign }, errors: [] });
    const [own] = checks;
    expect(checks).toEqual([
      { id: own.id, name: 'Is in production', alias: null, campaign: { id: campaign }, sourceCheck: { id: source } },
    ]);
    const both = async (): Promise<Json> =>
      queryData(owner, `query ($a: ID!, $b: ID!) { a: check(id: $a) { ${FIELDS} } b: check(id: $b) { ${FIELDS} } }`, {
        a: source,
        b: own.id,
      });
    const before = await both();
    expect(before.b).toEqual(before.a);
    expect(before.a.settings).toEqual(settings.tagDefined);
    await mutate(owner, 'updateCheck', { check: { id: source }, name: 'Is live', filterId: null });
    expect((await both()).b).toEqual(before.a);
    const { check } = await queryData(
      owner,
      'query ($id: ID!) { check(id: $id) { copies { nodes { id campaign { id } } } } }',
      { id: source },
    );
    expect(check.copies.nodes).toEqual([{ id: own.id, campaign: { id: campaign } }]);
    expect(await mutate(owner, 'deleteCheck', { check: { id: source } })).toEqual({ errors: [] });
    expect(
      (await queryData(owner, 'query ($id: ID!) { check(id: $id) { sourceCheck { id } } }', { id: own.id })).check,
    ).toEqual({
      sourceCheck: null,
    });
  });

  test('is in no list of checks unless the filter names its campaign', async () => {
    const campaign = await create();
    const source = await createCheck(owner, rubric, { name: 'Listed' });
    const [own] = (await copy(campaign, ids(source))).checks;
    const search = 'first: 500, filter: { search: "Listed"';
    const lists = await queryData(
      owner,
      `query ($id: ID!, $category: ID!) {
        checks(${search} }) { nodes { id } }
        named: checks(${search}, campaignId: $id }) { nodes { id } }
        rubric { checks(${search} }) { nodes { id } } }
        category(id: $category) { checks(first: 500) { nodes { id } } }
      }`,
      { id: campaign, category: rubric.categories['Security'] },
    );
    expect(lists.checks.nodes).toEqual([{ id: source }]);
    expect(lists.rubric.checks.nodes).toEqual([{ id: source }]);
    expect(lists.named.nodes).toEqual([{ id: own.id }]);
    const inCategory = lists.category.checks.nodes.map(({ id }: Json) => id);
    expect(inCategory).toContain(source);
    expect(inCategory).not.toContain(own.id);
    const byStranger = await queryData(
      globex.owner,
      'query ($id: ID!) { checks(filter: { campaignId: $id }) { totalCount } }',
      { id: campaign },
    );
    expect(byStranger.checks).toEqual({ totalCount: 0 });
  });

  test('leaves one event, which belongs to the campaign and to the copies', async () => {
    const campaign = await create();
    const [own] = (await copy(campaign, ids(await createCheck(owner, rubric)))).checks;
    await remove(campaign, ids(own.id));
    const rows = await api.root`
      select action, target_id, related from audit_events where target_id = ${campaign} order by id`;
    expect(rows.slice(-2)).toMatchObject([
      {
        action: 'copyChecksToCampaign',
        related: [{ targetId: own.id, before: null, after: { campaignId: campaign } }],
      },
      { action: 'removeChecksFromCampaign', related: [{ targetId: own.id, before: { id: own.id }, after: null }] },
    ]);
    const found = await api.root`
      select action from audit_events join audit_event_targets t using (organization_id)
      where t.event_id = audit_events.id and t.target_id = ${own.id} order by audit_events.id`;
    expect(found.map(({ action }) => action)).toEqual(['copyChecksToCampaign', 'removeChecksFromCampaign']);
  });

  test('is in the audit event when its source is deleted, and with all its fields when its campaign is deleted', async () => {
    const [campaign, other, source] = [await create(), await create(), await createCheck(owner, rubric)];
    const copies: string[] = [];
    for (const id of [campaign, other]) copies.push((await copy(id, ids(source))).checks[0].id);
    await mutate(owner, 'deleteCheck', { check: { id: source } });
    await mutate(owner, 'deleteCampaign', { id: campaign });
    const rows = await api.root`
      select action, target_id, before, related from audit_events where target_id in (${source}, ${campaign}) order by id`;
    const released = copies.map((id) => ({
      targetId: id,
      before: { sourceCheckId: source },
      after: { sourceCheckId: null },
    }));
    const [own] = copies;
    const before = expect.objectContaining({ id: own, name: 'A check', campaignId: campaign, sourceCheckId: null });
    expect(rows.slice(-2)).toEqual([
      { action: 'deleteCheck', target_id: source, before: expect.objectContaining({ id: source }), related: released },
      {
        ...{ action: 'deleteCampaign', target_id: campaign, before: expect.objectContaining({ id: campaign }) },
        related: [{ targetId: own, before, after: null }],
      },
    ]);
    const found = await api.root`
      select action from audit_events join audit_event_targets t using (organization_id)
      where t.event_id = audit_events.id and t.target_id = ${own ?? ''} order by audit_events.id`;
    expect(found.map(({ action }) => action)).toEqual(['copyChecksToCampaign', 'deleteCheck', 'deleteCampaign']);
  });
});

describe('all checks are copied, or none', () => {
  test('and each error has the index of its check', async () => {
    const campaign = await create();
    const [first, second] = [await createCheck(owner, rubric), await createCheck(owner, rubric)];
    const theirs = await createCheck(globex.owner, await getRubric(globex.owner), { alias: 'theirs' });
    const given = [...ids(first, unknownId('chk'), theirs), { alias: 'theirs' }, ...ids(second, first, campaign)];
    expect(await copy(campaign, given)).toEqual(
      rejected(['NOT_FOUND', 1], ['NOT_FOUND', 2], ['NOT_FOUND', 3], ['INVALID', 5], ['NOT_FOUND', 6]),
    );
    expect(await checksOf(campaign)).toEqual([]);
    expect(await copy(campaign, ids(first, second))).toMatchObject({ errors: [] });
    expect(await checksOf(campaign)).toHaveLength(2);
  });

  test('a check that is copied already, a copy, and a check of a scorecard are refused', async () => {
    const [campaign, other] = [await create(), await create()];
    const [first, second] = [await createCheck(owner, rubric), await createCheck(owner, rubric)];
    const [own] = (await copy(campaign, ids(first))).checks;
    const organizationId = organizationUuid(acme);
    const [scorecard, category] = [newId(), newId()];
    await api.root`insert into scorecards (organization_id, id, name) values (${organizationId}, ${scorecard}, 'Security')`;
    await api.root`insert into categories (organization_id, id, name, scorecard_id)
      values (${organizationId}, ${category}, 'Keys', ${scorecard})`;
    const ofScorecard = await createCheck(owner, rubric);
    await api.root`update checks set category_id = ${category} where id = ${uuidOf('chk', ofScorecard)}`;
    expect(await copy(campaign, ids(second, first, own.id, ofScorecard))).toEqual(
      rejected(['TAKEN', 1], ['INVALID', 2], ['INVALID', 3]),
    );
    expect(await copy(other, ids(own.id))).toEqual(rejected(['INVALID', 0]));
    const move = (check: string): Promise<Json> =>
      mutate(owner, 'updateCheck', { check: { id: check }, category: { id: toPublicId('cat', category) } });
    expect(await move(own.id)).toEqual({ errors: [{ code: 'INVALID', path: ['category'] }] });
    expect(await move(second)).toEqual({ errors: [] });
    expect(await copy(other, ids(first))).toMatchObject({ errors: [] });
  });

  test('1 to 500 checks', async () => {
    const campaign = await create();
    const outOf = (code: string) => expect.objectContaining({ errors: [{ code, path: ['checks'] }] });
    expect(await copy(campaign, [])).toEqual(outOf('TOO_SHORT'));
    const many = Array.from({ length: 501 }, () => ({ id: unknownId('chk') }));
    expect(await copy(campaign, many)).toEqual(outOf('TOO_LONG'));
    expect(await remove(campaign, many)).toEqual(outOf('TOO_LONG'));
    expect((await copy(campaign, many.slice(1))).errors).toHaveLength(500);
  });

  test('a campaign that has ended gets no more checks', async () => {
    const [source, more] = [await createCheck(owner, rubric), await createCheck(owner, rubric)];
    const campaign = await create(-1);
    expect(await copy(campaign, ids(source))).toMatchObject({ errors: [] });
    await mutate(owner, 'endCampaign', { id: campaign });
    expect(await copy(campaign, ids(more))).toMatchObject({ errors: [{ code: 'INVALID', path: ['campaignId'] }] });
  });

  test('of two requests that copy the same check at once, one succeeds', async () => {
    const campaign = await create();
    const source = await createCheck(owner, rubric);
    const both = await Promise.all([copy(campaign, ids(source)), copy(campaign, ids(source))]);
    expect(both.map(({ errors }) => errors.map(({ code }: Json) => code)).sort()).toEqual([[], ['TAKEN']]);
    expect(await checksOf(campaign)).toHaveLength(1);
  });

  test('of a source that is deleted at the same time, either no copy exists or one without a source', async () => {
    for (let round = 0; round < 15; round += 1) {
      const campaign = await create();
      const source = await createCheck(owner, rubric);
      const [copied, deleted] = await Promise.all([
        copy(campaign, ids(source)),
        mutate(owner, 'deleteCheck', { check: { id: source } }),
      ]);
      expect([copied.refused, deleted]).toEqual([undefined, { errors: [] }]);
      const left = await checksOf(campaign);
      expect(left).toHaveLength(copied.errors.length === 0 ? 1 : 0);
    }
  });
});

describe('who copies', () => {
  test('needs campaign:update, and sees the checks only with check:read', async () => {
    const [source, campaign] = [await createCheck(owner, rubric), await create()];
    const user = await addMember(api, acme, 'user');
    expect(await copy(campaign, ids(source), user)).toEqual({ refused: 'NO_GRANT' });
    expect(await remove(campaign, ids(source), user)).toEqual({ refused: 'NO_GRANT' });
    const blind = await addMember(api, acme, 'user', 'blind');
    const withRole = async (name: string, ...permissions: string[]): Promise<void> => {
      const roleId = await createRole(owner, name, [allow(...permissions)]);
      expect(await mutate(owner, 'updateMember', { id: blind.memberId, roleId })).toEqual({ errors: [] });
    };
    await withRole('Blind', 'campaign:update', 'campaign:read');
    const input = { campaignId: campaign, checks: ids(source) };
    const blindly = await mutate(blind, 'copyChecksToCampaign', input);
    expect(blindly).toEqual({ errors: [{ code: 'NOT_FOUND', path: ['checks', '0'] }] });
    await withRole('Seeing', 'campaign:update', 'campaign:read', 'check:read');
    expect(await mutate(blind, 'copyChecksToCampaign', input)).toEqual({ errors: [] });
    expect(await copy(campaign, ids(source), globex.owner)).toEqual({ refused: 'NOT_FOUND' });
  });
});

describe('the results of the checks of a campaign', () => {
  const service = async (name: string): Promise<string> =>
    (await mutate(owner, 'createService', { name }, 'service { id }')).service.id;
  const resultsOf = async (check: string): Promise<number> => {
    const own =
      await api.root`select from check_results where check_id = ${uuidOf('chk', check)} and replaced_at is null`;
    return own.length;
  };

  test('begin when the campaign is scheduled, end when it is not any more, and go with the check and the campaign', async () => {
    const [one, two] = [
      await createCheck(owner, rubric, { enabled: false, settings: { hasDependency: true } }),
      await createCheck(owner, rubric, { enabled: false, settings: { hasOwner: {} } }),
    ];
    for (const id of [one, two]) await mutate(owner, 'updateCheck', { check: { id }, enabled: true });
    await service('Shop');
    await service('Billing');
    const campaign = await create();
    const [first, second] = (await copy(campaign, ids(one, two))).checks.map(({ id }: Json) => id);
    await runJobs(api);
    expect([await resultsOf(first), await resultsOf(second)]).toEqual([0, 0]);
    const times = { startAt: new Date(Date.now() - HOUR), targetAt: new Date(Date.now() + HOUR) };
    await mutate(owner, 'scheduleCampaign', { id: campaign, ...times });
    await runJobs(api);
    expect([await resultsOf(first), await resultsOf(second)]).toEqual([2, 2]);
    await mutate(owner, 'unscheduleCampaign', { id: campaign });
    await runJobs(api);
    expect([await resultsOf(first), await resultsOf(second)]).toEqual([0, 0]);
    await mutate(owner, 'scheduleCampaign', { id: campaign, ...times });
    await runJobs(api);
    expect(await remove(campaign, ids(one))).toEqual(rejected(['INVALID', 0]));
    expect(await remove(campaign, ids(first, unknownId('chk')))).toEqual(rejected(['NOT_FOUND', 1]));
    expect(await remove(campaign, ids(first))).toEqual({ errors: [] });
    expect(await checksOf(campaign)).toMatchObject([{ id: second }]);
    const everOf = (check: string) => api.root`select from check_results where check_id = ${uuidOf('chk', check)}`;
    expect(await everOf(first)).toHaveLength(0);
    expect(await resultsOf(second)).toBe(2);
    await mutate(owner, 'endCampaign', { id: campaign });
    await service('Too late');
    await runJobs(api);
    expect(await resultsOf(second)).toBe(2);
    expect(await mutate(owner, 'deleteCampaign', { id: campaign }, 'deletedId')).toEqual({
      deletedId: campaign,
      errors: [],
    });
    expect(await everOf(second)).toHaveLength(0);
    expect((await queryData(owner, 'query ($id: ID!) { check(id: $id) { id } }', { id: second })).check).toBeNull();
    expect(await resultsOf(two)).toBe(3);
    const history = await api.root`select from campaign_history where campaign_id = ${uuidOf('cmp', campaign)}`;
    expect(history).toHaveLength(0);
  });

  test('are evaluated again when the filter of the campaign is replaced', async () => {
    const predicates = [{ key: 'NAME', operator: 'EQUALS', value: 'Shop' }];
    const { filter } = await mutate(owner, 'createFilter', { name: 'The shop', predicates }, 'filter { id }');
    const campaign = await create(-1);
    const [own] = (await copy(campaign, ids(await createCheck(owner, rubric, { settings: { hasOwner: {} } })))).checks;
    await runJobs(api);
    const all = await resultsOf(own.id);
    expect(all).toBeGreaterThan(1);
    await mutate(owner, 'updateCampaign', { id: campaign, filterId: filter.id });
    await runJobs(api);
    expect(await resultsOf(own.id)).toBe(1);
    expect(await mutate(owner, 'deleteFilter', { id: filter.id })).toMatchObject({ errors: [{ code: 'IN_USE' }] });
    await mutate(owner, 'updateCampaign', { id: campaign, filterId: null });
    await runJobs(api);
    expect(await resultsOf(own.id)).toBe(all);
  });
});
