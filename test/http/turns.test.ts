import { setImmediate as turn } from 'node:timers/promises';
import { type ExecutionArgs, parse } from 'graphql';
import { expect, test } from 'vitest';
import { LIMITS } from '../../src/http/limits.ts';
import { takingTurns } from '../../src/http/turns.ts';
import { until } from './sockets.ts';

const QUERY = parse('{ a }');
const MUTATION = parse('mutation { a }');

/** Operations that run until they are ended, by the names that they are started with. */
function operations() {
  const running = new Map<string, { end: (result: object) => void; fail: (error: Error) => void }>();
  const costs = new WeakMap<object, number>();
  const execute = takingTurns(
    ({ contextValue }) =>
      new Promise((end, fail) => {
        running.set(contextValue as string, { end, fail });
      }),
    (args) => costs.get(args) ?? 0,
  );
  const start = (name: string, share: number, document = QUERY) => {
    const args = { document, contextValue: name } as ExecutionArgs;
    costs.set(args, LIMITS.cost * share);
    const result = Promise.resolve(execute(args)).then(
      () => 'done',
      () => 'failed',
    );
    const finish = (how: 'end' | 'fail'): void => {
      running.get(name)?.[how](new Error('failed'));
      running.delete(name);
    };
    return { result, end: () => finish('end'), fail: () => finish('fail') };
  };
  const nowRunning = async (names: string[]): Promise<void> => {
    await until(() => [...running.keys()].join() === names.join());
    await turn();
    expect([...running.keys()]).toEqual(names);
  };
  return { start, nowRunning };
}

test('heavy queries run together up to the cost of the largest one, and the others in their order', async () => {
  const { start, nowRunning } = operations();
  const [a, b] = ['a', 'b'].map((name) => start(name, 0.5));
  const c = start('c', 1);
  start('d', 0.2);
  await nowRunning(['a', 'b']);
  a?.end();
  await nowRunning(['b']);
  b?.end();
  await nowRunning(['c']);
  c.end();
  await nowRunning(['d']);
});

test('light queries and mutations do not wait for heavy ones', async () => {
  const { start, nowRunning } = operations();
  start('heavy', 1);
  start('light', 0.1);
  start('mutation', 1, MUTATION);
  await nowRunning(['light', 'mutation', 'heavy']);
});

test('a heavy query that fails makes room for the next one', async () => {
  const { start, nowRunning } = operations();
  const failing = start('failing', 1);
  start('next', 1);
  await turn();
  failing.fail();
  expect(await failing.result).toBe('failed');
  await nowRunning(['next']);
});
