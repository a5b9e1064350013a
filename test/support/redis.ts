import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { find } from './packages.ts';
import { freePort } from './run.ts';
import { until } from './until.ts';

export interface RedisServer {
  url: string;
  /** Starts it again on the same port, without data. */
  start(): Promise<void>;
  /** Kills the process (SIGKILL). */
  kill(): Promise<void>;
  /** Stops the process without closing its connections (SIGSTOP), as a server that hangs. */
  pause(): void;
  resume(): void;
  /** Ends the process and deletes its folder. Each caller must call it: a hook that is added in a hook does not run. */
  end(): Promise<void>;
}

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.unref().on('connect', () => socket.end());
  });

/** A redis-server that keeps its data in memory. It is not started yet. */
export async function prepareRedis(): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'ambit-redis-'));
  const port = await freePort();
  let server: ChildProcess | undefined;

  async function start(): Promise<void> {
    const settings = ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
    server = spawn(find('redis-server') ?? '', settings.map(String), { stdio: 'ignore' });
    await until(() => isOpen(port));
  }
  async function kill(): Promise<void> {
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    server.kill('SIGKILL');
    await once(server, 'exit');
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    start,
    kill,
    async end() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
    pause: () => void server?.kill('SIGSTOP'),
    resume: () => void server?.kill('SIGCONT'),
  };
}
