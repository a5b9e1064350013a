import type { TransactionSql } from 'postgres';
import { describe, expect, test } from 'vitest';
import { inTransaction } from '../../src/db/transaction.ts';
import { newId } from '../../src/lib/ids.ts';
import { evaluateBatch } from '../../src/resources/evaluation/evaluate.ts';
import { organizationUuid, uuidOf } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { enqueue, runJobs, skipRetryDelays } from '../support/jobs.ts';
import { until } from '../support/until.ts';
import {
  addMember,
  createApiToken,
  createCheck,
  createOrganization,
  duringChange,
  getRubric,
  mutate,
  queryData,
  waitingForLocks,
} from '../support/world.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const api = await startApi();
const { root } = api;

/** An organization with the levels Bronze, Silver and Gold, and a caller whose token outlasts the changes of the clock. */
async function createWorld(slug: string) {
  const organization = await createOrganization(api, slug);
  const owner = await createApiToken(api, organization.owner, 'WRITE');
  const rubric = await getRubric(owner);
  const check = (level: string, settings: object, more: object = {}) =>
    createCheck(owner, rubric, { level: { id: rubric.levels[level] }, settings, ...more });
  const service = async (name: string, more: object = {}): Promise<string> =>
    (await mutate(owner, 'createService', { name, ...more }, 'service { id }')).service.id;
  const levelOf = async (id: string): Promise<string | null> =>
    (await queryData(owner, 'query ($id: ID!) { service(id: $id) { level { name } } }', { id })).service.level?.name ??
    null;
  return { organization, id: organizationUuid(organization), owner, rubric, check, service, levelOf };
}

/** Runs the job that starts every minute. */
async function passTime(milliseconds: number): Promise<void> {
  api.advance(milliseconds);
  await enqueue(api, 'evaluate-due', { after: null });
  await runJobs(api);
}

const PASSED = { hasOwner: {} };

describe('a change of a service', () => {
  test('is evaluated in its own transaction, and the answer has the new level', async () => {
    const { owner, check, service } = await createWorld('change');
    await check('Bronze', { hasOwner: {} });
    await check('Silver', { tagDefined: { key: 'tier' } });
    await runJobs(api);
    const created = await mutate(owner, 'createService', { name: 'Shop' }, 'service { id level { name } }');
    expect(created.service.level).toEqual({ name: 'Bronze' });
    const team = (await mutate(owner, 'createTeam', { name: 'Web' }, 'team { id }')).team.id;
    const update = async (changes: object): Promise<Json> =>
      (
        await mutate(
          owner,
          'updateService',
          { service: { id: created.service.id }, ...changes },
          'service { level { name } }',
        )
      ).service.level;
    expect(await update({ owner: { id: team } })).toEqual({ name: 'Bronze' });
    expect(await update({ addTags: [{ key: 'tier', value: '1' }] })).toEqual({ name: 'Gold' });
    expect(await update({ owner: null })).toEqual({ name: 'Bronze' });
    expect(await service('Another')).toMatch(/^svc_/);
  });

  test('that fails leaves results and levels as they were', async () => {
    const { owner, check, service, levelOf } = await createWorld('rollback');
    await check('Silver', { tagDefined: { key: 'a' } });
    await runJobs(api);
    const [shop] = [await service('Shop'), await service('Taken')];
    const input = { service: { id: shop }, name: 'Taken', addTags: [{ key: 'a', value: '1' }] };
    const { errors } = await mutate(owner, 'updateService', input, 'service { id }');
    expect(errors.map(({ code }: Json) => code)).toEqual(['TAKEN']);
    expect(await levelOf(shop)).toBe('Bronze');
  });
});

describe('a job', () => {
  test('evaluates all services after a change of a check, of a level and of a tier', async () => {
    const { owner, rubric, check, service, levelOf } = await createWorld('jobs');
    const tier = (await queryData(owner, '{ tiers { nodes { id name } } }')).tiers.nodes[0];
    const shop = await service('Shop', { tier: { id: tier.id } });
    expect(await levelOf(shop)).toBeNull();
    const id = await check('Silver', {
      serviceProperty: { property: 'TIER', predicate: { operator: 'EQUALS', value: tier.name } },
    });
    await runJobs(api);
    expect(await levelOf(shop)).toBe('Gold');
    await mutate(owner, 'updateTier', { tier: { id: tier.id }, name: 'Vital' }, 'tier { id }');
    await runJobs(api);
    expect(await levelOf(shop)).toBe('Bronze');
    await mutate(owner, 'createLevel', { name: 'Iron', index: 0 }, 'level { id }');
    await runJobs(api);
    expect(await levelOf(shop)).toBe('Bronze');
    await mutate(owner, 'updateCheck', { check: { id }, level: { id: rubric.levels['Bronze'] } }, 'check { id }');
    await runJobs(api);
    expect(await levelOf(shop)).toBe('Iron');
    await mutate(owner, 'deleteCheck', { check: { id } });
    await runJobs(api);
    expect(await levelOf(shop)).toBeNull();
    expect(await root`select from check_results where check_id = ${uuidOf('chk', id)}`).toEqual([]);
  });

  test('that is repeated writes nothing again', async () => {
    const { id, check, service } = await createWorld('again');
    await check('Silver', PASSED);
    await service('Shop');
    await runJobs(api);
    const rows = () => root`select id, xmin::text from check_results where organization_id = ${id}`;
    const before = await rows();
    expect(before).toHaveLength(1);
    await enqueue(api, 'evaluate', { organizationId: id, serviceIds: null, checkIds: null });
    await runJobs(api);
    expect(await rows()).toEqual(before);
  });
});

describe('time', () => {
  test('an upcoming check counts from its time on, without a request', async () => {
    const { check, service, levelOf } = await createWorld('upcoming');
    await check('Bronze', { hasDependency: true });
    const enableOn = new Date(Date.now() + 2 * HOUR).toISOString();
    await check('Silver', { hasDependency: true }, { enableOn });
    const shop = await service('Shop');
    await runJobs(api);
    const silver = await check('Gold', { tagDefined: { key: 'x' } }, { enabled: false });
    expect(silver).toMatch(/^chk_/);
    await runJobs(api);
    expect(await levelOf(shop)).toBe('Bronze');
    const count = async (): Promise<number> =>
      (await root`select from check_results where service_id = ${uuidOf('svc', shop)} and replaced_at is null`).length;
    expect(await count()).toBe(1);
    await passTime(HOUR);
    expect(await count()).toBe(1);
    await passTime(1.5 * HOUR);
    expect(await count()).toBe(2);
  });

  test('a report expires, and a deploy becomes old', async () => {
    const { owner, check, service, levelOf } = await createWorld('expiry');
    const manual = await check('Silver', { manual: { frequencyDays: 2 } });
    await check('Gold', { recentDeploy: { days: 1 } });
    const shop = await service('Shop');
    await runJobs(api);
    const report = { check: { id: manual }, service: { id: shop }, status: 'PASSED' };
    await mutate(owner, 'reportCheckResult', report, 'checkResult { id }');
    await mutate(owner, 'recordDeploy', { service: { id: shop } }, 'service { id }');
    expect(await levelOf(shop)).toBe('Gold');
    await passTime(DAY + HOUR);
    expect(await levelOf(shop)).toBe('Silver');
    // A change of another check does not delay the next evaluation.
    await check('Gold', { tagDefined: { key: 'x' } });
    await runJobs(api);
    await passTime(DAY);
    expect(await levelOf(shop)).toBe('Bronze');
    const history =
      await root`select status, reported_by_id is null as own, replaced_at is null as latest from check_results
      where check_id = ${uuidOf('chk', manual)} order by created_at, id`;
    expect(history.map((row) => ({ ...row }))).toEqual([
      { status: 'PENDING', own: true, latest: false },
      { status: 'PASSED', own: false, latest: false },
      { status: 'PENDING', own: true, latest: true },
    ]);
  });

  test('a service that was being created while a check changed is evaluated again a minute later', async () => {
    const { owner, check, levelOf } = await createWorld('created');
    const id = await check('Silver', { tagDefined: { key: 'a' } });
    await runJobs(api);
    // The creation waits before its commit.
    await root.unsafe(`create function wait() returns trigger language plpgsql as
      $$ begin perform pg_advisory_xact_lock(42); return new; end $$`);
    await root.unsafe('create trigger wait before insert on service_levels for each row execute function wait()');
    const create = () =>
      mutate(owner, 'createService', { name: 'Shop', tags: [{ key: 'a', value: '1' }] }, 'service { id }');
    const { service } = await duringChange(
      api,
      (sql) => sql`select pg_advisory_xact_lock(42)`,
      create,
      async () => {
        const changed = { check: { id }, settings: { tagDefined: { key: 'b' } } };
        expect((await mutate(owner, 'updateCheck', changed)).errors).toEqual([]);
        await runJobs(api);
      },
    );
    await root.unsafe('drop trigger wait on service_levels');
    await passTime(60_000);
    expect(await levelOf(service.id)).toBe('Bronze');
  });

  test('a service that gets a dependency while that gets an alias is evaluated with the alias', async () => {
    const { owner, check, service, levelOf } = await createWorld('renamed');
    const named = { name: 'Named', predicates: [{ key: 'DEPENDENCY', operator: 'EQUALS', value: 'payments' }] };
    const { filter } = await mutate(owner, 'createFilter', named, 'filter { id }');
    await check('Silver', { tagDefined: { key: 'a' } }, { filterId: filter.id });
    const [shop, billing] = [await service('Shop'), await service('Billing')];
    await runJobs(api);
    // Otherwise the service would be evaluated again because it is new.
    await passTime(HOUR);
    // The change of the aliases waits before its commit.
    await root.unsafe(`create function wait_for() returns trigger language plpgsql as
      $$ begin if new.target_id = '${billing}' then perform pg_advisory_xact_lock(43); end if; return new; end $$`);
    await root.unsafe('create trigger wait before insert on audit_events for each row execute function wait_for()');
    const update = (id: string, changes: object) =>
      mutate(owner, 'updateService', { service: { id }, ...changes }, 'service { id }');
    let dependent: Promise<Json> | undefined;
    const changed = await duringChange(
      api,
      (sql) => sql`select pg_advisory_xact_lock(43)`,
      () => update(billing, { addAliases: ['payments'] }),
      async () => {
        dependent = update(shop, { addDependencies: [{ id: billing }] });
        let settled = false;
        void dependent.finally(() => (settled = true));
        await until(async () => settled || (await waitingForLocks(api)) > 1);
      },
    );
    await root.unsafe('drop trigger wait on audit_events');
    expect([changed.errors, (await dependent)?.errors]).toEqual([[], []]);
    await runJobs(api);
    expect(await levelOf(shop)).toBe('Bronze');
  });

  test('a failure in one organization does not stop the evaluation in others', async () => {
    const [broken, sound] = [await createWorld('broken'), await createWorld('sound')];
    const shops: string[] = [];
    for (const { check, service } of [broken, sound]) {
      await check('Silver', { hasDependency: true }, { enableOn: new Date(Date.now() + 100 * DAY).toISOString() });
      shops.push(await service('Shop'));
      await runJobs(api);
    }
    await root`update checks set settings = '{"predicate": {"operator": "NONE"}}', type = 'TAG_DEFINED'
      where organization_id = ${broken.id}`;
    await passTime(101 * DAY);
    expect(await broken.levelOf(shops[0] ?? '')).toBeNull();
    expect(await sound.levelOf(shops[1] ?? '')).toBe('Bronze');
    expect(api.logged.find(({ organization }) => organization === broken.id)).toMatchObject({ level: 'error' });
    await root`delete from checks where organization_id = ${broken.id}`;
  });
});

describe('a check that ceases to count or to apply', () => {
  test('keeps its results in the history, and a report counts again afterwards', async () => {
    const { owner, check, service, levelOf } = await createWorld('disabled');
    const manual = await check('Silver', { manual: {} });
    await check('Bronze', { manual: {} }, { passPending: true });
    const shop = await service('Shop');
    await runJobs(api);
    expect(await levelOf(shop)).toBe('Bronze');
    const report = { check: { id: manual }, service: { id: shop }, status: 'PASSED' };
    const { checkResult } = await mutate(owner, 'reportCheckResult', report, 'checkResult { id }');
    expect(await levelOf(shop)).toBe('Gold');
    const set = async (enabled: boolean) => {
      await mutate(owner, 'updateCheck', { check: { id: manual }, enabled }, 'check { id }');
      await runJobs(api);
      const rows =
        await root`select id from check_results where check_id = ${uuidOf('chk', manual)} and replaced_at is null`;
      return rows.map((row) => row['id']);
    };
    expect(await set(false)).toEqual([]);
    expect(await levelOf(shop)).toBe('Gold');
    expect(await set(true)).toEqual([uuidOf('chr', checkResult.id)]);
    expect(await levelOf(shop)).toBe('Gold');
  });
});

describe('a level', () => {
  test('can be deleted although services have it, which then have the level before', async () => {
    const { owner, rubric, check, service, levelOf } = await createWorld('delete-level');
    await check('Gold', { hasDependency: true });
    const shop = await service('Shop');
    const top = await service('Top', { dependencies: [{ id: shop }] });
    await runJobs(api);
    expect([await levelOf(shop), await levelOf(top)]).toEqual(['Silver', 'Gold']);
    const remove = (name: string) => mutate(owner, 'deleteLevel', { level: { id: rubric.levels[name] } });
    expect((await remove('Gold')).errors.map(({ code }: Json) => code)).toEqual(['IN_USE']);
    expect((await remove('Silver')).errors).toEqual([]);
    expect([await levelOf(shop), await levelOf(top)]).toEqual(['Bronze', 'Gold']);
    expect((await remove('Bronze')).errors).toEqual([]);
    expect([await levelOf(shop), await levelOf(top)]).toEqual(['Gold', 'Gold']);
  });

  test('that is being deleted postpones an evaluation, and neither waits for the other', async () => {
    const { id, owner, rubric, check, service, levelOf } = await createWorld('postponed');
    await check('Gold', { tagDefined: { key: 'a' } });
    const shop = await service('Shop');
    await runJobs(api);
    expect(await levelOf(shop)).toBe('Silver');
    const silver = uuidOf('lvl', rubric.levels['Silver'] ?? '');
    await duringChange(
      api,
      async (sql) => {
        await sql`select from levels where organization_id = ${id} and id = ${silver} for update`;
      },
      async () => {
        const change = { service: { id: shop }, addTags: [{ key: 'a', value: '1' }] };
        expect((await mutate(owner, 'updateService', change, 'service { id }')).errors).toEqual([]);
      },
    );
    expect(await levelOf(shop)).toBe('Silver');
    await runJobs(api);
    expect(await levelOf(shop)).toBe('Gold');
  });

  test('that is being changed makes the job fail, and its retry evaluates', async () => {
    const { id, rubric, check, service, levelOf } = await createWorld('retried');
    const shop = await service('Shop');
    await check('Gold', { tagDefined: { key: 'a' } });
    await root.begin(async (sql) => {
      await sql`select from levels where organization_id = ${id} and id = ${uuidOf('lvl', rubric.levels['Gold'] ?? '')} for update`;
      await runJobs(api);
    });
    expect(await levelOf(shop)).toBeNull();
    await skipRetryDelays(api);
    await runJobs(api);
    expect(await levelOf(shop)).toBe('Silver');
  });
});

test('the history of a day has no numbers of services that were deleted on that day', async () => {
  const { owner, check, service } = await createWorld('history');
  const shop = await service('Shop');
  await check('Gold', { tagDefined: { key: 'a' } });
  await runJobs(api);
  const history = async () =>
    (await queryData(owner, '{ servicesReport { history(days: 1) { services } } }')).servicesReport.history;
  expect(await history()).toEqual([{ services: 1 }]);
  expect((await mutate(owner, 'deleteService', { service: { id: shop } })).errors).toEqual([]);
  await enqueue(api, 'record-maturity', { after: null });
  await runJobs(api);
  expect(await history()).toEqual([]);
});

test('evaluations of the same services at once lose no result and do not deadlock', async () => {
  const { id, check, service } = await createWorld('at-once');
  const shops: string[] = [];
  for (let at = 0; at < 4; at += 1) shops.push(uuidOf('svc', await service(`Shop ${at}`)));
  await check('Gold', { tagDefined: { key: 'a' } });
  await check('Silver', { manual: {} });
  const evaluate = (ids: string[]) =>
    inTransaction(api.pool, { organizationId: id, userId: null }, (db) =>
      evaluateBatch({ db, organizationId: id, now: new Date() }, ids),
    );
  const orders = [shops, shops.toReversed(), shops.slice(2), shops.slice(0, 3).toReversed()];
  await Promise.all([...orders, ...orders].map(evaluate));
  const rows = await root`select service_id, count(*)::int as results from check_results
    where organization_id = ${id} group by 1`;
  expect(rows.map((row) => row['results'])).toEqual([2, 2, 2, 2]);
});

describe('no result remains', () => {
  const resultsOf = async (service: string) =>
    await root`select id, organization_id from check_results where service_id = ${uuidOf('svc', service)}`;

  async function createShop(slug: string) {
    const world = await createWorld(slug);
    const manual = await world.check('Silver', { manual: {} });
    const [shop, other] = [await world.service('Shop'), await world.service('Other')];
    await runJobs(api);
    for (const one of [shop, other]) expect(await resultsOf(one)).toHaveLength(1);
    const input = { service: { id: shop } };
    /** Inserts a result as an evaluation does. */
    const evaluate = async (sql: TransactionSql) => {
      await sql`select from services where organization_id = ${world.id} and id = ${uuidOf('svc', shop)} for no key update`;
      const row = { organization_id: world.id, id: newId(), service_id: uuidOf('svc', shop), check_id: newId() };
      await sql`insert into check_results ${sql({ ...row, status: 'PASSED' })}`;
    };
    const remove = async (sql: TransactionSql) => {
      for (const column of ['services.id', 'check_results.service_id'])
        await sql`delete from ${sql(column.replace(/[.].*/, ''))}
          where organization_id = ${world.id} and ${sql(column)} = ${uuidOf('svc', shop)}`;
    };
    return { ...world, manual, shop, other, input, evaluate, remove };
  }

  test('of a service that is deleted after an evaluation of it has begun', async () => {
    const { owner, shop, other, input, evaluate } = await createShop('deleted-after');
    const { errors } = await duringChange(api, evaluate, () => mutate(owner, 'deleteService', input));
    expect(errors).toEqual([]);
    expect(await resultsOf(shop)).toEqual([]);
    expect(await resultsOf(other)).toHaveLength(1);
  });

  test('of a service that is deleted before an evaluation of it ends', async () => {
    const { owner, check, shop, other, remove } = await createShop('deleted-before');
    await check('Gold', PASSED);
    await duringChange(api, remove, () => runJobs(api));
    expect(await resultsOf(shop)).toEqual([]);
    expect(await resultsOf(other)).toHaveLength(2);
    expect((await queryData(owner, '{ services { totalCount } }')).services.totalCount).toBe(1);
  });

  test('of a service that is deleted while a result is reported for it', async () => {
    const { owner, manual, shop, input, remove } = await createShop('reported');
    const report = { ...input, check: { id: manual }, status: 'PASSED' };
    const { errors } = await duringChange(api, remove, () => mutate(owner, 'reportCheckResult', report));
    expect(errors).toMatchObject([{ code: 'NOT_FOUND', path: ['service'] }]);
    expect(await resultsOf(shop)).toEqual([]);
  });

  test('of an organization that is deleted during an evaluation', async () => {
    const { id, organization, evaluate } = await createShop('closed');
    const input = { id: organization.id, slug: organization.slug };
    const { errors } = await duringChange(api, evaluate, () => mutate(organization.owner, 'deleteOrganization', input));
    expect(errors).toEqual([]);
    expect(await root`select from check_results where organization_id = ${id}`).toEqual([]);
  });
});

test('an evaluation changes no service of another organization', async () => {
  const [acme, globex] = [await createWorld('acme'), await createWorld('globex')];
  await acme.check('Gold', { hasOwner: {} });
  const [, other] = [await acme.service('Shop'), await globex.service('Shop')];
  const evaluate = inTransaction(api.pool, { organizationId: acme.id, userId: null }, (db) =>
    evaluateBatch({ db, organizationId: acme.id, now: new Date() }, [uuidOf('svc', other)]),
  );
  expect(await evaluate).toBe(true);
  expect(await globex.levelOf(other)).toBeNull();
  expect(await root`select from check_results where organization_id = ${globex.id}`).toEqual([]);
});

test('a person without the permission sees neither reports nor their numbers', async () => {
  const { organization, check, service } = await createWorld('refused');
  await check('Silver', { hasOwner: {} });
  const shop = await service('Shop');
  await runJobs(api);
  const guest = await addMember(api, organization, 'guest');
  const document =
    'query ($id: ID!) { service(id: $id) { maturityReport { level { name } } } servicesReport { overall { services } } }';
  const { data, errors } = await guest.query(document, { id: shop });
  expect(data).toEqual({ service: null, servicesReport: null });
  expect(errors?.map(({ extensions }) => extensions.permission)).toEqual(['service:read', 'check_result:read']);
  const reader = await addMember(api, organization, 'read');
  expect((await queryData(reader, document, { id: shop })).servicesReport).toEqual({ overall: { services: 1 } });
});

test('the job reads services only of organizations with due services, and evaluates them', async () => {
  const [due, idle] = [await createWorld('due'), await createWorld('idle')];
  for (const { check } of [due, idle]) await check('Bronze', { recentDeploy: { days: 1 } });
  const [shop, other] = [await due.service('Shop'), await idle.service('Shop')];
  await passTime(HOUR);
  await mutate(due.owner, 'recordDeploy', { service: { id: shop } });
  const passed = async (id: string, { owner }: typeof due): Promise<string[]> =>
    (
      await queryData(owner, 'query ($id: ID!) { service(id: $id) { checkResults { nodes { status } } } }', { id })
    ).service.checkResults.nodes.map(({ status }: Json) => status);
  expect([await passed(shop, due), await passed(other, idle)]).toEqual([['PASSED'], ['FAILED']]);
  const pages: string[] = [];
  api.hooks.onStatement = (text) => {
    if (/from "services" where .*"next_evaluation_at" <= /.test(text)) pages.push(text);
  };
  await passTime(2 * DAY);
  // Then nothing is due.
  const first = pages.length;
  await passTime(60_000);
  delete api.hooks.onStatement;
  expect(await passed(shop, due)).toEqual(['FAILED']);
  expect(first).toBeGreaterThan(0);
  expect(pages.length - first).toBe(0);
});
