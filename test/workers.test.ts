import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ENCRYPTION_KEY, type Json } from './support/api.ts';
import { cloneDatabase } from './support/database.ts';
import { findChildren } from './support/processes.ts';
import { type Run, signIn, startAmbit, waitUntilReady } from './support/run.ts';
import { until } from './support/until.ts';

const folder = await mkdtemp(join(tmpdir(), 'ambit-workers-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (env: Record<string, string> = {}): Promise<Run> =>
  startAmbit({ WORKERS: '2', DATA_DIR: join(folder, 'data'), ...env });

const logOf = (server: Run): Json[] =>
  server
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line));

interface Answer {
  body: Json;
  headers: IncomingHttpHeaders;
}

/** Sends a query on a connection of the agent. Without one, on a new connection. */
async function ask(
  server: Run,
  query: string,
  { token = '', agent }: { token?: string; agent?: Agent } = {},
): Promise<Answer> {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const sent = request(`${server.address}/graphql`, { method: 'POST', headers, agent: agent ?? false });
  sent.end(JSON.stringify({ query }));
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return { body: JSON.parse(text), headers: response.headers };
}

/** The number of the worker that has answered. */
async function workerOf(server: Run, { headers }: Answer): Promise<number> {
  const entry = (): Json | undefined => logOf(server).find(({ requestId }) => requestId === headers['x-request-id']);
  await until(() => entry() !== undefined);
  return entry()?.worker;
}

const openConnection = (): Agent => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  afterAll(() => agent.destroy());
  return agent;
};

/** Connections to both workers, by the number of the worker. */
async function connectionsToBoth(server: Run): Promise<Map<number, Agent>> {
  const found = new Map<number, Agent>();
  await until(async () => {
    const agent = openConnection();
    // A worker that is being replaced resets its connections.
    const answer = await ask(server, '{ __typename }', { agent }).catch(() => null);
    if (answer) found.set(await workerOf(server, answer), agent);
    return found.size === 2;
  });
  return found;
}

test('two workers serve one port with one database, a killed one is replaced, a revocation counts on both, and a stop ends all', async () => {
  const server = await run();
  await waitUntilReady(server);
  expect(server.output().match(/Ambit is ready/g)).toHaveLength(1);
  const [token = '', other = ''] = [await signIn(server.address), await signIn(server.address)];
  const workers = await connectionsToBoth(server);
  expect([...workers.keys()].toSorted()).toEqual([1, 2]);

  const VIEWER = '{ viewer { user { email } } }';
  const signedIn = { data: { viewer: { user: { email: 'admin@acme.test' } } } };
  for (const agent of workers.values()) {
    expect((await ask(server, VIEWER, { token, agent })).body).toEqual(signedIn);
    expect((await ask(server, VIEWER, { token: other, agent })).body).toEqual(signedIn);
  }
  const signOut = 'mutation { signOut(input: {}) { errors { code } } }';
  expect((await ask(server, signOut, { token, ...agentOf(workers, 1) })).body).toEqual({
    data: { signOut: { errors: [] } },
  });
  const refused = await ask(server, VIEWER, { token, ...agentOf(workers, 2) });
  expect(refused.body.errors[0].extensions.code).toBe('UNAUTHENTICATED');
  expect((await ask(server, VIEWER, { token: other, ...agentOf(workers, 2) })).body).toEqual(signedIn);

  const before = await findChildren(server.process.pid ?? 0, 'main.ts');
  expect(before).toHaveLength(2);
  process.kill(before[0] ?? 0, 'SIGKILL');
  await until(() => logOf(server).some(({ message }) => message === 'worker started'));
  const events = logOf(server).filter(({ message }) => /^worker (ended|started)$/.test(message));
  const [ended, started] = events;
  expect(events.map(({ message }) => message)).toEqual(['worker ended', 'worker started']);
  expect(ended).toMatchObject({ level: 'error', pid: before[0], code: null, signal: 'SIGKILL', restartInMs: 100 });
  expect(started?.worker).toBe(ended?.worker);
  const again = await connectionsToBoth(server);
  for (const agent of again.values())
    expect((await ask(server, VIEWER, { token: other, agent })).body).toEqual(signedIn);

  const after = await findChildren(server.process.pid ?? 0, 'main.ts');
  expect([after.length, after.includes(before[0] ?? 0), after.includes(before[1] ?? 0)]).toEqual([2, false, true]);
  server.process.kill('SIGTERM');
  expect(await server.ended).toBe(0);
  expect(after.map(isAlive)).toEqual([false, false]);
  expect(existsSync(join(folder, 'data/pgdata/postmaster.pid'))).toBe(false);
});

const agentOf = (workers: Map<number, Agent>, number: number): { agent: Agent } => ({
  agent: workers.get(number) as Agent,
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('the database is prepared once, and workers end with the process that started them', async () => {
  const { url, root } = await cloneDatabase();
  const server = await run({ DATABASE_URL: url, NODE_ENV: 'production', ENCRYPTION_KEY, PORT: '0' });
  await waitUntilReady(server);
  // Each process that checks the accounts adds a secret.
  expect(await root`select from setup_secrets`).toHaveLength(1);
  const [, port = ''] = /localhost:(\d+)/.exec(server.output()) ?? [];
  expect((await fetch(`http://localhost:${port}/health/ready`)).status).toBe(200);
  const workers = await findChildren(server.process.pid ?? 0, 'main.ts');
  server.process.kill('SIGKILL');
  await until(() => !workers.some(isAlive));
});

test('a worker that could not be started again is started later', async () => {
  // The server runs this copy of Node, so that no worker can be started while it is missing.
  const node = join(folder, 'bin/node');
  await mkdir(dirname(node));
  await copyFile(process.execPath, node);
  const { url } = await cloneDatabase();
  const server = await run({ DATABASE_URL: url, PATH: `${dirname(node)}:${process.env['PATH']}` });
  await waitUntilReady(server);
  const workers = await findChildren(server.process.pid ?? 0, 'main.ts');
  await rename(node, `${node}.old`);
  for (const worker of workers) process.kill(worker, 'SIGKILL');
  const failures = (): Json[] => logOf(server).filter(({ error }) => /ENOENT/.test(error));
  await until(() => new Set(failures().map(({ worker }) => worker)).size === 2);
  await rename(`${node}.old`, node);
  await connectionsToBoth(server);
  server.process.kill('SIGTERM');
  expect(await server.ended).toBe(0);
});

test('a worker that fails to start ends all processes, with one line for the error', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const refused = await run({ PORT: String(port), DATA_DIR: join(folder, 'never') });
  expect(await refused.ended).toBe(1);
  expect(refused.output()).toBe(
    `ambit: PORT: ${port} on 127.0.0.1 is in use by another process; set PORT to a free port\n`,
  );
  taken.close();
  const noDatabase = await run({ DATABASE_URL: 'postgres://nobody:hunter2@127.0.0.1:1/x' });
  expect(await noDatabase.ended).toBe(1);
  expect(noDatabase.output()).toMatch(/^ambit: DATABASE_URL: [^\n]+\n$/);
});
