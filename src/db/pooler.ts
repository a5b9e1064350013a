import type { Sql } from 'postgres';

/** The URL leads to a connection pooler. */
export class PoolerError extends Error {
  constructor() {
    super('a connection pooler answers there');
  }
}

/**
 * PostgreSQL announces the process of a connection when it starts (BackendKeyData); a pooler announces a number of its
 * own. Asked in one message of the simple protocol, which a pooler cannot send to two servers.
 */
export async function assertDirect(sql: Pick<Sql, 'unsafe'>): Promise<void> {
  const result = await sql.unsafe('select pg_backend_pid() as pid');
  if (result[0]?.['pid'] !== result.state.pid) throw new PoolerError();
}
