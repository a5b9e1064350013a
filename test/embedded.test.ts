import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres, { type Sql } from 'postgres';
import { afterAll, expect, onTestFinished, test, vi } from 'vitest';
import { startEmbedded } from '../src/db/embedded.ts';
import { findProcesses } from './support/processes.ts';
import { queryServer, type Run, signIn, startAmbit, waitUntilReady } from './support/run.ts';
import { long } from './support/size.ts';
import { until } from './support/until.ts';

// Each test starts several processes.
vi.setConfig({ testTimeout: 240_000 });

const folder = await realpath(await mkdtemp(join(tmpdir(), 'ambit-embedded-')));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Data directory with the demo, which most tests share. */
const DEMO = join(folder, 'demo');

/** Lines of postmaster.pid. Empty when there is none. */
function pidFile(data: string): string[] {
  const file = join(data, 'pgdata/postmaster.pid');
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
}

const databasePid = (data: string): number => Number(pidFile(data)[0]);
const databasePort = (data: string): number => Number(pidFile(data)[3]);
const statusOf = (data: string): string | undefined => pidFile(data)[7]?.trim();

/** Process IDs of all Postgres programs that use this data directory, complete or not. */
const postgresOf = (data: string): Promise<number[]> => findProcesses(`${data}/pgdata`);

async function started(data = DEMO): Promise<Run> {
  const server = await startAmbit({ DATA_DIR: data });
  onTestFinished(() => void server.process.kill('SIGKILL'));
  await waitUntilReady(server);
  return server;
}

async function stopped(server: Run): Promise<void> {
  server.process.kill('SIGTERM');
  expect(await server.ended).toBe(0);
}

/** A separate client, so that the test does not depend on how the server's pool recovers. */
function clientOf(data: string): Sql {
  const password = readFileSync(join(data, 'password'), 'utf8');
  const sql = postgres(`postgres://postgres:${password}@127.0.0.1:${databasePort(data)}/ambit`, { max: 1 });
  onTestFinished(() => sql.end());
  return sql;
}

const isReady = (server: Run): Promise<boolean> =>
  fetch(`${server.address}/health/ready`, { signal: AbortSignal.timeout(10_000) }).then(
    ({ ok }) => ok,
    () => false,
  );

test('a killed database server is restarted on its port with its data', async () => {
  const server = await started();
  const token = (await signIn(server.address)) ?? '';
  await queryServer(server.address, token, 'mutation { updateRubric(input: { name: "Kept" }) { errors { code } } }');
  const before = { pid: databasePid(DEMO), port: databasePort(DEMO) };

  process.kill(before.pid, 'SIGKILL');
  await until(() => server.output().includes('the embedded database was restarted'));
  expect(server.output()).toContain('the embedded database ended (signal SIGKILL) and is being restarted');
  await until(() => isReady(server));
  expect(databasePid(DEMO)).not.toBe(before.pid);
  expect(databasePort(DEMO)).toBe(before.port);
  expect(await clientOf(DEMO)`select from rubrics where name = 'Kept'`).toHaveLength(1);
  await stopped(server);
  expect(await postgresOf(DEMO)).toEqual([]);
});

test('no database server keeps running after Ambit is killed, and the next start works', async () => {
  const killed = await started();
  expect(await postgresOf(DEMO)).toHaveLength(1);
  killed.process.kill('SIGKILL');
  await until(async () => (await postgresOf(DEMO)).length === 0);
  await stopped(await started());
});

const KILLED: [string, (pid: number) => Promise<number[]>][] = [
  ['Ambit alone', async () => []],
  ['Ambit and the database server', async (pid) => [pid]],
  [
    'Ambit and the watchdog, so that the database server keeps running',
    (pid) => findProcesses(`kill -INT "$0" ${pid}`),
  ],
];

test('Ambit starts directly after it, its database server and its watchdog were killed', async () => {
  let server = await started();
  for (const [killed, othersOf] of KILLED) {
    const pid = databasePid(DEMO);
    for (const other of await othersOf(pid)) process.kill(other, 'SIGKILL');
    server.process.kill('SIGKILL');
    await server.ended;
    server = await started();
    expect(await signIn(server.address), killed).toBeDefined();
    expect(databasePid(DEMO), killed).not.toBe(pid);
    expect(await postgresOf(DEMO), killed).toEqual([databasePid(DEMO)]);
  }
  await stopped(server);
});

const STAGES: [string, (data: string) => boolean, NodeJS.Signals][] = [
  ['initdb runs', (data) => globSync(`${data}/pgdata-*/PG_VERSION`).length > 0, 'SIGKILL'],
  ['Postgres starts', (data) => pidFile(data).length > 0, 'SIGTERM'],
  ['Ambit migrates', (data) => statusOf(data) === 'ready', 'SIGKILL'],
];

test.each(STAGES)(
  'after a signal during the first start, while %s, no Postgres keeps running and the next start works',
  async (name, isReached, usual) => {
    for (const signal of long ? (['SIGTERM', 'SIGKILL'] as const) : [usual]) {
      const data = join(folder, `${name} ${signal}`);
      const first = await startAmbit({ DATA_DIR: data });
      await until(() => isReached(data));
      first.process.kill(signal);
      expect(await first.ended).toBe(signal === 'SIGTERM' ? 0 : signal);
      expect(first.output()).toBe('');
      if (signal === 'SIGTERM') expect(await postgresOf(data)).toEqual([]);
      await until(async () => (await postgresOf(data)).length === 0);
      await stopped(await started(data));
    }
  },
);

test('Ambit exits with one line when the database server cannot be restarted', async () => {
  const server = await started();
  const file = join(DEMO, 'pgdata/PG_VERSION');
  const version = readFileSync(file);
  await writeFile(file, 'garbage');
  process.kill(databasePid(DEMO), 'SIGKILL');
  expect(await server.ended).toBe(1);
  const log = join(DEMO, 'pgdata/server.log');
  const [line, ...more] = server.output().match(/^ambit: .*$/gm) ?? [];
  expect([line, more]).toEqual([
    `ambit: The embedded PostgreSQL ended and could not be restarted: "${DEMO}/pgdata" is not a valid data directory. See ${log}.`,
    [],
  ]);
  expect(await postgresOf(DEMO)).toEqual([]);

  const next = await startAmbit({ DATA_DIR: DEMO });
  expect(await next.ended).toBe(1);
  expect(next.output()).toBe(
    `ambit: The embedded PostgreSQL failed to start: "${DEMO}/pgdata" is not a valid data directory. See ${log}.\n`,
  );
  await writeFile(file, version);
  await stopped(await started());
});

test('the login of requests has a password of its own, which stays the same', async () => {
  const server = await startEmbedded(join(folder, 'lock'));
  onTestFinished(() => server.stop());
  await server.sql`create role tester nologin`;
  const url = new URL(await server.loginUrl('postgres', 'tester'));
  expect(await server.loginUrl('postgres', 'tester')).toBe(url.href);
  const nameWith = async (user: string) => {
    const sql = postgres(Object.assign(new URL(url), { username: user }).href, { max: 1, onnotice: () => undefined });
    onTestFinished(() => sql.end());
    return (await sql`select current_user as name`)[0]?.['name'];
  };
  expect(await nameWith('tester_login')).toBe('tester_login');
  await expect(nameWith('postgres')).rejects.toThrow('password authentication failed');
});

test('a lost connection that held the lock is replaced, and another process still cannot use the data', async () => {
  const data = join(folder, 'lock');
  const server = await startEmbedded(data);
  onTestFinished(() => server.stop());
  const owners = async (): Promise<number[]> => {
    const rows = await server.sql<{ pid: number }[]>`select pid from pg_locks where locktype = 'advisory' and granted`;
    return rows.map(({ pid }) => pid);
  };
  const [before = 0] = await owners();
  await server.sql`select pg_terminate_backend(${before})`;
  await until(async () => (await owners()).some((pid) => pid !== before));
  const refused = startEmbedded(data);
  await expect(refused).rejects.toThrow(
    `another process uses the database in ${data}; stop it, or set DATA_DIR to another folder`,
  );
});

test('a start with a wrong password fails with one line that names the log file', async () => {
  const data = join(folder, 'lock');
  await writeFile(join(data, 'password'), 'wrong');
  await expect(startEmbedded(data)).rejects.toThrow(
    `The embedded PostgreSQL failed to start: password authentication failed for user "postgres". See ${data}/pgdata/server.log.`,
  );
  expect(await postgresOf(data)).toEqual([]);
});

test('when the data cannot be created, the error names a file with the output of initdb', async () => {
  const data = join(folder, 'uncreated');
  await mkdir(data);
  await writeFile(join(data, 'password'), Buffer.of(0xff));
  const log = join(data, 'initdb.log');
  const reason = 'invalid byte sequence for encoding "UTF8": 0xff';
  await expect(startEmbedded(data)).rejects.toThrow(
    `The embedded PostgreSQL could not be created: ${reason}. See ${log}, or set DATABASE_URL to use another server.`,
  );
  expect(readFileSync(log, 'utf8')).toContain(reason);
});
