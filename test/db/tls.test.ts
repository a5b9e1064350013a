import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql as query } from 'drizzle-orm';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connect } from '../../src/db/client.ts';
import { openConnection } from '../../src/db/connection.ts';
import { type Embedded, startEmbedded } from '../../src/db/embedded.ts';
import { queryRows } from '../../src/db/reader.ts';
import { openTransaction } from '../../src/db/transaction.ts';
import { newWork, stopWork } from '../../src/db/work.ts';
import { unavailable } from '../../src/lib/errors.ts';
import { has } from '../support/packages.ts';
import { until } from '../support/until.ts';

/** PostgreSQL refuses to run as root, so root starts it as this user. */
const NOBODY = 65534;

/** A server that accepts TLS connections. */
async function startTls(): Promise<Embedded> {
  const folder = mkdtempSync(join(tmpdir(), 'ambit-tls-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [cert, key] = [join(folder, 'server.crt'), join(folder, 'server.key')];
  const request = ['req', '-new', '-x509', '-nodes', '-days', '2', '-subj', '/CN=localhost'];
  execFileSync('openssl', [...request, '-out', cert, '-keyout', key], { stdio: 'ignore' });
  chmodSync(key, 0o600);
  if (process.getuid?.() === 0) for (const path of [folder, cert, key]) chownSync(path, NOBODY, NOBODY);
  const server = await startEmbedded(join(folder, 'data'), { ssl: 'on', ssl_cert_file: cert, ssl_key_file: key });
  onTestFinished(() => server.stop());
  await server.sql.unsafe(`create role ambit_runtime; create schema ambit; grant usage on schema ambit to ambit_runtime;
    create function ambit.bind(text, text) returns text language sql return null`);
  return server;
}

describe.skipIf(!has('openssl'))('needs openssl: a connection over TLS', () => {
  test('is encrypted, records received data, and can cancel a statement', async () => {
    const server = await startTls();
    const url = `${server.url('postgres')}?sslmode=require`;
    const connection = await openConnection({ url, driver: {}, renewMs: 60_000, onLost: () => undefined });
    const [row] = await connection.send('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
    expect(row).toEqual({ ssl: true });
    const { lastByteAt } = connection.activity();
    await connection.send('select 1');
    expect(connection.activity().lastByteAt).toBeGreaterThan(lastByteAt);
    await connection.close();

    const pool = connect({ url, pool: 2, statementTimeout: 60_000 });
    onTestFinished(() => pool.end());
    const work = newWork();
    const transaction = await openTransaction(pool, { organizationId: null, userId: null }, 'read write', work);
    const sleeping = queryRows(transaction.db, query`select pg_sleep(${60})`).catch(
      (error: { code: string }) => error.code,
    );
    await until(async () => (await server.sql`select from pg_stat_activity where wait_event = 'PgSleep'`).length > 0);
    stopWork(work, unavailable());
    expect(await sleeping).toBe('57014');
    await transaction.rollback();
    await until(() => pool.state().idle === 1);
  });
});
