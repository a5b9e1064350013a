import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { QUICK_START } from '../support/run.ts';
import { CHECKOUT, IS_FULL } from './sizes.ts';

export interface Server {
  readonly address: string;
  readonly pid: number;
  /** The end of its output. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  isRunning(): boolean;
  /** Its open file descriptors when it became ready. Null if the system does not report them. */
  descriptors: number | null;
}

const READY_WITHIN = 60_000;
const KEPT_OUTPUT = 500_000;

export interface ServerOptions {
  port: number;
  databaseUrl: string;
  pool: number;
  env?: Record<string, string>;
}

/** Starts the real server as a separate process and returns when it is ready. */
export async function startServer({ port, databaseUrl, pool, env }: ServerOptions): Promise<Server> {
  const child = spawn(process.execPath, [...(IS_FULL ? [] : QUICK_START), 'src/main.ts'], {
    cwd: CHECKOUT,
    env: {
      PATH: process.env['PATH'],
      PORT: String(port),
      DATABASE_URL: databaseUrl,
      DATABASE_POOL: String(pool),
      SIGN_IN_TRIES_PER_ADDRESS: '100000',
      ANONYMOUS_REQUESTS_PER_MINUTE: '1000000000',
      PLAN_REQUESTS_PERCENT: '100000',
      ...env,
    },
  });
  const server = watch(child, `http://127.0.0.1:${port}`);
  await becomeReady(server);
  server.descriptors = descriptorsOf(server.pid);
  return server;
}

function watch(child: ChildProcess, address: string): Server {
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk).slice(-KEPT_OUTPUT);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string);
  return {
    address,
    pid: child.pid as number,
    output: () => output,
    signal: (name) => void child.kill(name),
    ended,
    descriptors: null,
    isRunning: () => child.exitCode === null && child.signalCode === null,
  };
}

export const isReady = (address: string): Promise<boolean> =>
  fetch(`${address}/health/ready`, { signal: AbortSignal.timeout(6_000), headers: { connection: 'close' } }).then(
    (response) => response.arrayBuffer().then(() => response.status === 200),
    () => false,
  );

async function becomeReady(server: Server): Promise<void> {
  const until = performance.now() + READY_WITHIN;
  while (!(await isReady(server.address))) {
    if (!server.isRunning()) throw new Error(`the server ended: ${server.output()}`);
    if (performance.now() > until) {
      server.signal('SIGKILL');
      throw new Error(`the server does not become ready: ${server.output()}`);
    }
    await sleep(20);
  }
}

/** The open file descriptors of a process. Null if the system does not report them. */
export function descriptorsOf(pid: number): number | null {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return null;
  }
}

/** The running child processes of a process. */
export function childrenOf(pid: number): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const texts = threads.map((thread) => readFileSync(join(`/proc/${pid}/task`, thread, 'children'), 'utf8'));
    return texts.join(' ').split(/\s+/).filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
