import { expect, test } from 'vitest';
import { createFairQueue } from '../src/lib/thread/queue.ts';

/** A queue with a clock that a test sets. */
function start(limits = { ofOwner: 3, all: 6 }) {
  const clock = { now: 0 };
  const queue = createFairQueue<string>(limits, () => clock.now);
  const rest = (): string[] => {
    const entries: string[] = [];
    for (let next = queue.next(); next; next = queue.next()) entries.push(next.entry);
    return entries;
  };
  return { clock, queue, rest };
}

test('owners are served in ascending order of the time that they have used', () => {
  const { queue, rest } = start({ ofOwner: 3, all: 100 });
  for (const [at, owner] of ['a', 'b', 'c', 'd', 'e'].entries()) {
    queue.charge(owner, 2_000 - at);
    for (const round of [1, 2]) queue.add(owner, `${owner}${round}`);
  }
  queue.add('new', 'new');
  expect(queue.next()).toEqual({ owner: 'new', entry: 'new' });
  expect(rest()).toEqual(['e1', 'e2', 'd1', 'd2', 'c1', 'c2', 'b1', 'b2', 'a1', 'a2']);
});

test('owners who have used the same time are served in the order of their first entries', () => {
  const { queue, rest } = start();
  for (const [owner, entry] of ['a1', 'a2', 'b1'].map((entry) => [entry.slice(0, 1), entry] as const))
    queue.add(owner, entry);
  expect(queue.next()?.entry).toBe('a1');
  queue.charge('a', 1);
  expect(rest()).toEqual(['b1', 'a2']);
});

test('used time counts half after a minute', () => {
  const { clock, queue } = start();
  queue.charge('a', 1_000);
  clock.now = 60_000;
  queue.charge('b', 501);
  for (const owner of ['b', 'a']) queue.add(owner, owner);
  expect(queue.next()?.owner).toBe('a');
});

test('a full queue drops the last entry of the owner who has the most entries', () => {
  const { queue, rest } = start();
  for (const entry of ['a1', 'a2', 'a3', 'b1', 'b2', 'b3']) expect(queue.add(entry.slice(0, 1), entry)).toBeNull();
  expect(queue.add('a', 'a4')).toBe('a4');
  expect(queue.add('c', 'c1')).toBe('b3');
  expect(queue.add('c', 'c2')).toBe('a3');
  expect(queue.add('c', 'c3')).toBe('c3');
  expect(queue.size()).toBe(6);
  expect(rest().toSorted()).toEqual(['a1', 'a2', 'b1', 'b2', 'c1', 'c2']);
});

test('a full queue in which all owners have one entry refuses another owner, and serves those who wait', () => {
  const { queue, rest } = start({ ofOwner: 2, all: 2 });
  for (const owner of ['a', 'b']) queue.add(owner, owner);
  for (const owner of ['c', 'd']) expect(queue.add(owner, owner)).toBe(owner);
  expect(rest()).toEqual(['a', 'b']);
});

test('a removed entry is not served, and does not count for the limit', () => {
  const { queue, rest } = start({ ofOwner: 1, all: 1 });
  queue.add('a', 'a1');
  expect([queue.remove('a', 'a1'), queue.remove('a', 'a1'), queue.remove('b', 'a1')]).toEqual([true, false, false]);
  expect(queue.add('a', 'a2')).toBeNull();
  expect(rest()).toEqual(['a2']);
  expect(queue.size()).toBe(0);
});
