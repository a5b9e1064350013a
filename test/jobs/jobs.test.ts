import { expect, onTestFinished, test } from 'vitest';
import type { Db } from '../../src/db/client.ts';
import { inTransaction } from '../../src/db/transaction.ts';
import type { JobHandler } from '../../src/jobs/job.ts';
import { createWorker, type JobWorker } from '../../src/jobs/worker.ts';
import { newId } from '../../src/lib/ids.ts';
import type { Log } from '../../src/lib/log.ts';
import { type Api, startApi } from '../support/api.ts';
import { until } from '../support/until.ts';

const api = await startApi();
const { pool, root } = api;
const { jobs } = api.app.dependencies;

const NOBODY = { organizationId: null, userId: null };
const inTransactionOf = <T>(run: (db: Db) => Promise<T>): Promise<T> => inTransaction(pool, NOBODY, run);

const enqueue = (after: string = newId()): Promise<string | null> =>
  inTransactionOf((db) => jobs.enqueue(db, 'clean-up', { after }));

/** Another process that runs jobs with this handler. */
async function startWorker(
  handler: JobHandler<'clean-up'>,
  on: Api = api,
  log: Log = () => undefined,
): Promise<JobWorker> {
  const worker = await createWorker({ pool: on.pool, jobs, handlers: { 'clean-up': handler }, log });
  onTestFinished(() => worker.stop(0));
  return worker;
}

const stored = () =>
  root`select id, state::text, retry_count, data, output from pgboss.job_common where name = 'clean-up' order by created_on`;

/** The retries of failed jobs may start now. */
const skipDelay = () => root`update pgboss.job_common set start_after = now() where state = 'retry'`;

const forget = () => root`delete from pgboss.job_common`;

test('a job runs once with its payload, and is completed', async () => {
  const seen: unknown[] = [];
  const worker = await startWorker(async ({ id, payload, attempt }) => void seen.push({ id, payload, attempt }));
  const after = newId();
  const id = await enqueue(after);
  expect(await worker.runOnce()).toBe(1);
  expect(await worker.runOnce()).toBe(0);
  expect(seen).toEqual([{ id, payload: { after }, attempt: 1 }]);
  expect(await stored()).toMatchObject([{ id, state: 'completed' }]);
  await forget();
});

test('a job of a transaction that is rolled back never existed', async () => {
  const refused = inTransactionOf(async (db) => {
    await jobs.enqueue(db, 'clean-up', { after: null });
    throw new Error('undo');
  });
  await expect(refused).rejects.toThrow('undo');
  expect(await stored()).toEqual([]);
});

test('a job that fails is retried with growing delays, and then listed with its message and without secrets', async () => {
  const { promise: failed, resolve } = Promise.withResolvers<void>();
  let attempts = 0;
  const worker = await startWorker(async ({ isLastAttempt }) => {
    attempts += 1;
    if (isLastAttempt) resolve();
    throw new Error(`smtp://me:hunter2@mail refused anna@acme.test with ambit_pat_abc123`);
  });
  const id = await enqueue();
  const delays: number[] = [];
  for (let left = 6; left > 0; left -= 1) {
    expect(await worker.runOnce()).toBe(1);
    const [row] = await root`select extract(epoch from start_after - now())::float8 as delay from pgboss.job_common`;
    delays.push(row?.['delay']);
    await skipDelay();
  }
  await failed;
  expect(await worker.runOnce()).toBe(0);
  expect(attempts).toBe(6);
  // The delay doubles, and a random part of it is added.
  expect(delays.slice(0, 5).every((delay, at) => delay > 5 * 2 ** at * 0.9 && delay < 10 * 2 ** at + 1)).toBe(true);
  const [listed, ...rest] = await jobs.failed(10);
  expect(rest).toEqual([]);
  expect(listed).toMatchObject({ id, name: 'clean-up', attempts: 6 });
  expect(listed?.message).toBe('smtp://***@mail refused ***@*** with ambit_pat_***');
  expect(JSON.stringify(await stored())).not.toMatch(/hunter2|anna|abc123/);
  expect(await jobs.counts()).toMatchObject([{ name: 'clean-up', queued: 0, active: 0, failed: 1 }]);
  await forget();
});

test('several processes share the jobs, and each job runs once', async () => {
  const other = await startApi({ database: api });
  const ran: string[] = [];
  const handler: JobHandler<'clean-up'> = async ({ id }) => {
    await new Promise((done) => setImmediate(done));
    ran.push(id);
  };
  const workers = await Promise.all([startWorker(handler), startWorker(handler, other)]);
  const ids = await inTransactionOf(async (db) => {
    const created: (string | null)[] = [];
    for (let n = 0; n < 40; n += 1) created.push(await jobs.enqueue(db, 'clean-up', { after: newId() }));
    return created;
  });
  for (const worker of workers) worker.start();
  await until(async () => (await jobs.counts())[0]?.queued === 0 && (await jobs.counts())[0]?.active === 0);
  expect(ran.sort()).toEqual([...ids].sort());
  await forget();
});
