import { sql } from 'drizzle-orm';
import { expect, onTestFinished, test } from 'vitest';
import { type Context, endTransaction, enqueueJob, newUnitOfWork, runAfterCommit } from '../../src/context.ts';
import { queryRows } from '../../src/db/reader.ts';
import { inTransaction } from '../../src/db/transaction.ts';
import { newWork } from '../../src/db/work.ts';
import type { Job, JobHandler } from '../../src/jobs/job.ts';
import { newId } from '../../src/lib/ids.ts';
import { organizationUuid } from '../enforcement/support.ts';
import { startApi } from '../support/api.ts';
import { enqueue, openWorker } from '../support/jobs.ts';
import { until } from '../support/until.ts';
import { createOrganization } from '../support/world.ts';

const api = await startApi();
const { pool, root } = api;
const { jobs } = api.app.dependencies;
const [acme, globex] = [await createOrganization(api, 'acme'), await createOrganization(api, 'globex')];

const NOBODY = { organizationId: null, userId: null };

const add = (after: string = newId()) => enqueue(api, 'clean-up', { after });

const workerWith = (handler: JobHandler<'clean-up'>, on = api) => openWorker(on, { handlers: { 'clean-up': handler } });

const stored = () =>
  root`select id, state::text, retry_count, data, output from pgboss.job_common order by created_on, id`;

const countsNow = async () => (await jobs.counts()).find(({ name }) => name === 'clean-up');

/** Deletes the jobs when the test ends. */
const forget = () => onTestFinished(async () => void (await root`delete from pgboss.job_common`));

/** A handler that does not end until it is released. */
function blocked() {
  const { promise: started, resolve: start } = Promise.withResolvers<Job<'clean-up'>>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const handler: JobHandler<'clean-up'> = async (job) => {
    start(job);
    await released;
  };
  return { handler, started, release };
}

test('a job runs once with its payload, and is completed', async () => {
  forget();
  const seen: unknown[] = [];
  const worker = await workerWith(async ({ id, payload, attempt }) => void seen.push({ id, payload, attempt }));
  const after = newId();
  const id = await add(after);
  expect(await worker.runOnce()).toBe(1);
  expect(await worker.runOnce()).toBe(0);
  expect(seen).toEqual([{ id, payload: { after }, attempt: 1 }]);
  expect(await stored()).toMatchObject([{ id, state: 'completed' }]);
});

test('a payload with other data than ids is refused', async () => {
  const withData = { after: null, email: 'anna@acme.test' };
  await expect(enqueue(api, 'clean-up', withData)).rejects.toThrow('Unrecognized key');
  await expect(enqueue(api, 'clean-up', { after: 'anna@acme.test' })).rejects.toThrow('Invalid UUID');
  expect(await stored()).toEqual([]);
});

test('a job of a mutation exists after COMMIT, and never existed after a rollback or a dry run', async () => {
  forget();
  const woken: true[] = [];
  onTestFinished(jobs.onWake(() => void woken.push(true)));
  const end = async (how: 'commit' | 'rollback') => {
    const unit = { ...newUnitOfWork(null), mode: 'read write' };
    const ctx = { dependencies: api.app.dependencies, unit, work: newWork() } as unknown as Context;
    await enqueueJob(ctx, 'clean-up', { after: null });
    expect(await stored()).toEqual([]);
    await endTransaction(ctx, how);
    await runAfterCommit(ctx, how);
  };
  // A dry run is rolled back.
  await end('rollback');
  expect([await stored(), woken]).toEqual([[], []]);
  await end('commit');
  expect(await stored()).toMatchObject([{ state: 'created' }]);
  expect(woken).toEqual([true]);
});

test('a job sees only the organization that its transaction is bound to, and no other without one', async () => {
  forget();
  const seen: unknown[] = [];
  const worker = await workerWith(async (job) => {
    const slugs = (run: Job['transaction']) =>
      run((db) => queryRows<{ slug: string }>(db, sql`select slug from organizations`));
    seen.push(await slugs(job.transaction));
    for (const organization of [acme, globex])
      seen.push(await slugs((run) => job.inOrganization(organizationUuid(organization), run)));
  });
  await add();
  await worker.runOnce();
  expect(seen).toEqual([[], [{ slug: 'acme' }], [{ slug: 'globex' }]]);
  expect(await countsNow()).toMatchObject({ failed: 0, queued: 0 });
});

test('a job that fails is retried with growing delays, and then listed with its message and without secrets', async () => {
  forget();
  let attempts = 0;
  const worker = await workerWith(async () => {
    attempts += 1;
    throw new Error('smtp://me:hunter2@mail refused anna@acme.test with ambit_pat_abc123');
  });
  const id = await add();
  const delays: number[] = [];
  for (let left = 6; left > 0; left -= 1) {
    expect(await worker.runOnce()).toBe(1);
    const [row] = await root`select extract(epoch from start_after - now())::float8 as delay from pgboss.job_common`;
    delays.push(row?.['delay']);
    await root`update pgboss.job_common set start_after = now() where state = 'retry'`;
  }
  expect(await worker.runOnce()).toBe(0);
  expect(attempts).toBe(6);
  // The delay doubles, and a random part of it is added. A loaded machine reads it late.
  expect(delays.slice(0, 5).map((delay, at) => delay < 10 * 2 ** at + 1)).toEqual([true, true, true, true, true]);
  expect(delays[4]).toBeGreaterThan(20);
  const listed = await jobs.failed(10);
  expect(listed).toMatchObject([{ id, name: 'clean-up', attempts: 6 }]);
  expect(listed[0]?.message).toBe('smtp://***@mail refused ***@*** with ambit_pat_***');
  expect(JSON.stringify(await stored())).not.toMatch(/hunter2|anna|abc123/);
  expect(await countsNow()).toEqual({ name: 'clean-up', queued: 0, active: 0, failed: 1, waitingSeconds: null });
});

test('a process that has lost a job does not finish it: another one has taken it over', async () => {
  forget();
  const first = blocked();
  const slug = async (job: Job<'clean-up'>, name: string) =>
    await job.finish((db) => queryRows(db, sql`insert into rate_limits (key) values (${name}) returning key`));
  const results: unknown[] = [];
  const slow = await workerWith(async (job) => {
    await first.handler(job);
    results.push(await slug(job, 'slow').catch((error: Error) => error.message));
  });
  const fast = await workerWith(async (job) => void results.push(await slug(job, 'fast')));
  await add();
  const running = slow.runOnce();
  await first.started;
  // As if the process had reported nothing for longer than the heartbeat.
  await root`update pgboss.job_common set state = 'retry', start_after = now()`;
  expect(await fast.runOnce()).toBe(1);
  first.release();
  await running;
  expect(results).toEqual([[{ key: 'fast' }], 'another process has taken the job over']);
  expect(await root`select key from rate_limits where key in ('slow', 'fast')`).toEqual([{ key: 'fast' }]);
  expect(await stored()).toMatchObject([{ state: 'completed', retry_count: 1 }]);
});

test('several processes share the jobs, each job runs once, and a regular job is added once', async () => {
  forget();
  const other = await startApi({ database: api });
  const ran: { id: string; after: string | null }[] = [];
  const handler: JobHandler<'clean-up'> = async ({ id, payload: { after } }) => {
    await new Promise((done) => setImmediate(done));
    ran.push({ id, after });
  };
  const workers = [await workerWith(handler), await workerWith(handler, other)];
  const ids = await inTransaction(pool, NOBODY, async (db) => {
    const created: (string | null)[] = [];
    for (let n = 0; n < 20; n += 1) created.push(await jobs.enqueue(db, 'clean-up', { after: newId() }));
    return created;
  });
  for (const worker of workers) worker.start();
  await until(() => ran.length >= 21);
  await until(async () => (await countsNow())?.active === 0);
  const regular = ran.filter(({ after }) => after === null);
  expect(regular).toHaveLength(1);
  expect(ran.flatMap(({ id, after }) => (after === null ? [] : [id])).sort()).toEqual(ids.toSorted());
});

test('a worker survives the loss of its connections', async () => {
  forget();
  const ran: string[] = [];
  const first = blocked();
  const worker = await workerWith(async (job) => {
    if (ran.length === 0) await first.handler(job);
    ran.push(job.id);
  });
  const ids = [await add(), await add()];
  worker.start();
  await first.started;
  const end = () =>
    root`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'ambit' and datname = current_database()`;
  await end();
  first.release();
  await end();
  const unfinished = () => root`select from pgboss.job_common where state <= 'active'`;
  await until(async () => (await unfinished()).length === 0);
  // The regular job ran as well.
  expect(ran.filter((id) => ids.includes(id)).sort()).toEqual(ids.toSorted());
});

test('a stop waits for running jobs, and what does not end in time is retried', async () => {
  forget();
  const [quick, endless] = [blocked(), blocked()];
  const graceful = await workerWith(quick.handler);
  await add();
  const running = graceful.runOnce();
  await quick.started;
  const stopping = graceful.stop(60_000);
  quick.release();
  await Promise.all([stopping, running]);
  expect(await stored()).toMatchObject([{ state: 'completed' }]);

  await root`delete from pgboss.job_common`;
  const impatient = await workerWith(endless.handler);
  await add();
  const stuck = impatient.runOnce();
  const job = await endless.started;
  await impatient.stop(0);
  await stuck;
  expect(job.signal.aborted).toBe(true);
  await expect(job.transaction(async () => 'late')).rejects.toThrow('the process stops');
  expect(await stored()).toMatchObject([{ state: 'retry', output: { message: 'the process stops' } }]);
  endless.release();
});

test('finished jobs are deleted when their time has passed', async () => {
  forget();
  const worker = await workerWith(async () => undefined);
  const [old, recent] = [await add(), await add()];
  while ((await worker.runOnce()) > 0);
  await root`update pgboss.job_common set completed_on = now() - interval '25 hours' where id = ${old}`;
  await root`update pgboss.job_common set completed_on = now() - interval '23 hours' where id = ${recent}`;
  await root`update pgboss.queue set maintain_on = null, monitor_on = null`;
  worker.start();
  const existing = async () => (await stored()).map(({ id }) => id);
  await until(async () => !(await existing()).includes(old));
  expect(await existing()).toContain(recent);
});
