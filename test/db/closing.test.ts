import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { connect } from '../../src/db/client.ts';
import { type Connection, openConnection } from '../../src/db/connection.ts';
import { cloneDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

// The driver sends the first statement alone, because it asks for the types of the parameters. The others are in its queue.
// When the driver closes the connection, it neither sends nor rejects the queued statements.

const { url, root } = await cloneDatabase();
await root`create table shapes (name text)`;

/** Milliseconds after which a statement without a response counts as pending. */
const LONG = 10_000;

const open = (): Promise<Connection> => openConnection({ url, driver: {}, renewMs: 60_000, onLost: () => undefined });

type End = 'finished' | 'failed' | 'pending';

/** Sends three statements that take this time, each with its own text. */
const sendThree = ({ send }: Pick<Connection, 'send'>, milliseconds: number): Promise<End>[] =>
  [1, 2, 3].map((value) =>
    send(`select ${value}, pg_sleep($1)`, [milliseconds / 1_000] as never[], { prepare: true }).then(
      () => 'finished',
      () => 'failed',
    ),
  );

const ends = (sent: Promise<End>[]): Promise<End[]> =>
  Promise.all(sent.map((end) => Promise.race([end, sleep(LONG, 'pending' as const)])));

test('a connection that is closed finishes its pending statements', async () => {
  const connection = await open();
  const sent = sendThree(connection, 10);
  await connection.close(LONG);
  expect(await ends(sent)).toEqual(['finished', 'finished', 'finished']);
  expect(connection.lossCause).toBe('CLOSED');
});

test.each<[string, (connection: Connection, backend: number) => unknown]>([
  ['is closed before they can finish', (connection) => connection.close(50)],
  ['is destroyed', (connection) => connection.destroy('UNRESPONSIVE')],
  ['is destroyed while it is being closed', (connection) => [connection.close(), connection.destroy('STOPPED')]],
  ['is terminated by the server', (_connection, backend) => root`select pg_terminate_backend(${backend}::int)`],
])('all pending statements fail when their connection %s', async (_how, end) => {
  const connection = await open();
  const backend = (await connection.send('select pg_backend_pid() as pid'))[0]?.['pid'];
  const sent = sendThree(connection, 2 * LONG);
  const sleeping = () => root`select from pg_stat_activity where pid = ${backend} and wait_event = 'PgSleep'`;
  await until(async () => (await sleeping()).length > 0);
  await end(connection, backend);
  expect(await ends(sent)).toEqual(['failed', 'failed', 'failed']);
});

test('all pending statements fail after a stale one', async () => {
  const connection = await open();
  const select = () => connection.send('select * from shapes where name <> $1', ['none'] as never[], { prepare: true });
  await select();
  await root`alter table shapes alter column name type varchar`;
  const stale = select();
  const sent = sendThree(connection, 2 * LONG);
  await expect(stale).rejects.toThrow('cached plan');
  expect(await ends(sent)).toEqual(['failed', 'failed', 'failed']);
  expect(connection.lossCause).toBe('STALE');
});

test('pending lookups finish when their connection is replaced', async () => {
  const pool = connect({ url, pool: 1, statementTimeout: 10_000 });
  onTestFinished(() => pool.end());
  const backend = async () => (await pool.sql`select pg_backend_pid() as pid`)[0]?.['pid'];
  const replaced = await backend();
  const sent = sendThree({ send: pool.sql.unsafe }, 200);
  pool.renew();
  expect(await ends(sent)).toEqual(['finished', 'finished', 'finished']);
  expect(await backend()).not.toBe(replaced);
});
