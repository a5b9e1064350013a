import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { expectHeld } from './judge.ts';
import { freePort } from './postgres.ts';
import { run } from './run.ts';
import { type Server, startServer } from './server.ts';
import { IS_MEASURED_ONLY, size } from './sizes.ts';
import { createStage, type Target } from './stage.ts';

const stage = await createStage();

/** Milliseconds of load before each end of a server. */
const LOAD = 500;

test('a server that is killed under mutations loses and doubles nothing that it acknowledged', {
  timeout: 180_000,
}, async () => {
  const outcomes = await run(stage, {
    name: '4 the server is killed',
    rounds: size(2, 6),
    isObserved: (round) => round % 3 === 0,
    async inflict() {
      await sleep(LOAD);
      await Promise.all(stage.targets.map((target) => target.restart()));
    },
  });
  expectHeld(outcomes, { ends: ['cut', 'refused'] });
});

/** Ends a server as an operator does; gives the exit code and the milliseconds that it took. */
async function terminate(server: Server): Promise<{ code: number | string; took: number }> {
  const began = performance.now();
  server.signal('SIGTERM');
  const code = await server.ended;
  return { code, took: performance.now() - began };
}

const NO_CODE = (): readonly string[] => [];

test('a server that is told to stop answers everything that it accepted', { timeout: 180_000 }, async () => {
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
  expectHeld(outcomes, {
    codes: NO_CODE,
    ends: ['refused'],
    note: () => `exit within ${(slowest / 1_000).toFixed(1)} s`,
  });
  if (!IS_MEASURED_ONLY) expect(exits.map(({ code }) => code)).toEqual(exits.map(() => 0));
});

interface Node {
  server: Server;
  readonly port: number;
  /** Whether clients are sent to it: from when it is ready until it has ended. */
  isListed: boolean;
}

const startNode = (target: Target, port: number): Promise<Server> =>
  startServer({ port, databaseUrl: stage.postgres.url(target.database), pool: target.pool });

test('nodes that restart one after the other fail no request', { timeout: 180_000 }, async () => {
  const nodes = new Map<Target, Node[]>();
  afterAll(() => {
    for (const { server } of [...nodes.values()].flat()) server.signal('SIGKILL');
  });
  await Promise.all(
    stage.targets.map(async (target) => {
      const ports = [await freePort(), await freePort()];
      const start = async (port: number): Promise<Node> => ({
        port,
        server: await startNode(target, port),
        isListed: true,
      });
      nodes.set(target, await Promise.all(ports.map(start)));
    }),
  );
  const restart = async (target: Target): Promise<void> => {
    for (const node of nodes.get(target) ?? []) {
      await terminate(node.server);
      node.isListed = false;
      node.server = await startNode(target, node.port);
      node.isListed = true;
    }
  };
  const outcomes = await run(stage, {
    name: '9 two nodes restart one after the other',
    rounds: size(1, 2),
    addressOf(target, client, attempt) {
      const listed = (nodes.get(target) ?? []).filter(({ isListed }) => isListed);
      return attempt < listed.length ? (listed[(client + attempt) % listed.length]?.server.address ?? null) : null;
    },
    async inflict() {
      await Promise.all(stage.targets.map(restart));
    },
  });
  expectHeld(outcomes, { codes: NO_CODE });
  await Promise.all([...nodes.values()].flat().map(({ server }) => terminate(server)));
});
