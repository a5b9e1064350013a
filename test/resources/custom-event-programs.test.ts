import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import type { EventEvaluator } from '../../src/lib/event-rules/evaluator.ts';
import type { RunOptions } from '../../src/lib/thread/runner.ts';
import { createIntegration } from '../integration/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { addMember, createApiToken, createOrganization, getRubric, mutate } from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const admin = await addMember(api, acme, 'admin');
const rubric = await getRubric(acme.owner);
const integration = await createIntegration(api, admin);

/** A server for which the test counts the connections in use while programs run. */
const node = await startApi({ database: api });
const { dependencies } = node.app;
const evaluator = dependencies.eventEvaluator;
let used: number[] = [];
let meanwhile: () => Promise<unknown> = async () => undefined;
async function watch(): Promise<void> {
  const inUse = (): number => {
    const { open, idle } = node.pool.state();
    return open - idle;
  };
  // A connection is released a little after the end of its transaction. One that is not released is in use.
  for (const until = performance.now() + 500; inUse() > 0 && performance.now() < until; ) await nextTurn();
  used.push(inUse());
  const run = meanwhile;
  meanwhile = async () => undefined;
  await run();
}
const watched: EventEvaluator = {
  stop: evaluator.stop,
  check: async (...given) => {
    await watch();
    return await evaluator.check(...given);
  },
  evaluate: async (...given) => {
    await watch();
    return await evaluator.evaluate(...given);
  },
};
Object.assign(dependencies, { eventEvaluator: watched });
beforeEach(() => {
  used = [];
});

const RULES = { serviceSelector: '.service', successCondition: '.ok' };
const place = { category: { id: rubric.categories['Security'] }, level: { id: rubric.levels['Bronze'] } };
const inputOf = (name: string, rules: object = RULES) => ({
  ...{ name, ...place, settings: { customEvent: { integrationId: integration.id, ...rules } } },
});
const CHECK = 'check { id settings { ... on CustomEventCheckSettings { serviceSelector successCondition } } }';
const create = (name: string, by = node.as(admin.token), rules?: object) =>
  mutate(by, 'createCheck', inputOf(name, rules), CHECK);
const update = (id: string, customEvent: object, by = node.as(admin.token)) =>
  mutate(by, 'updateCheck', { check: { id }, settings: { customEvent } }, CHECK);

test('programs run while their request uses no connection', async () => {
  const { check } = await create('One');
  await update(check.id, { successCondition: '  .passed ' });
  expect((await update(check.id, { serviceSelector: '.a[' })).errors).toMatchObject([{ code: 'INVALID' }]);
  const TEST = 'query ($id: ID!) { testCheck(check: { id: $id }, payload: { service: "x", passed: true }) { errors } }';
  expect((await node.as(admin.token).query(TEST, { id: check.id })).data.testCheck).toEqual({ errors: [] });
  expect(used).toEqual([0, 0, 0, 0, 0]);
});

test('rules that another request changes meanwhile are checked in the transaction', async () => {
  const { check } = await create('Two');
  used = [];
  meanwhile = () => update(check.id, { serviceSelector: '.other' }, api.as(admin.token));
  const changed = await update(check.id, { successCondition: '.passed' });
  expect(changed.check.settings).toEqual({ serviceSelector: '.other', successCondition: '.passed' });
  expect(used).toEqual([0, 1]);
});

test('a request that ends at its deadline leaves the queue of programs', async () => {
  const slow = await startApi({ database: api, config: { requestTimeoutMs: 1_000 } });
  const reasons: unknown[] = [];
  const never = (signal?: AbortSignal): Promise<never> =>
    new Promise((_, reject) => {
      signal?.addEventListener('abort', () => {
        reasons.push(signal.reason.code);
        reject(signal.reason);
      });
    });
  Object.assign(slow.app.dependencies, {
    eventEvaluator: {
      ...evaluator,
      check: async (_owner: string, _rules: object, own?: RunOptions) => never(own?.signal),
    },
  });
  const by = slow.as(admin.token);
  const TEST = 'query ($settings: CheckRulesInput) { testCheck(settings: $settings, payload: {}) { errors } }';
  const CREATE = 'mutation ($input: CreateCheckInput!) { createCheck(input: $input) { check { id } } }';
  for (const answer of [
    await by.query(TEST, { settings: RULES }),
    await by.query(CREATE, { input: inputOf('Late') }),
  ] as Json[])
    expect([answer.status, answer.errors[0].extensions.code]).toEqual([503, 'UNAVAILABLE']);
  expect(reasons).toEqual(['UNAVAILABLE', 'UNAVAILABLE']);
});

test('a credential that is revoked while a program runs changes nothing', async () => {
  const { token = '', id } = await createApiToken(api, admin, 'WRITE');
  const revoke = () =>
    fetch(`${api.address}/secrets/revoke`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ secret: token }),
    });
  const by = node.as(token);
  expect((await create('Three', by)).errors).toEqual([]);
  meanwhile = revoke;
  const CREATE = 'mutation ($input: CreateCheckInput!) { createCheck(input: $input) { check { id } } }';
  const answer: Json = await by.query(CREATE, { input: inputOf('Four') });
  expect([answer.status, answer.errors?.[0].extensions.code, id]).toEqual([401, 'UNAUTHENTICATED', id]);
  const { data } = await admin.query('{ checks(first: 50) { nodes { name } } }');
  const names = data.checks.nodes.map(({ name }: Json) => name);
  expect([names.includes('Three'), names.includes('Four')]).toEqual([true, false]);
});
