import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Db } from '../../src/db/client.ts';
import { inTransaction } from '../../src/db/transaction.ts';
import { newId } from '../../src/lib/ids.ts';
import type { CheckStatus } from '../../src/resources/check-result/table.ts';
import { evaluateDue } from '../../src/resources/evaluation/due-job.ts';
import { type EvaluateOptions, evaluateBatch } from '../../src/resources/evaluation/evaluate.ts';
import { evaluatePage } from '../../src/resources/evaluation/job.ts';
import type { FilterWithPredicates } from '../../src/resources/filter/compile.ts';
import type { NaiveService } from '../filter/naive.ts';
import { type World, worlds } from '../filter/worlds.ts';
import { startApi } from '../support/api.ts';
import { long, size } from '../support/size.ts';
import { type CheckPlan, checkOf, checkPlans, type Step, steps } from './model.ts';
import { type Model, naiveLevels, naiveStatuses } from './naive.ts';
import { storeOf } from './store.ts';

const api = await startApi();
const { root } = api;

const HOUR = 3_600_000;

const modelOf = (world: World, plans: CheckPlan[]): Model & { world: World } => {
  const now = Date.parse('2026-02-03T00:00:00Z');
  const [one, other] = [newId(), newId()];
  const made = {
    world,
    contacts: [],
    categories: [null, null, null, one, one, other].map((scorecardId) => ({ id: newId(), scorecardId })),
    scorecards: [one, other].map((id) => ({ id, filterId: null })),
    campaigns: [now - HOUR, null].map((startAt) => ({ id: newId(), filterId: null, startAt, endedAt: null })),
    frozen: new Map(),
    levelIds: [newId(), newId(), newId(), newId()],
    reports: [],
    now,
  };
  return { ...made, checks: plans.map((plan) => checkOf(plan, made)) };
};

/** The evaluations of an organization, as the jobs and mutations run them. */
function evaluationsOf(model: Model) {
  const { organizationId } = model.world;
  const bound = <T>(run: (db: Db) => Promise<T>): Promise<T> =>
    inTransaction(api.pool, { organizationId, userId: null }, run);
  const scope = (db: Db) => ({ db, organizationId, now: new Date(model.now) });
  return {
    all: (options?: EvaluateOptions) => bound((db) => evaluatePage(scope(db), sql`true`, null, options)),
    some: (ids: readonly string[], options?: EvaluateOptions) =>
      bound((db) => evaluateBatch(scope(db), [...ids].sort(), options)),
    due: () => evaluateDue({ inOrganization: (_id, run) => bound(run) }, organizationId, new Date(model.now)),
  };
}

/** What is stored, in the form of the naive model. */
async function stored({ world: { organizationId }, now }: Model) {
  const results = await root`select service_id, check_id, status from check_results
    where organization_id = ${organizationId} and replaced_at is null order by service_id, check_id`;
  const services = await root`select id, level_id, next_evaluation_at <= ${new Date(now).toISOString()} as due
    from services where organization_id = ${organizationId} order by id`;
  const inCategories = await root`select service_id, category_id as section, level_id from service_levels
    where organization_id = ${organizationId}`;
  const inScorecards = await root`select service_id, scorecard_id as section, level_id from scorecard_levels
    where organization_id = ${organizationId}`;
  const missing = await root`select service_id, check_ids::text[] as ids from service_missing_checks
    where organization_id = ${organizationId}`;
  const levelsOf = (rows: typeof inCategories, id: string) =>
    Object.fromEntries(rows.filter((row) => row['service_id'] === id).map((row) => [row['section'], row['level_id']]));
  return services.map(({ id, level_id, due }) => ({
    id,
    isDue: due ?? false,
    statuses: results
      .filter((row) => row['service_id'] === id)
      .map((row): [string, CheckStatus] => [row['check_id'], row['status']]),
    overall: level_id,
    byCategory: levelsOf(inCategories, id),
    byScorecard: levelsOf(inScorecards, id),
    missing: missing.find((row) => row['service_id'] === id)?.['ids'] ?? null,
  }));
}

const expected = (model: Model) =>
  model.world.services
    .map((service) => {
      const statuses = naiveStatuses(model, service);
      const sorted = [...statuses].toSorted(([a], [b]) => (a < b ? -1 : 1));
      return { id: service.id, isDue: false, statuses: sorted, ...naiveLevels(model, statuses) };
    })
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));

const pick = <Item>(list: readonly Item[], at: number): Item => list[at % list.length] as Item;

/** Makes a random change of the model and of the database, and evaluates what the hooks of that change evaluate. */
async function take(model: Model & { world: World }, step: Step): Promise<void> {
  const { world } = model;
  const store = storeOf(root, model);
  const evaluate = evaluationsOf(model);
  switch (step.kind) {
    case 'check': {
      const known = step.at < 60 ? model.checks[step.at % Math.max(model.checks.length, 1)] : undefined;
      const planned = checkOf(step.plan, model, known);
      // The type of a check is fixed.
      if (known && known.settings.type !== planned.settings.type) return;
      model.checks = [...model.checks.filter(({ id }) => id !== planned.id), planned];
      await store.replaceCheck(planned);
      return void (await evaluate.all({ checkIds: [planned.id] }));
    }
    case 'deleteCheck': {
      const check = model.checks[step.at % Math.max(model.checks.length, 1)];
      if (!check) return;
      model.checks = model.checks.filter(({ id }) => id !== check.id);
      model.reports = model.reports.filter(({ checkId }) => checkId !== check.id);
      await store.deleteCheck(check.id);
      return void (await evaluate.all({ checkIds: [] }));
    }
    case 'service': {
      const [own, other] = [pick(world.services, step.at), pick(world.services, step.from)];
      const { id, name, aliases } = own;
      const lastDeployAt = step.from % 2 === 0 ? new Date(model.now).toISOString() : other.lastDeployAt;
      const changed: NaiveService = { ...other, id, name, aliases, lastDeployAt };
      const neighbours = new Set([id, ...own.dependsOn, ...changed.dependsOn]);
      world.services = world.services.map((service) => (service.id === id ? changed : service));
      await store.replaceService(changed);
      await evaluate.some([id]);
      return void (await evaluate.some([...neighbours]));
    }
    case 'filter': {
      const ids = [...world.filters.keys()];
      // Of the same depth.
      const at = step.at % ids.length;
      const from = (at - (at % 4) + (step.from % 4)) % ids.length;
      const filter = world.filters.get(ids[from] as string) as FilterWithPredicates;
      world.filters.set(ids[at] as string, filter);
      await store.replaceFilter(ids[at] as string, filter);
      return void (await evaluate.all());
    }
    case 'moveLevel': {
      const ids = [...model.levelIds];
      const [moved] = ids.splice(step.from % ids.length, 1);
      ids.splice(step.to % (ids.length + 1), 0, moved as string);
      model.levelIds = ids;
      await store.orderLevels(ids);
      return void (await evaluate.all({ checkIds: [] }));
    }
    case 'moveTier': {
      const ids = [...world.tiers];
      const [moved] = ids.splice(step.from % ids.length, 1);
      world.tiers = [moved as string, ...ids];
      await store.orderTiers(world.tiers);
      return void (await evaluate.all());
    }
    case 'team': {
      const at = step.at % world.teams.length;
      const team = pick(world.teams, at);
      // A team is below one before it, so there is no cycle.
      team.parentId = at > 0 && step.parent % 2 === 0 ? pick(world.teams.slice(0, at), step.parent).id : null;
      model.contacts = model.contacts.filter(({ teamId }) => teamId !== team.id);
      if (step.type) model.contacts.push({ teamId: team.id, type: step.type });
      await store.setTeam(team.id, team.parentId, step.type);
      return void (await evaluate.all());
    }
    case 'report': {
      const ended = model.campaigns.flatMap(({ id, endedAt }) => (endedAt === null ? [] : id));
      const manual = model.checks.filter(
        ({ settings, campaignId }) => settings.type === 'MANUAL' && !ended.includes(campaignId ?? ''),
      );
      if (manual.length === 0) return;
      const [check, service] = [pick(manual, step.check), pick(world.services, step.service)];
      const expiresAt = step.hours === null ? null : model.now + step.hours * HOUR;
      const report = { checkId: check.id, serviceId: service.id, status: step.status, expiresAt };
      model.reports.push(report);
      await store.report(report, model.now);
      return void (await evaluate.some([service.id], { checkIds: [check.id] }));
    }
    case 'schedule': {
      const campaign = pick(model.campaigns, step.at);
      if (campaign.endedAt !== null) return;
      campaign.startAt = step.hours === null ? null : model.now + step.hours * HOUR;
      await store.setCampaign(campaign);
      return void (await evaluate.all({ checkIds: checkIdsOf(model, campaign.id) }));
    }
    case 'endCampaign': {
      const campaign = pick(model.campaigns, step.at);
      if (campaign.endedAt !== null) return;
      campaign.endedAt = model.now;
      await store.setCampaign(campaign);
      const checkIds = checkIdsOf(model, campaign.id);
      for (const { id, statuses } of await stored(model)) {
        const own = statuses.filter(([checkId]) => checkIds.includes(checkId));
        model.frozen.set(id, new Map([...(model.frozen.get(id) ?? []), ...own]));
      }
      return void (await evaluate.all({ checkIds }));
    }
    case 'containerFilter': {
      const { campaigns, scorecards, world } = model;
      const container = pick<(typeof scorecards)[number]>([...campaigns, ...scorecards], step.at);
      container.filterId = step.filter === null ? null : pick([...world.filters.keys()], step.filter);
      await store.setContainerFilter(container);
      return void (await evaluate.all({ checkIds: checkIdsOf(model, container.id) }));
    }
    case 'time':
      model.now += step.hours * HOUR;
      if (step.isEvaluated) await evaluate.due();
  }
}

/** The checks of a campaign or of a scorecard. */
function checkIdsOf({ checks, categories }: Model, containerId: string): string[] {
  const own = categories.filter(({ scorecardId }) => scorecardId === containerId).map(({ id }) => id);
  return checks
    .filter(
      ({ campaignId, categoryId }) => campaignId === containerId || (campaignId === null && own.includes(categoryId)),
    )
    .map(({ id }) => id);
}

/**
 * At the end, the time is exactly that of each end and each beginning that is 1, 12 or 24 hours away. Then all reports expire,
 * all deploys become old, and all checks become enabled.
 */
const PASSING: Step[] = [1, 11, 12, 401 * 24].map((hours) => ({ kind: 'time', hours, isEvaluated: true }));

const TIMEOUT = size(120_000, 900_000);

test('after random changes, the stored results and levels are those of the naive model', {
  timeout: TIMEOUT,
}, async () => {
  const seen = { statuses: new Set<string>(), levels: new Set<number>(), missing: new Set<number>() };
  const see = (model: Model): ReturnType<typeof expected> => {
    const services = expected(model);
    for (const { overall, statuses, missing } of services) {
      seen.missing.add(missing.length);
      for (const [, status] of statuses) seen.statuses.add(status);
      if (overall) seen.levels.add(model.levelIds.indexOf(overall));
    }
    return services;
  };
  await fc.assert(
    fc.asyncProperty(
      worlds,
      fc.array(checkPlans, { minLength: 3, maxLength: 12 }),
      fc.array(steps, { minLength: 5, maxLength: 15 }),
      async (world, plans, taken) => {
        const model = modelOf(structuredClone(world), plans);
        const store = storeOf(root, model);
        await store.create();
        for (const check of model.checks) await store.replaceCheck(check);
        const { all } = evaluationsOf(model);
        await all();
        expect(await stored(model)).toEqual(see(model));
        let isDue = false;
        for (const [at, step] of [...taken, ...PASSING].entries()) {
          await take(model, step);
          // Until the evaluation of services that are due, their results can be old, also if others have been evaluated.
          if (step.kind === 'time') isDue = !step.isEvaluated;
          if (isDue) continue;
          expect(await stored(model), `after step ${at}: ${JSON.stringify(step)}`).toEqual(see(model));
        }
        await expectUnchanged(model, all);
      },
    ),
    { numRuns: size(10, 300) },
  );
  expect(seen.statuses).toEqual(new Set(['PASSED', 'FAILED', 'PENDING']));
  // A few random worlds can have fewer.
  if (long) expect([seen.levels.size, seen.missing.size > 2]).toEqual([4, true]);
});

/** A full evaluation after the incremental ones finds no difference, so it writes nothing. */
async function expectUnchanged({ world: { organizationId } }: Model, evaluate: () => Promise<unknown>): Promise<void> {
  const state = () => root`select
    (select json_agg(r order by id) from check_results r where organization_id = ${organizationId}) as results,
    (select json_agg(s order by id) from service_levels s where organization_id = ${organizationId}) as levels,
    (select json_agg(s order by id) from scorecard_levels s where organization_id = ${organizationId}) as scorecards,
    (select json_agg(m.xmin::text order by service_id) from service_missing_checks m
      where organization_id = ${organizationId}) as missing`;
  const before = await state();
  await evaluate();
  expect(await state()).toEqual(before);
}
