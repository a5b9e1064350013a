import { setTimeout as sleep } from 'node:timers/promises';
import type { Sql } from 'postgres';
import { childrenOf, descriptorsOf, type Server } from './server.ts';

/** Milliseconds in which everything must be released. Longer than the statement timeout. */
const CLEAN_WITHIN = 15_000;

/** File descriptors that are opened and closed at any time, for example for the health check or a file. */
const SPARE = 4;

/** The resources that are not released after the load. Polls, because a release takes time. */
export async function leftovers(sql: Sql, server: Server, pool: number, servers: number): Promise<string[]> {
  const until = performance.now() + CLEAN_WITHIN;
  for (;;) {
    const found = [...(await ofDatabase(sql, (pool + 1) * servers)), ...ofProcess(server, pool)];
    if (found.length === 0 || performance.now() > until) return found;
    await sleep(50);
  }
}

async function ofDatabase(sql: Sql, most: number): Promise<string[]> {
  const backends = await sql<{ state: string }[]>`
    select coalesce(state, 'starting') as state from pg_stat_activity
    where datname = current_database() and application_name = 'ambit'`;
  const busy = backends.filter(({ state }) => state !== 'idle').map(({ state }) => `a connection is ${state}`);
  return backends.length > most ? [...busy, `${backends.length} connections, not ${most}`] : busy;
}

function ofProcess(server: Server, pool: number): string[] {
  if (!server.isRunning()) return [`the server has ended: ${server.output().slice(-1_000)}`];
  const { descriptors } = server;
  const now = descriptorsOf(server.pid);
  const children = childrenOf(server.pid);
  return [
    ...(children.length > 0 ? [`the server has ${children.length} processes of its own`] : []),
    // Connections of the pool may have been opened since.
    ...(now !== null && descriptors !== null && now > descriptors + pool + 1 + SPARE
      ? [`${now} open descriptors, ${descriptors} before`]
      : []),
  ];
}
