import type { Sql } from 'postgres';

/** The URL leads to a connection pooler instead of PostgreSQL. */
export class PoolerError extends Error {
  constructor() {
    super('the URL leads to a connection pooler');
  }
}

/**
 * Throws a PoolerError behind a pooler. PostgreSQL sends the process ID of a new connection (BackendKeyData), and a
 * pooler sends a number of its own. One message of the simple protocol reads the real process ID.
 */
export async function assertDirect(sql: Pick<Sql, 'unsafe'>): Promise<void> {
  const result = await sql.unsafe('select pg_backend_pid() as pid');
  if (result[0]?.['pid'] !== result.state.pid) throw new PoolerError();
}
