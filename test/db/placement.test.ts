import type { Sql } from 'postgres';
import { expect, test } from 'vitest';
import { createPlacement } from '../../src/db/placement.ts';

/** A connection that answers each statement with this result. */
function connectionWith(result: () => Promise<unknown>): { sql: Sql; sent: () => number } {
  let sent = 0;
  const sql = (() => {
    sent += 1;
    return result();
  }) as unknown as Sql;
  return { sql, sent: () => sent };
}

test('the worker of an organization is looked up once, also for requests at the same time', async () => {
  const { sql, sent } = connectionWith(async () => [{ worker: '2' }]);
  const placement = createPlacement(sql);
  placement.isCluster = true;
  expect(await Promise.all([placement.workerOf('a'), placement.workerOf('a')])).toEqual(['2', '2']);
  expect(placement.workerOf('a')).toBe('2');
  expect(sent()).toBe(1);
});

test('an organization without a known worker does not cost each request a statement', async () => {
  const { sql, sent } = connectionWith(() => Promise.reject(new Error('relation organizations is not distributed')));
  const placement = createPlacement(sql);
  placement.isCluster = true;
  expect(await placement.workerOf('a')).toBe('');
  expect(placement.workerOf('a')).toBe('');
  expect(sent()).toBe(1);
});

test('outside a cluster, and without an organization, nothing is looked up', () => {
  const { sql, sent } = connectionWith(async () => []);
  const placement = createPlacement(sql);
  expect(placement.workerOf('a')).toBe('');
  placement.isCluster = true;
  expect(placement.workerOf('')).toBe('');
  expect(sent()).toBe(0);
});
