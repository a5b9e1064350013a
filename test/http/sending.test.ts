import { describe, expect, test } from 'vitest';
import { check, type Sending, type SendingLimits } from '../../src/http/sending.ts';

const LIMITS: SendingLimits = { idle: 5, age: 20, held: 100, quick: 3 };

const sending = (length: number): Sending => ({
  length,
  sent: 0,
  seen: 0,
  rate: 0,
  idle: 0,
  age: 0,
  cut: () => undefined,
});

/** Checks until one is cut. Each reader takes its bytes before each check. */
function cutAt(readers: [Sending, number][], limits = LIMITS, checks = 30): { at: number; cut: Map<Sending, string> } {
  for (let at = 1; at <= checks; at += 1) {
    for (const [one, taken] of readers) one.sent = Math.min(one.sent + taken, one.length);
    const open = readers.map(([one]) => one).filter((one) => one.sent < one.length);
    const cut = check(open, limits);
    if (cut.size > 0) return { at, cut };
  }
  return { at: Number.POSITIVE_INFINITY, cut: new Map() };
}

describe('a response is cut', () => {
  test('after the write timeout when nothing of it is read', () => {
    expect(cutAt([[sending(10), 0]]).at).toBe(LIMITS.idle);
  });

  test('that makes progress only when it takes too long as a whole', () => {
    expect(cutAt([[sending(90), 1]]).at).toBe(LIMITS.age);
  });

  test('not while it makes progress, however long it pauses within the timeout', () => {
    const one = sending(10);
    for (let round = 0; round < 3; round += 1) {
      for (let at = 1; at < LIMITS.idle; at += 1) expect(check([one], LIMITS).size).toBe(0);
      one.sent += 1;
      expect(check([one], LIMITS).size).toBe(0);
    }
  });
});

describe('when responses hold more than the limit', () => {
  test('those that will take longest are cut, until the rest is below the limit', () => {
    const [stalled, slow, quick] = [sending(60), sending(60), sending(60)];
    const { at, cut } = cutAt([
      [quick, 20],
      [slow, 10],
      [stalled, 0],
    ]);
    expect([at, [...cut.keys()]]).toEqual([1, [stalled, slow]]);
  });

  test('a quick reader gets all of a response that alone is above the limit', () => {
    expect(cutAt([[sending(1_000), 250]]).at).toBe(Number.POSITIVE_INFINITY);
  });

  test('a reader that is slow from some point on is cut', () => {
    const one = sending(1_000);
    one.sent = 800;
    const { cut } = cutAt([[one, 0]]);
    expect(cut.get(one)).toBe('too many bytes wait for slow clients');
  });
});

test('below the limit a slow reader is left alone', () => {
  expect(check([sending(40), sending(60)], LIMITS).size).toBe(0);
});
