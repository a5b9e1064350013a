import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export interface Server {
  /** URL for the requests. */
  url: string;
  process: ChildProcess;
  stop(): Promise<void>;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Starts a Node.js program in production mode, with an IPC channel. `file` is relative to the repository. */
export function start(
  file: string,
  env: Record<string, string> = {},
  execArgv: string[] = [],
  cwd = ROOT,
): ChildProcess {
  const { PATH = '' } = process.env;
  const child = fork(join(cwd, file), {
    cwd,
    env: { PATH, NODE_ENV: 'production', ...env },
    execArgv,
    // Only results are written to stdout.
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  // If the bench fails, the child must not keep running.
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  return child;
}

/** Starts a server that sends `{ url }` on its channel when it listens (`peers/ready.ts`). */
export async function startPeer(file: string, env: Record<string, string> = {}): Promise<Server> {
  const child = start(file, env);
  const [{ url }] = await Promise.race([once(child, 'message'), died(child, file)]);
  return { url, process: child, stop: () => stop(child) };
}

/**
 * The load of a bench is above the requests per minute of a plan. Requests are counted all the same. In production, a server
 * needs a key for stored secrets.
 */
const NEEDED = {
  PLAN_REQUESTS_PERCENT: '100000',
  ANONYMOUS_REQUESTS_PER_MINUTE: '1000000000',
  ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64'),
};

/** Starts Ambit with its default configuration, except what a bench needs, on an existing database. */
export async function startAmbit(
  env: Record<string, string>,
  execArgv: string[] = [],
  checkout?: string,
): Promise<Server> {
  const port = await freePort();
  const child = start('src/main.ts', { PORT: String(port), ...NEEDED, ...env }, execArgv, checkout);
  await Promise.race([answers(`http://127.0.0.1:${port}/health/ready`), died(child, 'src/main.ts')]);
  return { url: `http://127.0.0.1:${port}/graphql`, process: child, stop: () => stop(child) };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

export async function answers(url: string): Promise<void> {
  while (
    !(await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    ))
  )
    await sleep(10);
}

async function died(child: ChildProcess, file: string): Promise<never> {
  const [code] = await once(child, 'exit');
  throw new Error(`${file} exited with ${code}`);
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}
