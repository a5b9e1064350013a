import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'vitest';
import { expectNoViolations } from './judge.ts';
import type { NetworkProxy } from './proxy.ts';
import { run } from './run.ts';
import { IS_FULL, STATEMENT_TIMEOUT, size } from './sizes.ts';
import type { Stage } from './stage.ts';

/**
 * Milliseconds until the server detects a silent connection, which is the time for a statement and its cancellation.
 * A shorter silence cannot be distinguished from a long statement.
 */
const SILENT = STATEMENT_TIMEOUT + 1_000;

export function networkFaults(stage: Stage): void {
  const each = (work: (proxy: NetworkProxy) => void): void => {
    for (const { proxy } of stage.targets) if (proxy) work(proxy);
  };
  const during = async (begin: (proxy: NetworkProxy) => void, milliseconds: number): Promise<void> => {
    each(begin);
    await sleep(milliseconds);
    each((proxy) => proxy.set('pass'));
  };
  /** Repeats the fault, so that it also affects connections that are being opened. */
  const repeat = async (work: (proxy: NetworkProxy) => void): Promise<void> => {
    for (let times = 0; times < size(3, 8); times += 1) {
      each(work);
      await sleep(150);
    }
  };

  test('requests succeed on a network that delays every byte', { timeout: 120_000 }, async () => {
    const outcomes = await run(stage, {
      name: '5 the network delays, 200 ms each way',
      rounds: 1,
      inflict: () => during((proxy) => proxy.set('delay', 200), size(1_000, 4_000)),
    });
    expectNoViolations(outcomes);
  });

  test.each([
    ['resets', (proxy: NetworkProxy) => proxy.reset()],
    ['half-closes', (proxy: NetworkProxy) => proxy.halfClose()],
  ])(
    'a network that %s connections fails only the requests that use them',
    { timeout: 120_000 },
    async (what, work) => {
      const name = `5 the network ${what} connections`;
      expectNoViolations(await run(stage, { name, rounds: size(1, 3), inflict: () => repeat(work) }));
    },
  );

  test('requests fail with UNAVAILABLE while the port of the database refuses connections', {
    timeout: 120_000,
  }, async () => {
    const outcomes = await run(stage, {
      name: '5 connections are reset and refused',
      rounds: 1,
      async inflict() {
        each((proxy) => proxy.refuse());
        each((proxy) => proxy.reset());
        await sleep(size(500, 2_000));
        await Promise.all(stage.targets.map(({ proxy }) => proxy?.accept()));
      },
    });
    expectNoViolations(outcomes, { seen: 'UNAVAILABLE' });
  });

  test('every request gets a response on a network that loses bytes', { timeout: 180_000 }, async () => {
    const outcomes = await run(stage, {
      name: '5 the network loses bytes',
      rounds: 1,
      inflict: () => during((proxy) => proxy.set('lose'), SILENT),
    });
    expectNoViolations(outcomes, { seen: 'UNAVAILABLE' });
  });

  test('requests succeed on new connections after a silence of the network', { timeout: 180_000 }, async () => {
    const outcomes = await run(stage, {
      name: `7 the network is silent, ${IS_FULL ? 10 : SILENT / 1_000} s`,
      rounds: 1,
      inflict: () => during((proxy) => proxy.set('silent'), IS_FULL ? 10_000 : SILENT),
    });
    expectNoViolations(outcomes, { seen: 'UNAVAILABLE' });
  });
}
