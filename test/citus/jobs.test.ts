import postgres from 'postgres';
import { expect, test } from 'vitest';
import { drizzleOn } from '../../src/db/client.ts';
import { organizationUuid } from '../enforcement/support.ts';
import { startApi } from '../support/api.ts';
import { createOrganization } from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { jobs } = api.app.dependencies;

/** Runs a change on a worker and `add` in one transaction. Returns the commands that end it on the worker. */
async function endOfTransaction(add: (sql: postgres.TransactionSql) => Promise<unknown>): Promise<string[]> {
  const commands: string[] = [];
  const onnotice = ({ message }: { message?: string }) => void commands.push(message ?? '');
  const sql = postgres(api.url, { max: 1, onnotice });
  await sql.begin(async (tx) => {
    await tx`set local citus.log_remote_commands = on`;
    await tx`set local client_min_messages = log`;
    await tx`update organizations set name = 'changed' where id = ${organizationUuid(acme)}`;
    await add(tx);
  });
  await sql.end();
  return commands.flatMap((text) => /^issuing (PREPARE TRANSACTION|COMMIT PREPARED|COMMIT)/.exec(text)?.[1] ?? []);
}

test('a job and its change on a worker are committed with two-phase commit', async () => {
  // Lets the pool learn that the database is a cluster.
  await api.pool.lookupsOf('');
  await api.sql`select 1`;
  expect(await endOfTransaction(async (tx) => tx`insert into pgboss.job_common (name) values ('clean-up')`)).toEqual([
    'COMMIT',
  ]);
  const enqueued = await endOfTransaction((tx) => jobs.enqueue(drizzleOn(tx as never), 'clean-up', { after: null }));
  expect(enqueued).toEqual(['PREPARE TRANSACTION', 'COMMIT PREPARED']);
  expect((await jobs.counts()).find(({ name }) => name === 'clean-up')).toMatchObject({ queued: 2 });
});
