import { expect, test } from 'vitest';
import { createEventEvaluator, type EventEvaluator } from '../../src/lib/event-rules/evaluator.ts';
import { evaluateEvents } from '../../src/resources/integration/event-checks.ts';

const RULES = { serviceSelector: '.', successCondition: 'true', resultMessage: null };
const checks = ['one', 'two', 'three'].map((name) => ({ id: name, name, integrationId: 'int', rules: RULES }));
const events = ['a', 'b'].map((id) => {
  const rest = { type: 'CUSTOM_EVENT', payload: '{}', size: 2, createdAt: new Date() } as const;
  return { id, integrationId: 'int', ...rest };
});

/** Each evaluation yields a message of 1,000 characters for each payload, and takes a second. */
function createEvaluator(): EventEvaluator {
  const service = { alias: 'a', status: 'PASSED', message: 'x'.repeat(1_000) } as const;
  return {
    check: async () => null,
    evaluate: async (_owner, _rules, payloads, { onCpu } = {}) => {
      onCpu?.(1_000);
      return payloads.map(() => ({ services: [service] }));
    },
    stop: async () => undefined,
  };
}

const evaluate = (characters: number, cpuMs = 60_000) =>
  evaluateEvents(createEvaluator(), 'org', events, checks, new AbortController().signal, { cpuMs, characters });

const summaryOf = (evaluated: Awaited<ReturnType<typeof evaluate>>) =>
  evaluated.map(({ id, results, errors }) => [id, results.map(({ checkId }) => checkId), errors.length]);

test('events within the budget are evaluated together', async () => {
  const all = ['one', 'two', 'three'];
  expect(summaryOf(await evaluate(10_000))).toEqual([
    ['a', all, 0],
    ['b', all, 0],
  ]);
});

test('events that exceed the budget together are evaluated one by one', async () => {
  expect(summaryOf(await evaluate(4_000))).toEqual([['a', ['one', 'two', 'three'], 0]]);
});

test('an event that exceeds the budget alone has an error for each further check', async () => {
  const evaluated = await evaluate(1_000);
  expect(summaryOf(evaluated)).toEqual([['a', ['one'], 2]]);
  expect(evaluated[0]?.errors[0]).toMatch(/^two: Not evaluated, because/);
});

test('programs that take too long end with an error, and do not block the events behind', async () => {
  const evaluated = await evaluate(10_000, 1_500);
  expect(summaryOf(evaluated)).toEqual([['a', ['one', 'two'], 1]]);
});

test('a job that is stopped leaves the queue of programs', async () => {
  const evaluator = createEventEvaluator();
  const running = evaluator.evaluate('other', { ...RULES, serviceSelector: 'range(infinite)' }, ['{}']);
  const job = new AbortController();
  const queued = evaluateEvents(evaluator, 'org', events, checks, job.signal);
  job.abort(new Error('the job was stopped'));
  await expect(Promise.race([queued, running])).rejects.toThrow('the job was stopped');
  await running;
  await evaluator.stop();
});
