import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres, { type Sql } from 'postgres';
import { findServer } from './pid-file.ts';
import { binaries, run } from './process.ts';

const REMEDY = 'stop it, or set DATA_DIR to another folder';

const LOCK = 0x656d6264; // "embd"

/** Milliseconds that another process's server may take to start or to stop. */
const OTHER_TIMEOUT = 60_000;

/** A client with one connection. `onclose` is called when the connection is closed. */
const connect = (url: string, onclose: () => void = () => undefined): Sql =>
  postgres(url, { max: 1, max_lifetime: null, connect_timeout: 5, onnotice: () => undefined, onclose });

/**
 * Holds the advisory lock of the process that owns the server, until the signal is aborted. Postgres releases the lock
 * when that process ends for any reason. Resolves when the lock is taken.
 */
export function holdLock(url: string, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  keepLock(url, signal, resolve).then(() => reject(new Error('the server ended before the lock was taken')), reject);
  return promise;
}

/** A client whose connection was lost is replaced, because postgres.js keeps state of the lost connection. */
async function keepLock(url: string, signal: AbortSignal, onTaken: () => void): Promise<void> {
  const aborted = once(signal, 'abort');
  while (!signal.aborted) {
    const closed = Promise.withResolvers<void>();
    const sql = connect(url, closed.resolve);
    try {
      const [row] = await sql`select pg_try_advisory_lock(${LOCK}) as taken`;
      if (row?.['taken']) {
        onTaken();
        await Promise.race([closed.promise, aborted]);
      }
    } catch (error) {
      // Retrying does not help against a wrong password. Any other error disappears when the server has recovered.
      if (isRefused(error)) throw error;
    } finally {
      await sql.end({ timeout: 0 });
    }
    await sleep(50, undefined, { signal }).catch(() => undefined);
  }
}

/** SQLSTATE class 28: invalid authorization. */
const isRefused = (error: unknown): boolean => String((error as { code?: unknown }).code).startsWith('28');

/** Whether a process holds the lock of the server on `data`. Null when that server does not answer. */
async function isOwned(url: string, data: string): Promise<boolean | null> {
  const sql = connect(url);
  const rows = await sql`
    select exists (select from pg_locks where locktype = 'advisory' and objid = ${LOCK} and granted) as owned
    where current_setting('data_directory') = ${data}`.catch(() => []);
  await sql.end({ timeout: 0 });
  return rows[0]?.['owned'] ?? null;
}

/**
 * Makes sure that no server runs on `data`. A server that a killed process left running is stopped. A server of a running
 * process is an error. The lock is checked twice: a process takes it shortly after its server has started, and Postgres
 * releases it shortly after the process has ended.
 */
export async function evictOrphan(data: string, urlOf: (port: number) => string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + OTHER_TIMEOUT;
  let before: boolean | null = null;
  for (let server = await findServer(data); server; server = await findServer(data)) {
    const owned = server.status === 'ready' ? await isOwned(urlOf(server.port), data) : null;
    if (owned && before) throw new Error(`another process uses the database in ${dirname(data)}; ${REMEDY}`);
    if (performance.now() > deadline)
      throw new Error(`process ${server.pid} uses ${data} and does not answer; see ${join(data, 'server.log')}`);
    if (owned === false && before === false) await stopOrphan(data);
    before = owned;
    await sleep(300, undefined, { signal });
  }
}

/** Ignores errors, because the server may have stopped already. The caller checks again whether it still runs. */
async function stopOrphan(data: string): Promise<void> {
  const { pg_ctl } = await binaries();
  await run(pg_ctl, ['stop', '-D', data, '-m', 'fast', '-w', '-s']).catch(() => undefined);
}
