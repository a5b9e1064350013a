import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../support/run.ts';
import { expectNoViolations, onlyWhenOverloaded } from './judge.ts';
import { run } from './run.ts';
import { type Server, startServer } from './server.ts';
import { IS_MEASURED_ONLY, size } from './sizes.ts';
import type { Stage, Target } from './stage.ts';

/** Milliseconds of load before a server is stopped. */
const LOAD = 500;

/** Stops a server with SIGTERM. Returns the exit code and the milliseconds that the stop took. */
async function terminate(server: Server): Promise<{ code: number | string; took: number }> {
  const began = performance.now();
  server.signal('SIGTERM');
  const code = await server.ended;
  return { code, took: performance.now() - began };
}

/** A second server on the database of the target. */
interface Node {
  server: Server;
  readonly port: number;
  isListed: boolean;
}

export function endFaults({ postgres, targets: all }: Stage): void {
  // A start costs seconds of CPU time, so the short form has one server.
  const targets = all.slice(size(-1, 0));
  const stage = { postgres, targets };

  test('no acknowledged mutation is lost or repeated when the server is killed', {
    timeout: 240_000,
  }, async () => {
    const outcomes = await run(stage, {
      name: '4 the server is killed',
      rounds: size(1, 6),
      isObserved: (round) => round % 3 === 0,
      async inflict() {
        await sleep(LOAD);
        await Promise.all(stage.targets.map((target) => target.restart()));
      },
    });
    expectNoViolations(outcomes, { ends: ['cut', 'refused'] });
  });

  test('a server answers all accepted requests before it stops', { timeout: 240_000 }, async () => {
    const exits: { code: number | string; took: number }[] = [];
    const outcomes = await run(stage, {
      name: '10 SIGTERM under load',
      rounds: size(1, 6),
      isObserved: (round) => round % 3 === 0,
      async inflict() {
        await sleep(LOAD);
        await Promise.all(
          stage.targets.map(async (target) => {
            exits.push(await terminate(target.server));
            await target.restart();
          }),
        );
      },
    });
    const slowest = Math.max(...exits.map(({ took }) => took));
    expectNoViolations(outcomes, {
      codes: onlyWhenOverloaded,
      ends: ['refused'],
      note: () => `exit within ${(slowest / 1_000).toFixed(1)} s`,
    });
    if (!IS_MEASURED_ONLY) expect(exits.map(({ code }) => code)).toEqual(exits.map(() => 0));
  });

  test('no request fails while two nodes restart one after the other', { timeout: 240_000 }, async () => {
    const seconds = new Map<Target, Node>();
    onTestFinished(() => {
      for (const { server } of seconds.values()) server.signal('SIGKILL');
    });
    const start = (target: Target, port: number): Promise<Server> =>
      startServer({ port, databaseUrl: stage.postgres.url(target.database), pool: target.pool });
    for (const target of targets) {
      const port = await freePort();
      seconds.set(target, { port, server: await start(target, port), isListed: true });
    }
    const restartBoth = async (target: Target): Promise<void> => {
      await terminate(target.server);
      await target.restart();
      const second = seconds.get(target) as Node;
      await terminate(second.server);
      second.isListed = false;
      second.server = await start(target, second.port);
      second.isListed = true;
    };
    const outcomes = await run(stage, {
      name: '9 two nodes restart one after the other',
      rounds: size(1, 2),
      servers: 2,
      addressOf(target, client, attempt) {
        const listed = [target, seconds.get(target) as Node].filter(({ isListed }) => isListed);
        return attempt < listed.length ? (listed[(client + attempt) % listed.length]?.server.address ?? null) : null;
      },
      inflict: async () => void (await Promise.all(targets.map(restartBoth))),
    });
    expectNoViolations(outcomes, { codes: onlyWhenOverloaded });
    for (const { server } of seconds.values()) await terminate(server);
  });
}
