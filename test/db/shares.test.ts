import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createShares, type Shares, type Waiter } from '../../src/db/shares.ts';

const nothing = (): void => undefined;
const waiterOf = (owner: string, deadline = Number.POSITIVE_INFINITY): Waiter<null> => ({
  ...{ owner, deadline },
  resolve: nothing,
  reject: nothing,
});

function served(shares: Shares<null>): string {
  const owners: string[] = [];
  for (let next = shares.next(); next; next = shares.next()) owners.push(next.owner);
  return owners.join('');
}

test('owners are served in turn, and none gets more than half of the connections', () => {
  const shares = createShares<null>(8, 100);
  for (const owner of 'aaaaaaabbc') shares.add(waiterOf(owner));
  expect(served(shares)).toBe('abcabaa');
  expect([shares.waiting, shares.demand(), shares.exhausted()]).toEqual([3, 0, ['a']]);
  shares.release('a');
  expect([shares.demand(), served(shares), shares.waiting]).toEqual([1, 'a', 2]);
});

test('an owner uses at most one of two connections', () => {
  const shares = createShares<null>(2, 100);
  for (const owner of 'aab') shares.add(waiterOf(owner));
  expect(served(shares)).toBe('ab');
});

test('the owners of one worker get at most three quarters of the connections, and at least one', () => {
  const servedByWorker = (connections: number): number => {
    const shares = createShares<null>(connections, 100);
    for (const owner of 'aabbccddee') shares.add({ ...waiterOf(owner), worker: '1' });
    const most = shares.demand();
    expect(served(shares)).toHaveLength(most);
    return most;
  };
  expect([1, 2, 4, 8].map(servedByWorker)).toEqual([1, 1, 3, 6]);
});

test('the queue has a limit, and one owner uses at most half of it', () => {
  const shares = createShares<null>(2, 4);
  expect([...'aaabbb'].map((owner) => shares.add(waiterOf(owner)))).toEqual([true, true, false, true, true, false]);
  expect(shares.waiting).toBe(4);
});

test('only waiters whose deadline has passed are removed', () => {
  const shares = createShares<null>(2, 100);
  for (const deadline of [1, 2, 3]) for (const owner of 'ab') shares.add(waiterOf(owner, deadline));
  expect(shares.removeExpired(2).map(({ owner, deadline }) => `${owner}${deadline}`)).toEqual(['a1', 'a2', 'b1', 'b2']);
  expect([shares.waiting, served(shares)]).toEqual([2, 'ab']);
});

/** Random operations on the shares. The test compares them with lists of all waiters and holders. */
const steps = fc.array(
  fc.record({ what: fc.constantFrom('add', 'add', 'next', 'back', 'remove'), owner: fc.constantFrom('a', 'b', 'c') }),
  { maxLength: 60 },
);

test('after any operations no waiter is lost or served twice, and no owner holds more than half', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), steps, (connections, all) => {
      const shares = createShares<null>(connections, 1000);
      const waiting: Waiter<null>[] = [];
      const held: string[] = [];
      const heldBy = (owner: string): number => held.filter((one) => one === owner).length;
      const mayTake = (owner: string): boolean => heldBy(owner) < Math.ceil(connections / 2);
      for (const { what, owner } of all) {
        const first = waiting.find((one) => one.owner === owner);
        if (what === 'add') {
          waiting.push(waiterOf(owner));
          expect(shares.add(waiting.at(-1) as Waiter<null>)).toBe(true);
        } else if (what === 'next') {
          const next = shares.next();
          expect(next !== undefined).toBe(waiting.some((one) => mayTake(one.owner)));
          if (next) {
            expect(mayTake(next.owner)).toBe(true);
            expect(next).toBe(waiting.find((one) => one.owner === next.owner));
            waiting.splice(waiting.indexOf(next), 1);
            held.push(next.owner);
          }
        } else if (what === 'back' && held.includes(owner)) {
          held.splice(held.indexOf(owner), 1);
          shares.release(owner);
        } else if (what === 'remove' && first) {
          waiting.splice(waiting.indexOf(first), 1);
          expect([shares.remove(first), shares.remove(first)]).toEqual([true, false]);
        }
        expect(shares.waiting).toBe(waiting.length);
      }
    }),
  );
});
