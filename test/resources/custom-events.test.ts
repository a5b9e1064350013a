import { describe, expect, test } from 'vitest';
import { createProcessEvents } from '../../src/resources/integration/process-job.ts';
import { uuidOf } from '../enforcement/support.ts';
import { createIntegration, eventsOf } from '../integration/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { enqueue, openWorker, runJobs } from '../support/jobs.ts';
import { addMember, createCheck, createOrganization, getRubric, mutate, queryData } from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const { owner } = acme;
const admin = await addMember(api, acme, 'admin');
const user = await addMember(api, acme, 'user');
const rubric = await getRubric(owner);

const createService = async (alias: string, by: Caller = owner): Promise<string> => {
  const { service } = await mutate(by, 'createService', { name: alias }, 'service { id }');
  return service.id;
};
const shop = await createService('shop');
const cart = await createService('cart');

const RULES = {
  serviceSelector: '.runs[]? | .service',
  successCondition: 'any(.runs[]; .service == $alias and .ok)',
  resultMessage: '{{ payload.title }}: {{ alias }} {{ status }}',
};

/** An integration and a check of its events. */
async function world(rules: object = {}, more: object = {}) {
  const integration = await createIntegration(api, admin);
  const customEvent = { integrationId: integration.id, ...RULES, ...rules };
  const check = await createCheck(owner, rubric, { settings: { customEvent }, ...more });
  await runJobs(api);
  const send = async (...payloads: unknown[]): Promise<void> => {
    for (const payload of payloads) expect((await integration.send(payload)).status).toBe(202);
    await runJobs(api);
  };
  return { integration, check, send };
}

const runs = (title: string, ...given: [service: string, ok: boolean][]) => ({
  title,
  runs: given.map(([service, ok]) => ({ service, ok })),
});

const HISTORY = `query ($check: ID!, $service: ID!) { service(id: $service) {
  checkResultHistory(filter: { check: { id: $check } }) {
    nodes { status message replacedAt reportedBy { id } integration { id } } } } }`;
const historyOf = async (check: string, service: string, by: Caller = user): Promise<Json[]> =>
  (await queryData(by, HISTORY, { check, service })).service.checkResultHistory.nodes;
const summaryOf = async (check: string, service: string): Promise<string[]> =>
  (await historyOf(check, service)).map(({ status, message }) => `${status} ${message}`);

/** The message while there was no event. */
const PENDING = 'PENDING No event about the service was received.';

const LEVEL = 'query ($id: ID!) { service(id: $id) { level { name } } }';

describe('an event', () => {
  test('determines the results of the services that it names, with a message and the integration', async () => {
    const { integration, check, send } = await world();
    await send(runs('one', ['shop', true], ['cart', false]));
    const [result, ...others] = await historyOf(check, shop);
    expect(result).toEqual({
      ...{ status: 'PASSED', message: 'one: shop PASSED', replacedAt: null, reportedBy: null },
      integration: { id: integration.id },
    });
    expect(others).toMatchObject([{ status: 'PENDING', message: null, integration: null }]);
    expect((await summaryOf(check, cart))[0]).toBe('FAILED one: cart FAILED');
    expect(await eventsOf(admin, integration.id)).toMatchObject([{ status: 'PROCESSED', error: null }]);
  });

  test('changes nothing if status and message are the same, and each change is in the history', async () => {
    const { check, send } = await world();
    await send(runs('one', ['shop', true]));
    await send(runs('one', ['shop', true], ['cart', true]));
    await send(runs('two', ['shop', true]));
    await send(runs('two', ['shop', false]));
    expect(await summaryOf(check, shop)).toEqual([
      'FAILED two: shop FAILED',
      'PASSED two: shop PASSED',
      'PASSED one: shop PASSED',
      'PENDING null',
    ]);
  });

  test('is evaluated before the later ones of its batch', async () => {
    const { check, integration } = await world();
    for (const ok of [true, false, true]) await integration.send(runs(`${ok}`, ['shop', ok]));
    await integration.send(runs('other', ['cart', true]));
    await runJobs(api);
    expect(await summaryOf(check, shop)).toEqual(['PASSED true: shop PASSED', 'PENDING null']);
    expect((await summaryOf(check, cart))[0]).toBe('PASSED other: cart PASSED');
  });

  test('changes the level of the service in the same transaction', async () => {
    const level = async () => (await queryData(user, LEVEL, { id: shop })).service.level?.name;
    const highest = await level();
    const { check, send } = await world({}, { level: { id: rubric.levels['Silver'] } });
    const pending = await level();
    await send(runs('one', ['shop', true]));
    expect(await level()).toBe(highest);
    await send(runs('one', ['shop', false]));
    expect(await level()).toBe(pending);
    await mutate(owner, 'deleteCheck', { check: { id: check } });
    await runJobs(api);
  });

  test('is not required by a check with `passPending`', async () => {
    const before = (await queryData(user, LEVEL, { id: shop })).service.level;
    await world({}, { passPending: true });
    expect((await queryData(user, LEVEL, { id: shop })).service.level).toEqual(before);
  });

  test('with an error in a program leaves the result as it was, and names the error', async () => {
    const { integration, check, send } = await world({ successCondition: '.ok' }, { name: 'Runs pass' });
    await send({ ok: true, runs: [{ service: 'shop' }] }, { ok: 1, runs: [{ service: 'shop' }] }, { runs: [1] });
    expect(await summaryOf(check, shop)).toEqual([expect.stringMatching(/^PASSED/), 'PENDING null']);
    expect((await eventsOf(admin, integration.id)).map(({ status, error }) => [status, error])).toEqual([
      ['FAILED', 'Runs pass: serviceSelector: Cannot index number with string "service"'],
      ['FAILED', 'Runs pass: shop: successCondition: must yield true or false'],
      ['PROCESSED', null],
    ]);
  });

  test('is only for the services that the filter of the check matches', async () => {
    const { filter } = await mutate(
      owner,
      'createFilter',
      { name: 'Shop only', predicates: [{ key: 'NAME', operator: 'EQUALS', value: 'shop' }] },
      'filter { id }',
    );
    const { check, send } = await world({}, { filterId: filter.id });
    await send(runs('one', ['shop', true], ['cart', true]));
    expect(await summaryOf(check, shop)).toEqual(['PASSED one: shop PASSED', 'PENDING null']);
    expect(await summaryOf(check, cart)).toEqual([]);
  });

  test('is not evaluated by a check that is disabled, or that is of another integration', async () => {
    const disabled = await world({}, { enabled: false });
    const other = await world();
    await disabled.send(runs('one', ['shop', true]));
    expect(await summaryOf(disabled.check, shop)).toEqual([]);
    expect(await summaryOf(other.check, shop)).toEqual([PENDING]);
  });

  test('adds no audit event', async () => {
    const { send } = await world();
    const count = async () => (await api.root`select count(*)::int as total from audit_events`)[0]?.['total'];
    const before = await count();
    await send(runs('one', ['shop', true]));
    expect(await count()).toBe(before);
  });

  test('never concerns a service of another organization with the same alias', async () => {
    const theirs = await createService('shop', globex.owner);
    const { check, send } = await world();
    await send(runs('one', ['shop', true]));
    const results = await api.root`select service_id from check_results where check_id = ${uuidOf('chk', check)}
      and status = 'PASSED'`;
    expect(results.map((row) => row['service_id'])).toEqual([uuidOf('svc', shop)]);
    expect(theirs).not.toBe(shop);
  });
});

describe('the processing of events', () => {
  const resultsOf = (check: string) =>
    api.root`select count(*)::int as total from check_results where check_id = ${uuidOf('chk', check)}
      and status <> 'PENDING'`;

  test('is not stopped by payloads that make the programs fail, loop or allocate', async () => {
    const selector = 'if .loop then last(repeat(1)) elif .big then [range(1e9)] else .service end';
    const { integration, check, send } = await world({ serviceSelector: selector, successCondition: '.ok' });
    const nul = { service: 'shop\u0000', ok: true };
    const deep = JSON.parse(`${'['.repeat(90)}${']'.repeat(90)}`);
    await send({ service: 'shop', ok: true }, { loop: true }, nul, deep, { big: true }, { service: 'cart', ok: true });
    const statuses = (await eventsOf(admin, integration.id)).map(({ status }) => status).toReversed();
    expect(statuses).toEqual(['PROCESSED', 'FAILED', 'FAILED', 'FAILED', 'FAILED', 'PROCESSED']);
    expect((await summaryOf(check, shop))[0]).toMatch(/^PASSED/);
    expect((await summaryOf(check, cart))[0]).toMatch(/^PASSED/);
  });

  test('writes each result once if two workers run at the same time', async () => {
    const { integration, check } = await world();
    const workers = await Promise.all([openWorker(api), openWorker(api), openWorker(api)]);
    const organizationId = uuidOf('org', acme.id);
    for (let at = 0; at < 5; at += 1) {
      await integration.send(runs(`${at}`, ['shop', at % 2 === 0], ['cart', true]));
      await enqueue(api, 'process-events', { organizationId });
    }
    await Promise.all(workers.map(async (worker) => void (await worker.runOnce())));
    await runJobs(api);
    expect((await eventsOf(admin, integration.id)).map(({ status }) => status)).toEqual(Array(5).fill('PROCESSED'));
    const history = (await summaryOf(check, shop)).slice(0, -1);
    expect(history[0]).toBe('PASSED 4: shop PASSED');
    expect(new Set(history).size).toBe(history.length);
    expect((await resultsOf(check))[0]?.['total']).toBeGreaterThanOrEqual(2);
  });

  test('of one organization is left to another job after a while, so that others get their turn', async () => {
    const { integration } = await world();
    for (let at = 0; at < 3; at += 1) await integration.send({ text: 'x'.repeat(3_000_000) });
    const handler = createProcessEvents(api.app.dependencies, 0);
    const worker = await openWorker(api, { handlers: { 'process-events': handler } });
    const queued = async () =>
      (await eventsOf(admin, integration.id)).filter(({ status }) => status === 'QUEUED').length;
    await worker.runOnce();
    expect(await queued()).toBe(1);
    await worker.runOnce();
    expect(await queued()).toBe(0);
    await runJobs(api);
  });

  test('ends after the deletion of the check or the service meanwhile', async () => {
    const { integration, check, send } = await world();
    const gone = await createService('gone');
    await integration.send(runs('one', ['gone', true], ['shop', true]));
    await mutate(owner, 'deleteService', { service: { id: gone } });
    await mutate(owner, 'deleteCheck', { check: { id: check } });
    await send(runs('two', ['shop', true]));
    expect((await resultsOf(check))[0]?.['total']).toBe(0);
    expect(await eventsOf(admin, integration.id)).toMatchObject([{ status: 'PROCESSED' }, { status: 'PROCESSED' }]);
  });
});

describe('a check of type CUSTOM_EVENT', () => {
  const place = { category: { id: rubric.categories['Security'] }, level: { id: rubric.levels['Bronze'] } };
  const CHECK = `check { id type settings { ... on CustomEventCheckSettings {
    type integration { id } serviceSelector successCondition resultMessage } } }`;
  const create = (customEvent: object, by: Caller = admin) =>
    mutate(by, 'createCheck', { name: 'Events', ...place, settings: { customEvent } }, CHECK);

  test('is created and updated with rules that can be used', async () => {
    const { id: integrationId } = await createIntegration(api, admin);
    const { check, errors } = await create({ integrationId, ...RULES });
    expect(errors).toEqual([]);
    const settings = { type: 'CUSTOM_EVENT', integration: { id: integrationId }, ...RULES };
    expect(check).toMatchObject({ type: 'CUSTOM_EVENT', settings });
    const change = (customEvent: object) =>
      mutate(admin, 'updateCheck', { check: { id: check.id }, settings: { customEvent } }, CHECK);
    expect((await change({ serviceSelector: '.a', resultMessage: null })).check.settings).toEqual({
      ...settings,
      serviceSelector: '.a',
      resultMessage: null,
    });
    expect(await change({ successCondition: '.a[' })).toMatchObject({
      check: null,
      errors: [{ code: 'INVALID', path: ['settings', 'customEvent', 'successCondition'] }],
    });
  });

  test('is refused with rules that cannot be used, and the message is that of jq', async () => {
    const { id: integrationId } = await createIntegration(api, admin);
    const { data } = await admin.query(
      'mutation ($input: CreateCheckInput!) { createCheck(input: $input) { errors { code message path } } }',
      {
        input: {
          name: 'Events',
          ...place,
          settings: { customEvent: { integrationId, ...RULES, serviceSelector: '.a[' } },
        },
      },
    );
    const path = ['settings', 'customEvent', 'serviceSelector'];
    expect(data.createCheck.errors).toEqual([
      { code: 'INVALID', path, message: `${path.join('.')}: syntax error, unexpected end of file in line 1.` },
    ]);
  });

  test.each([
    ['no integration', { integrationId: undefined }, 'REQUIRED', 'integrationId'],
    ['no selector', { serviceSelector: undefined }, 'REQUIRED', 'serviceSelector'],
    ['no condition', { successCondition: undefined }, 'REQUIRED', 'successCondition'],
    ['an empty condition', { successCondition: ' ' }, 'TOO_SHORT', 'successCondition'],
    ['a long selector', { serviceSelector: 'a'.repeat(4_001) }, 'TOO_LONG', 'serviceSelector'],
    ['a template with a file', { resultMessage: '{% render "/etc/passwd" %}' }, 'INVALID', 'resultMessage'],
  ])('is refused with %s', async (_name, change, code, field) => {
    const { id: integrationId } = await createIntegration(api, admin);
    expect(await create({ integrationId, ...RULES, ...change })).toMatchObject({
      check: null,
      errors: [{ code, path: ['settings', 'customEvent', field] }],
    });
  });

  test('is refused with an integration of another type or organization', async () => {
    const deploys = await createIntegration(api, admin, 'DEPLOY');
    const theirs = await createIntegration(api, globex.owner);
    const path = ['settings', 'customEvent', 'integrationId'];
    expect((await create({ integrationId: deploys.id, ...RULES })).errors).toEqual([{ code: 'INVALID', path }]);
    expect((await create({ integrationId: theirs.id, ...RULES })).errors).toEqual([{ code: 'NOT_FOUND', path }]);
  });

  test('keeps its integration from being deleted, and its results cannot be reported', async () => {
    const { integration, check } = await world();
    const { errors } = await mutate(admin, 'deleteIntegration', { id: integration.id });
    expect(errors).toMatchObject([{ code: 'IN_USE' }]);
    const report = { check: { id: check }, service: { id: shop }, status: 'PASSED' };
    expect(await mutate(owner, 'reportCheckResult', report)).toMatchObject({
      errors: [{ code: 'INVALID', path: ['check'] }],
    });
  });

  test('is not created by a caller without check:create', async () => {
    const { id: integrationId } = await createIntegration(api, admin);
    expect(await create({ integrationId, ...RULES }, user)).toEqual({ refused: 'NO_GRANT' });
  });
});

describe('testCheck', () => {
  const TEST = `query ($check: CheckReference, $settings: CheckRulesInput, $payload: JSON!) {
    testCheck(check: $check, settings: $settings, payload: $payload) {
      errors services { alias service { id } status message error } } }`;
  const run = (by: Caller, variables: object) => by.query(TEST, variables as Record<string, unknown>);
  const tested = async (variables: object, by: Caller = admin): Promise<Json> =>
    (await run(by, variables)).data.testCheck;
  const payload = runs('try', ['shop', true], ['cart', false], ['unheard-of', true]);

  test('returns the results of an event, and stores nothing', async () => {
    const { check, integration } = await world();
    const expected = {
      errors: [],
      services: [
        { alias: 'cart', service: { id: cart }, status: 'FAILED', message: 'try: cart FAILED', error: null },
        { alias: 'shop', service: { id: shop }, status: 'PASSED', message: 'try: shop PASSED', error: null },
        { alias: 'unheard-of', service: null, status: 'PASSED', message: 'try: unheard-of PASSED', error: null },
      ],
    };
    expect(await tested({ check: { id: check }, payload })).toEqual(expected);
    expect(await tested({ settings: RULES, payload })).toEqual(expected);
    await runJobs(api);
    expect(await summaryOf(check, shop)).toEqual([PENDING]);
    expect(await eventsOf(admin, integration.id)).toEqual([]);
    const [row] = await api.root`select count(*)::int as total from service_suggestions where alias = 'unheard-of'`;
    expect(row?.['total']).toBe(0);
  });

  test('tests other settings of a stored check', async () => {
    const { check } = await world();
    const settings = { successCondition: 'error("no")', resultMessage: null };
    expect((await tested({ check: { id: check }, settings, payload })).services[0]).toEqual({
      ...{ alias: 'cart', service: { id: cart }, status: null, message: null, error: 'successCondition: no' },
    });
  });

  test.each([
    ['a program that is missing', { successCondition: undefined }, 'successCondition: is required'],
    ['a syntax error', { serviceSelector: '.a[' }, 'serviceSelector: syntax error, unexpected end of file in line 1'],
    ['a selector that fails', { serviceSelector: 'error("x")' }, 'serviceSelector: x'],
    ['a selector that loops', { serviceSelector: 'last(repeat(1))' }, /too much time/],
    ['a long program', { serviceSelector: '1'.repeat(4_001) }, 'serviceSelector: must have at most 4,000 characters'],
    ['a template with a file', { resultMessage: '{% include "x" %}' }, /^resultMessage: tag "include" not found/],
    [
      'a program that reads the environment',
      { serviceSelector: '$ENV.HOME // error("none")' },
      'serviceSelector: none',
    ],
  ])('names the error of %s', async (_name, change, error) => {
    const errors = [typeof error === 'string' ? error : expect.stringMatching(error)];
    expect(await tested({ settings: { ...RULES, ...change }, payload })).toEqual({ errors, services: [] });
  });

  test('finds no check of another organization, and refuses a check of another type', async () => {
    const { check } = await world();
    expect(await tested({ check: { id: check }, payload }, globex.owner)).toBeNull();
    const manual = await createCheck(owner, rubric);
    expect(await tested({ check: { id: manual }, payload })).toEqual({
      errors: ['The check is of type MANUAL.'],
      services: [],
    });
  });

  test('requires check:update', async () => {
    const { data, errors } = await run(user, { settings: RULES, payload });
    expect(data).toEqual({ testCheck: null });
    expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', permission: 'check:update' } }]);
  });

  test('does not show a service that is hidden from the caller', async () => {
    await api.root`update organizations set plan = 'ENTERPRISE' where slug = ${acme.slug}`;
    const blind = await addMember(api, acme, 'read', 'blind');
    const statements = [{ effect: 'ALLOW', permissions: ['check:read', 'check:update', 'service:read'] }];
    const ifOwned = { effect: 'DENY', permissions: ['service:read'] };
    const input = { name: 'Blind', statements: [...statements, ifOwned] };
    const { role } = await mutate(owner, 'createRole', input, 'role { id }');
    await mutate(owner, 'updateMember', { id: blind.memberId, roleId: role.id });
    const { services, errors } = await tested({ settings: RULES, payload }, blind);
    expect(errors).toEqual([]);
    expect(services.map(({ alias, service }: Json) => [alias, service])).toEqual([
      ...[
        ['cart', null],
        ['shop', null],
        ['unheard-of', null],
      ],
    ]);
  });
});
