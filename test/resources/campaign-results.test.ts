import { expect, test } from 'vitest';
import { organizationUuid, uuidOf } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { runJobs } from '../support/jobs.ts';
import { statementsOf } from '../support/statements.ts';
import { until } from '../support/until.ts';
import { createCheck, createOrganization, duringChange, getRubric, mutate } from '../support/world.ts';

const HOUR = 3_600_000;

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const organization = organizationUuid(acme);
const rubric = await getRubric(owner);
const { service } = await mutate(owner, 'createService', { name: 'Shop' }, 'service { id }');
const MANUAL = { manual: { frequencyDays: 1 } };
const PASSES = { serviceProperty: { property: 'NAME' } };

const inHours = (hours: number): string => new Date(Date.now() + hours * HOUR).toISOString();
const schedule = (id: string, start = -1): Promise<Json> =>
  mutate(owner, 'scheduleCampaign', { id, startAt: inHours(start), targetAt: inHours(99) });

let last = 0;
/** A campaign in progress with copies of new checks, and the IDs of the copies. */
async function campaignWith(...settings: object[]): Promise<{ id: string; checks: string[] }> {
  const { campaign } = await mutate(owner, 'createCampaign', { name: `Campaign ${++last}` }, 'campaign { id }');
  const sources: string[] = [];
  for (const one of settings) sources.push(await createCheck(owner, rubric, { settings: one }));
  const checks = sources.map((id) => ({ id }));
  const copied = await mutate(owner, 'copyChecksToCampaign', { campaignId: campaign.id, checks }, 'checks { id }');
  expect(await schedule(campaign.id)).toEqual({ errors: [] });
  await runJobs(api);
  return { id: campaign.id, checks: copied.checks.map(({ id }: Json) => id) };
}
/** The statuses and expiries of the latest results of a check. */
const latestOf = async (check: string): Promise<[string, Date | null][]> =>
  (
    await api.root`select status, expires_at from check_results
    where organization_id = ${organization} and check_id = ${uuidOf('chk', check)} and replaced_at is null`
  ).map((row) => [row['status'], row['expires_at']]);
const report = (check: string): Promise<Json> =>
  mutate(owner, 'reportCheckResult', { check: { id: check }, service: { id: service.id }, status: 'PASSED' });

/** The number of statements that wait for locks, on all nodes. */
async function countWaiting(): Promise<number> {
  const waiting = api.nodes.map(
    (node) => node`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return (await Promise.all(waiting)).flat().length;
}

test('a result that is reported while the campaign ends does not expire', async () => {
  const { id, checks } = await campaignWith(MANUAL);
  const [check = ''] = checks;
  let ended: Promise<Json> | undefined;
  const reported = await duringChange(
    api,
    // The report has read that the campaign is in progress. It waits when it replaces the result.
    (tx) => tx`select from check_results
      where organization_id = ${organization} and check_id = ${uuidOf('chk', check)} for update`,
    () => report(check),
    async () => {
      let isSettled = false;
      ended = mutate(owner, 'endCampaign', { id }).finally(() => {
        isSettled = true;
      });
      await until(async () => isSettled || (await countWaiting()) > 1);
    },
  );
  expect([reported, await ended]).toEqual([{ errors: [] }, { errors: [] }]);
  expect(await latestOf(check)).toEqual([['PASSED', null]]);
  expect(await report(check)).toEqual({ errors: [{ code: 'INVALID', path: ['check'] }] });
});

test.each(['ended', 'unscheduled'])('a report that has begun before the campaign is %s is refused', async (how) => {
  const { id, checks } = await campaignWith(MANUAL);
  const [check = ''] = checks;
  const change = how === 'ended' ? { ended_at: inHours(0) } : { start_at: null, target_at: null };
  const reported = await duringChange(
    api,
    async (tx) => {
      const own = tx`where organization_id = ${organization} and id = ${uuidOf('cmp', id)}`;
      await tx`select from campaigns ${own} for update`;
      await tx`update campaigns set ${tx(change)} ${own}`;
    },
    () => report(check),
  );
  expect(reported).toEqual({ errors: [{ code: 'INVALID', path: ['check'] }] });
  expect(await latestOf(check)).toEqual([['PENDING', null]]);
});

test('the results of an earlier schedule do not remain if the campaign ends before its next evaluation', async () => {
  for (const stop of [(id: string) => mutate(owner, 'unscheduleCampaign', { id }), (id: string) => schedule(id, 1)]) {
    const { id, checks } = await campaignWith(MANUAL, PASSES);
    const [manual = '', passing = ''] = checks;
    expect(await report(manual)).toEqual({ errors: [] });
    expect((await latestOf(passing)).map(([status]) => status)).toEqual(['PASSED']);
    expect(await stop(id)).toEqual({ errors: [] });
    expect([await latestOf(manual), await latestOf(passing)]).toEqual([[], []]);
    expect(await schedule(id)).toEqual({ errors: [] });
    expect(await mutate(owner, 'endCampaign', { id })).toEqual({ errors: [] });
    await runJobs(api);
    expect([await latestOf(manual), await latestOf(passing)]).toEqual([[], []]);
  }
});

test('the results of a campaign that is scheduled again remain, and a report counts again after a new start', async () => {
  const { id, checks } = await campaignWith(MANUAL, PASSES);
  const [manual = '', passing = ''] = checks;
  await report(manual);
  const before = [await latestOf(manual), await latestOf(passing)];
  expect(await schedule(id, -2)).toEqual({ errors: [] });
  expect([await latestOf(manual), await latestOf(passing)]).toEqual(before);
  await mutate(owner, 'unscheduleCampaign', { id });
  await schedule(id);
  await runJobs(api);
  expect([await latestOf(manual), await latestOf(passing)]).toEqual(before);
});

test('the number of statements of a deletion does not depend on the number of checks', async () => {
  const numbers = async (size: number): Promise<number[]> => {
    const checks = Array.from({ length: size }, (_, at) => ({
      ...{
        name: `Check ${at}`,
        category: { id: rubric.categories['Security'] },
        level: { id: rubric.levels['Bronze'] },
      },
      settings: PASSES,
    }));
    const created = (await mutate(owner, 'createChecks', { checks }, 'checks { id }')).checks;
    const { campaign } = await mutate(owner, 'createCampaign', { name: `Campaign ${++last}` }, 'campaign { id }');
    const copies = { campaignId: campaign.id, checks: created.map(({ id }: Json) => ({ id })) };
    const copied = (await mutate(owner, 'copyChecksToCampaign', copies, 'checks { id }')).checks;
    const removed = { campaignId: campaign.id, checks: copied.slice(size / 2).map(({ id }: Json) => ({ id })) };
    const statements = [];
    for (const [name, input] of [
      ['removeChecksFromCampaign', removed],
      ['deleteCampaign', { id: campaign.id }],
    ] as const)
      statements.push(
        (await statementsOf(api, async () => expect(await mutate(owner, name, input)).toEqual({ errors: [] }))).filter(
          (text) => !text.includes('audit_event_targets'),
        ).length,
      );
    return statements;
  };
  expect(await numbers(500)).toEqual(await numbers(2));
});
