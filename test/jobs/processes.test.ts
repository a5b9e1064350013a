import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { newId } from '../../src/lib/ids.ts';
import { type Json, startApi } from '../support/api.ts';
import { enqueue } from '../support/jobs.ts';
import { type Run, startAmbit, waitUntilReady } from '../support/run.ts';
import { until } from '../support/until.ts';

const api = await startApi();
const { root, url } = api;

interface Worker {
  process: ChildProcess;
  /** The jobs that it has started: the id and the attempt of each. */
  started: string[];
}

function startProcess(mode: 'hang' | 'run'): Worker {
  const started: string[] = [];
  const child = spawn('node', [fileURLToPath(import.meta.resolve('./process.ts')), url, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.on('data', (chunk) => started.push(...String(chunk).trim().split('\n')));
  onTestFinished(() => void child.kill('SIGKILL'));
  return { process: child, started };
}

const add = (after: string | null = newId()) => enqueue(api, 'clean-up', { after });

const stateOf = async (id: string | null) =>
  (await root`select state::text from pgboss.job_common where id = ${id}`)[0]?.['state'];

/** The regular job of this hour would be one more. */
const skipRegularJob = () =>
  root`insert into pgboss.job_common (name, state, completed_on, singleton_on, policy)
    select 'clean-up', 'completed', now(), to_timestamp(3600 * floor(extract(epoch from now()) / 3600) + 3600 * hour) at time zone 'UTC', 'standard'
    from generate_series(0, 1) hour`;

test('the job of a killed process is run by another one, once', async () => {
  await skipRegularJob();
  const id = await add();
  const killed = startProcess('hang');
  await until(() => killed.started.length > 0);
  killed.process.kill('SIGKILL');
  await once(killed.process, 'close');
  expect(await stateOf(id)).toBe('active');
  // As if the time of the heartbeat had passed, and the time until the next check.
  await root`update pgboss.job_common set heartbeat_on = now() - interval '2 minutes' where id = ${id}`;
  await root`update pgboss.queue set monitor_on = null`;
  const other = startProcess('run');
  await until(async () => {
    // The retry may start now.
    await root`update pgboss.job_common set start_after = now() where state = 'retry'`;
    return (await stateOf(id)) === 'completed' && other.started.length > 0;
  });
  expect([killed.started, other.started]).toEqual([[`${id} 1`], [`${id} 2`]]);
});

const entriesOf = (run: Run): Json[] =>
  run
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));

const completedBy = (run: Run, id: string | null): boolean =>
  entriesOf(run).some(({ message, jobId }) => message === 'job completed' && jobId === id);

test('ROLE=api serves requests and runs no jobs, and ROLE=worker runs jobs and serves health checks only', async () => {
  const start = (role: string) => startAmbit({ ROLE: role, DATABASE_URL: url });
  const server = await start('api');
  await waitUntilReady(server);
  const id = await add();
  const status = async (run: Run, path: string): Promise<number> => (await fetch(run.address + path)).status;
  expect(await status(server, '/graphql?query={__typename}')).toBe(200);
  expect(await status(server, '/health/ready')).toBe(200);

  const worker = await start('worker');
  await waitUntilReady(worker);
  await until(() => completedBy(worker, id));
  expect(await stateOf(id)).toBe('completed');
  expect(worker.output()).toContain(`Ambit is ready and runs jobs. Health checks: ${worker.address}/health/ready`);
  expect(await status(worker, '/health/ready')).toBe(200);
  expect(await status(worker, '/health/live')).toBe(200);
  for (const path of ['/', '/graphql?query={__typename}', '/schema.graphql', '/.well-known/jwks.json', '/audit-events'])
    expect(await status(worker, path), path).toBe(404);

  server.process.kill('SIGTERM');
  worker.process.kill('SIGTERM');
  expect(await Promise.all([server.ended, worker.ended])).toEqual([0, 0]);
  expect(entriesOf(server).filter(({ job }) => job !== undefined)).toEqual([]);
});

test.each(['api', 'worker'])('ROLE=%s does not start without DATABASE_URL', (role) => {
  expect(() => readConfig({ ROLE: role })).toThrow(
    `ROLE: ${role} requires DATABASE_URL, because other processes cannot use the embedded server`,
  );
  expect(readConfig({ ROLE: role, DATABASE_URL: 'postgres://db.example.com/ambit' }).role).toBe(role);
});
