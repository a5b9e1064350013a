import { describe, expect, test } from 'vitest';
import { findResponsesToAbort, type PendingResponse, type ResponseLimits } from '../../src/http/pending-response.ts';

const LIMITS: ResponseLimits = { idle: 5, age: 20, held: 100, quick: 3 };

const response = (length: number): PendingResponse => ({
  length,
  sent: 0,
  seen: 0,
  rate: 0,
  idle: 0,
  age: 0,
  abort: () => undefined,
});

/** Repeats the check until a response is aborted. Before each check, each client reads its number of bytes. */
function abortedAt(
  readers: [PendingResponse, number][],
  limits = LIMITS,
  checks = 30,
): { at: number; aborted: Map<PendingResponse, string> } {
  for (let at = 1; at <= checks; at += 1) {
    for (const [one, taken] of readers) one.sent = Math.min(one.sent + taken, one.length);
    const open = readers.map(([one]) => one).filter((one) => one.sent < one.length);
    const aborted = findResponsesToAbort(open, limits);
    if (aborted.size > 0) return { at, aborted };
  }
  return { at: Number.POSITIVE_INFINITY, aborted: new Map() };
}

describe('a response is aborted', () => {
  test('after the write timeout when the client reads nothing', () => {
    expect(abortedAt([[response(10), 0]]).at).toBe(LIMITS.idle);
  });

  test('during progress only when the whole response takes too long', () => {
    expect(abortedAt([[response(90), 1]]).at).toBe(LIMITS.age);
  });

  test('never because of pauses that are shorter than the timeout', () => {
    const one = response(10);
    for (let round = 0; round < 3; round += 1) {
      for (let at = 1; at < LIMITS.idle; at += 1) expect(findResponsesToAbort([one], LIMITS).size).toBe(0);
      one.sent += 1;
      expect(findResponsesToAbort([one], LIMITS).size).toBe(0);
    }
  });
});

describe('when responses hold more than the limit', () => {
  test('the slowest responses are aborted until the others are below the limit', () => {
    const [stalled, slow, quick] = [response(60), response(60), response(60)];
    const { at, aborted } = abortedAt([
      [quick, 20],
      [slow, 10],
      [stalled, 0],
    ]);
    expect([at, [...aborted.keys()]]).toEqual([1, [stalled, slow]]);
  });

  test('a quick client gets the whole response even if that response alone is above the limit', () => {
    expect(abortedAt([[response(1_000), 250]]).at).toBe(Number.POSITIVE_INFINITY);
  });

  test('a response is aborted when its client becomes slow', () => {
    const one = response(1_000);
    one.sent = 800;
    const { aborted } = abortedAt([[one, 0]]);
    expect(aborted.get(one)).toBe('too much memory is used for slow clients');
  });
});

test('below the limit a slow client is not aborted', () => {
  expect(findResponsesToAbort([response(40), response(60)], LIMITS).size).toBe(0);
});
