import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { ambitOn, withDatabase } from '../harness/database.ts';
import { report } from '../harness/report.ts';
import { type Contender, inTurn } from '../harness/rounds.ts';
import { freePort } from '../harness/server.ts';

/** The data folder. The warm-up round creates it, so it exists in all measured rounds. */
const DATA_DIR = '.ambit/bench-start';

const COMMANDS = { 'npm start': ['npm', 'start'], node: [process.execPath, 'src/main.ts'] } as const;

/** Repeats the request until it succeeds. Before that, the port is closed or the server is not ready. */
async function firstAnswer(port: number): Promise<void> {
  const asked = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"query":"{ viewer { user { id } } }"}',
  };
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, asked).catch(() => null);
    if (response?.ok) return;
    await sleep(10);
  }
}

async function seconds(command: readonly string[], env: Record<string, string>): Promise<number> {
  const port = await freePort();
  const { PATH = '', HOME = '' } = process.env;
  const [file = '', ...args] = command;
  const from = performance.now();
  const child = spawn(file, args, {
    env: { PATH, HOME, PORT: String(port), ...env },
    stdio: ['ignore', 'pipe', 2],
    detached: true,
  });
  const ended = once(child, 'exit').then(() =>
    Promise.reject(new Error('the process exited before its first response')),
  );
  ended.catch(() => undefined);
  await Promise.race([firstAnswer(port), ended]);
  const taken = (performance.now() - from) / 1000;
  await end(child);
  return taken;
}

async function end(child: ChildProcess): Promise<void> {
  child.stdout?.resume();
  // Sent to the process group, as a terminal does, because npm does not forward the signal through its shell. npm exits
  // before the server, so this waits until their common output is closed.
  process.kill(-(child.pid ?? 0), 'SIGTERM');
  await once(child, 'close');
}

export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    const database = await server.create('bench', {});
    const places = { 'existing data': { DATA_DIR }, DATABASE_URL: ambitOn(database) };
    const contenders = Object.entries(places).flatMap(([place, env]) =>
      Object.entries(COMMANDS).map(
        ([name, command]): Contender => ({ name: `Ambit, ${place}, ${name}`, measure: () => seconds(command, env) }),
      ),
    );
    await report({
      workload: 'start',
      what: 'from the command to the first answer of GraphQL',
      unit: 's',
      higherIsBetter: false,
      outcomes: await inTurn(contenders),
      targets: [
        { of: 'Ambit, existing data, npm start', atMost: 3 },
        { of: 'Ambit, DATABASE_URL, npm start', atMost: 1 },
      ],
    });
  });
