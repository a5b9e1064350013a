import { open, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Data } from './data.ts';
import { readPidFile } from './pid-file.ts';
import { binaries, type Child, errorIn, spawnChild, stopChild } from './process.ts';

/** Milliseconds that Postgres may take to start. After a crash it first recovers from its write-ahead log. */
const READY_TIMEOUT = 300_000;

export interface Server {
  /** Resolves with the reason when the server has ended. */
  ended: Promise<string>;
  stop(): Promise<void>;
}

/** Starts Postgres and waits until it accepts connections. The signal interrupts the start. */
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
  const deadline = performance.now() + READY_TIMEOUT;
  for (;;) {
    if (child.hasEnded()) throw new Error((await lastError(data.logFile, logSize)) ?? (await child.ended));
    const file = await readPidFile(data.folder);
    if (file?.pid === child.pid && file?.status === 'ready') return;
    if (performance.now() > deadline) throw new Error(`it was not ready within ${READY_TIMEOUT / 1_000} s`);
    await Promise.race([child.ended, sleep(20, undefined, { signal })]);
  }
}

/** The last error in the log after byte `start`. Undefined when nothing was logged. */
const lastError = async (file: string, start: number): Promise<string | undefined> =>
  errorIn((await readFile(file)).subarray(start).toString());
