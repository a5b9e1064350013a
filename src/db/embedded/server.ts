import { open, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Data } from './data.ts';
import { readPidFile } from './pid-file.ts';
import { binaries, type Child, spawnChild, stopChild } from './process.ts';

/** Milliseconds that Postgres may take to start; after a crash it first recovers from its log. */
const READY_WITHIN = 300_000;

export interface Server {
  /** Resolves when the server has ended, with a text that says how. */
  ended: Promise<string>;
  stop(): Promise<void>;
}

/** Starts Postgres and waits until it accepts connections. The signal stops it while it starts. */
export async function startServer(
  data: Data,
  settings: Record<string, string | number>,
  signal?: AbortSignal,
): Promise<Server> {
  const { postgres } = await binaries();
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const log = await open(data.logFile, 'a', 0o600);
  const { size } = await log.stat();
  signal?.throwIfAborted();
  const child = spawnChild(postgres, ['-D', data.folder, ...flags], ['ignore', log.fd, log.fd]);
  await log.close();
  try {
    await untilReady(child, data, size, signal);
  } catch (error) {
    await stopChild(child);
    throw error;
  }
  return { ended: child.ended, stop: () => stopChild(child) };
}

async function untilReady(child: Child, data: Data, logSize: number, signal?: AbortSignal): Promise<void> {
  const deadline = performance.now() + READY_WITHIN;
  for (;;) {
    if (child.hasEnded()) throw new Error((await lastError(data.logFile, logSize)) ?? (await child.ended));
    const file = await readPidFile(data.folder);
    if (file?.pid === child.pid && file?.status === 'ready') return;
    if (performance.now() > deadline) throw new Error(`it was not ready within ${READY_WITHIN / 1_000} s`);
    await Promise.race([child.ended, sleep(20, undefined, { signal })]);
  }
}

/** The last fatal error in what was logged from `start` on, or the last line. Undefined when there is none. */
async function lastError(file: string, start: number): Promise<string | undefined> {
  const bytes = await readFile(file);
  const lines = bytes.subarray(start).toString().trim().split('\n').filter(Boolean);
  const fatal = lines.map((line) => /(?:FATAL|PANIC): +(.*)/.exec(line)?.[1]).filter(Boolean);
  return fatal.at(-1) ?? lines.at(-1);
}
