import { setImmediate as turn } from 'node:timers/promises';
import { type ExecutionArgs, parse } from 'graphql';
import { expect, test } from 'vitest';
import { newWork, stopWork } from '../../src/db/work.ts';
import { createHeavyQueries } from '../../src/http/heavy-queries.ts';
import { LIMITS } from '../../src/http/limits.ts';
import { unavailable } from '../../src/lib/errors.ts';
import { until } from '../support/until.ts';

const QUERY = parse('{ a }');
const MUTATION = parse('mutation { a }');

/** Operations that run until the test ends them, by their names. */
function operations() {
  const running = new Map<string, { end: (result: object) => void; fail: (error: Error) => void }>();
  const heavyQueries = createHeavyQueries();
  const execute = ({ contextValue }: ExecutionArgs) =>
    new Promise<object>((end, fail) => {
      running.set((contextValue as { name: string }).name, { end, fail });
    });
  const start = (name: string, organizationId: string, share = 1, document = QUERY) => {
    const work = newWork();
    const contextValue = { name, work, unit: { binding: { organizationId }, revalidation: {} } };
    const args = { document, contextValue: contextValue as object } as ExecutionArgs;
    const result = heavyQueries(args, LIMITS.cost * share, execute).then(
      () => 'done',
      (error: Error) => error.message,
    );
    const finish = (how: 'end' | 'fail'): void => {
      running.get(name)?.[how](new Error('failed'));
      running.delete(name);
    };
    return { work, result, end: () => finish('end'), fail: () => finish('fail') };
  };
  const nowRunning = async (names: string[]): Promise<void> => {
    await until(() => [...running.keys()].join() === names.join());
    await turn();
    expect([...running.keys()]).toEqual(names);
  };
  return { start, nowRunning };
}

test('two heavy queries run at once, one of each organization, and the others run round-robin', async () => {
  const { start, nowRunning } = operations();
  const [a] = ['a1', 'a2', 'a3'].map((name) => start(name, 'a'));
  const b = start('b1', 'b');
  start('b2', 'b');
  await nowRunning(['a1', 'b1']);
  a?.end();
  await nowRunning(['b1', 'a2']);
  b.end();
  await nowRunning(['a2', 'b2']);
});

test('a heavy query stops waiting when its client disconnects', async () => {
  const { start, nowRunning } = operations();
  const first = start('first', 'a');
  const gone = start('gone', 'a');
  start('next', 'a');
  await nowRunning(['first']);
  stopWork(gone.work, unavailable('gone'));
  expect(await gone.result).toBe('gone');
  first.end();
  await nowRunning(['next']);
});

test('light queries and mutations do not wait for heavy ones', async () => {
  const { start, nowRunning } = operations();
  start('heavy', 'a');
  start('light', 'a', 0.1);
  start('mutation', 'a', 1, MUTATION);
  await nowRunning(['light', 'mutation', 'heavy']);
});

test('a heavy query that fails makes room for the next one', async () => {
  const { start, nowRunning } = operations();
  const failing = start('failing', 'a');
  start('next', 'a');
  await turn();
  failing.fail();
  expect(await failing.result).toBe('failed');
  await nowRunning(['next']);
});
