import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { fromPublicId } from '../../src/lib/ids.ts';
import { startServer } from '../faults/server.ts';
import { freePort } from '../support/run.ts';
import { until } from '../support/until.ts';
import { type Done, type Load, startLoad, summary } from './load.ts';
import { workerOf } from './proxied.ts';
import { createAccount, createStage, mustAnswer, signIn, storedCategories, type Tenant } from './stage.ts';

const TRIES = 4;
const stage = await createStage({ STATEMENT_TIMEOUT_MS: '3000', SIGN_IN_TRIES_PER_ACCOUNT: String(TRIES) });
const { ask, root, servers } = stage;
const [broken, intact] = stage.tenants;
const worker = stage.workers[0] as (typeof stage.workers)[0];

/** Milliseconds from the return of a worker to its organizations being served, and those that a busy machine may add. */
const SERVED_WITHIN = 2_000;
const SLACK = 3_000;

let isRefusing = false;

function stopWorker(): void {
  isRefusing = true;
  worker.proxy.refuse();
  worker.proxy.reset();
  onTestFinished(startWorker);
}

async function startWorker(): Promise<void> {
  if (!isRefusing) return;
  isRefusing = false;
  await worker.proxy.accept();
}

const ofTenants = (done: readonly Done[], tenants: readonly Tenant[]): Done[] =>
  done.filter(({ slug }) => tenants.some((tenant) => tenant.slug === slug));

/** The mutations with an unknown outcome are allowed to have either. */
async function expectKept(load: Load): Promise<void> {
  const writes = load.done.filter(({ kind }) => kind === 'write');
  const stored = await storedCategories(
    root,
    writes.map(({ name }) => name),
  );
  const lost = writes.filter(({ codes, name }) => codes.length === 0 && !stored.has(name));
  const denied = writes.filter(
    ({ codes, name }) => codes.length > 0 && !codes.includes('OUTCOME_UNKNOWN') && stored.has(name),
  );
  expect({ lost, denied }).toEqual({ lost: [], denied: [] });
}

/** Causes a fault under load. It lasts until each organization of the worker has had an error and each other one a success. */
async function inflict(begin: () => unknown, end: () => unknown): Promise<void> {
  const load = startLoad(stage, ['read', 'write', 'refresh']);
  onTestFinished(() => load.stop());
  await Promise.all([...broken, ...intact].map((tenant) => load.served(tenant, 0)));
  const began = performance.now();
  await begin();
  const hasFailed = (tenant: Tenant): boolean =>
    ofTenants(load.done, [tenant]).some(({ codes, startedAt }) => startedAt > began && codes.length > 0);
  await until(() => broken.every(hasFailed));
  await Promise.all(intact.map((tenant) => load.served(tenant, began)));
  const passed = performance.now();
  await end();
  const settled = passed + SERVED_WITHIN + SLACK;
  await Promise.all([...broken, ...intact].map((tenant) => load.served(tenant, passed)));
  const after = (tenant: Tenant): Done[] =>
    ofTenants(load.done, [tenant]).filter(({ startedAt }) => startedAt > settled);
  await until(() => broken.every((tenant) => after(tenant).length >= 3));
  await load.stop();
  const failed = load.done.filter(({ codes }) => codes.length > 0);
  expect(summary(ofTenants(failed, intact)), 'failures of the other organizations').toEqual({});
  const wrong = failed.filter(({ kind, codes }) => codes.some((code) => !allowed(kind).includes(code)));
  expect(summary(wrong), 'other codes').toEqual({});
  expect(failed.length).toBeGreaterThan(0);
  expect(summary(failed.filter(({ startedAt }) => startedAt > settled)), 'failures after the return').toEqual({});
  await expectKept(load);
}

const allowed = (kind: Done['kind']): string[] =>
  kind === 'read' ? ['UNAVAILABLE'] : ['UNAVAILABLE', 'OUTCOME_UNKNOWN'];

test('a worker that has crashed fails only its organizations, with UNAVAILABLE, and they are served when it is back', async () => {
  await inflict(stopWorker, startWorker);
});

test('a worker that does not respond fails only its organizations, with UNAVAILABLE, and they are served when it is back', async () => {
  await inflict(
    () => worker.proxy.set('silent'),
    () => worker.proxy.set('pass'),
  );
});

test('no acknowledged change is lost when connections to a worker break at any moment', async () => {
  const load = startLoad(stage, ['write']);
  onTestFinished(() => load.stop());
  await Promise.all(broken.map((tenant) => load.served(tenant, 0)));
  for (let times = 0; times < 15; times += 1) {
    worker.proxy.reset();
    await sleep(20 + Math.random() * 80);
  }
  const passed = performance.now();
  await Promise.all(broken.map((tenant) => load.served(tenant, passed)));
  await load.stop();
  await expectKept(load);
});

test('a member of two organizations signs in to one while the worker of the other is down', async () => {
  const email = 'member@both.test';
  const token = await createAccount(ask, email);
  const slugs = new Map<number, string>();
  for (let number = 0; slugs.size < 2; number += 1) {
    const name = `both-${number}`;
    const create = `mutation { createOrganization(input: { name: "${name}", slug: "${name}" }) { organization { id } errors { code } } }`;
    const { organization } = await mustAnswer(ask(create, { token }));
    slugs.set(await workerOf(root, fromPublicId('org', organization.id) ?? ''), name);
  }
  stopWorker();
  for (const server of servers.keys())
    for (const [port, chosen] of slugs) {
      const answer = await ask(signIn({ email }, chosen), { server });
      expect(answer.codes, chosen).toEqual(port === worker.port ? ['UNAVAILABLE'] : []);
    }
});

test('sessions and rate limits are the same on both servers, also while a worker is down', async () => {
  stopWorker();
  const [tenant] = intact as [Tenant, ...Tenant[]];
  const { session } = await mustAnswer(ask(signIn(tenant), { server: 0 }));
  const viewer = { query: '{ viewer { user { email } } }', token: session.accessToken };
  const seen = await ask(viewer.query, { token: viewer.token, server: 1 });
  expect(seen.data).toEqual({ viewer: { user: { email: tenant.email } } });
  await mustAnswer(ask('mutation { signOut(input: {}) { errors { code } } }', { token: viewer.token, server: 1 }));
  expect((await ask(viewer.query, { token: viewer.token, server: 0 })).codes).toEqual(['UNAUTHENTICATED']);
  const wrong = signIn(tenant).replace('correct', 'incorrect');
  const codes: string[] = [];
  for (let tried = 0; tried <= TRIES; tried += 1) codes.push(String((await ask(wrong, { server: tried % 2 })).codes));
  expect(codes).toEqual([...Array(TRIES).fill('input WRONG_CREDENTIALS'), 'RATE_LIMITED']);
});

test('a server starts while a worker is down, and serves the organizations of the others', async () => {
  stopWorker();
  const server = await startServer({ port: await freePort(), databaseUrl: stage.url, pool: 2 });
  onTestFinished(() => server.signal('SIGKILL'));
  servers.push(server);
  const read = '{ categories(first: 1) { nodes { id } } }';
  const at = servers.length - 1;
  for (const { token } of intact) expect((await ask(read, { token, server: at })).codes).toEqual([]);
  for (const { token } of broken) expect((await ask(read, { token, server: at })).codes).toEqual(['UNAVAILABLE']);
});
