import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { RUNTIME_ROLE } from '../../src/db/client.ts';
import { newId } from '../../src/lib/ids.ts';
import { type Caller, callerAt, ENCRYPTION_KEY, type Json, startApi } from '../support/api.ts';
import { has } from '../support/packages.ts';
import { type Pgbouncer, startPgbouncer } from '../support/pgbouncer.ts';
import { type Run, startAmbit, waitUntilReady } from '../support/run.ts';
import { size } from '../support/size.ts';
import { createApiToken, createOrganization, getRubric, type Organization, type Rubric } from '../support/world.ts';

/** Start-up parameters that a server without DATABASE_POOLER may send. */
const STARTUP_PARAMETERS = [
  ...['role', 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'],
  ...['transaction_timeout', 'plan_cache_mode', 'extra_float_digits', 'options'],
];

/** Requests that each client repeats. */
const ROUNDS = size(2, 8);

const READ = '{ checks(first: 20) { totalCount nodes { id name } } }';

/** Milliseconds after which a request counts as unanswered. */
const DEADLINE = 45_000;

interface Client extends Caller {
  organization: string;
  rubric: Rubric;
}

const api = await startApi();

/** A login that is a member of the runtime role and nothing else. */
const login = await createLogin();

/** The same, but its sessions begin with `set role`, as some guides recommend. */
const loginWithRole = await createLogin();
await api.root.unsafe(`alter role ${new URL(loginWithRole).username} set role ${RUNTIME_ROLE}`);

async function createLogin(): Promise<string> {
  const url = new URL(api.url);
  const name = `login_${newId().replaceAll('-', '')}`;
  await api.root.unsafe(`create role ${name} login password '${url.password}' in role ${RUNTIME_ROLE}`);
  afterAll(() => api.root.unsafe(`drop role ${name}`));
  return Object.assign(url, { username: name }).href;
}

/** Starts Ambit. The process is killed at the end of the test. */
async function start(env: Record<string, string>): Promise<Run> {
  // The same key as the test server, which shares the database.
  const server = await startAmbit({ ENCRYPTION_KEY, ...env });
  onTestFinished(async () => {
    server.process.kill('SIGKILL');
    await server.ended;
  });
  return server;
}

describe.skipIf(!has('pgbouncer'))('needs pgbouncer: transaction mode', () => {
  let clients: Client[];

  beforeAll(async () => {
    const organizations = await Promise.all([createOrganization(api, 'acme'), createOrganization(api, 'globex')]);
    clients = (await Promise.all(organizations.map((each) => clientsOf(each, 15)))).flat();
  });

  async function clientsOf({ owner, slug }: Organization, count: number): Promise<Client[]> {
    const rubric = await getRubric(owner);
    const tokens = await Promise.all(Array.from({ length: count }, () => createApiToken(api, owner, 'WRITE')));
    return tokens.map((token) => ({ ...token, organization: slug, rubric }));
  }

  describe('the server refuses to start', () => {
    async function refusal(env: Record<string, string>): Promise<string> {
      const server = await start(env);
      expect(await Promise.race([server.ended, waitUntilReady(server).then(() => 'it is ready')])).toBe(1);
      expect(server.output()).not.toContain(new URL(api.url).password);
      return server.output();
    }
    const ADVICE = /^ambit: DATABASE_URL: .*DATABASE_POOLER=transaction.*\n$/;

    test('behind PgBouncer with its default settings, without DATABASE_POOLER', async () => {
      const pgbouncer = await startPgbouncer([api.url, login]);
      const pooled = pgbouncer.through(login);
      expect(await refusal({ DATABASE_URL: pooled, MIGRATION_DATABASE_URL: api.url })).toMatch(ADVICE);
      expect(await refusal({ DATABASE_URL: pgbouncer.through(api.url) })).toMatch(ADVICE);
    });

    test('behind PgBouncer that ignores the start-up parameters, without DATABASE_POOLER', async () => {
      const pgbouncer = await startPgbouncer([api.url, loginWithRole], { ignored: STARTUP_PARAMETERS });
      const pooled = pgbouncer.through(loginWithRole);
      expect(await refusal({ DATABASE_URL: pooled, MIGRATION_DATABASE_URL: api.url })).toMatch(ADVICE);
    });

    test('when MIGRATION_DATABASE_URL leads to PgBouncer, whatever DATABASE_URL leads to', async () => {
      const pgbouncer = await startPgbouncer([api.url, login]);
      const MIGRATION_DATABASE_URL = pgbouncer.through(api.url);
      const named = /^ambit: MIGRATION_DATABASE_URL: [^\n]+\n$/;
      expect(await refusal({ DATABASE_URL: login, MIGRATION_DATABASE_URL })).toMatch(named);
      const pooled = { DATABASE_URL: pgbouncer.through(login), DATABASE_POOLER: 'transaction' };
      expect(await refusal({ ...pooled, MIGRATION_DATABASE_URL })).toMatch(named);
    });
  });

  /** A server behind a PgBouncer of three server connections with its default settings. */
  async function startPooled(env: Record<string, string> = {}): Promise<{ server: Run; pgbouncer: Pgbouncer }> {
    const pgbouncer = await startPgbouncer([login]);
    const server = await start({
      DATABASE_URL: pgbouncer.through(login),
      DATABASE_POOLER: 'transaction',
      MIGRATION_DATABASE_URL: api.url,
      PUBLIC_URL: 'http://ambit.test',
      ...env,
    });
    await waitUntilReady(server);
    return { server, pgbouncer };
  }

  interface Outcome {
    /** Mutations that the server acknowledged, as the audit log names them. */
    acknowledged: string[];
    /** Codes of the errors. */
    codes: string[];
    requests: number;
    /** Names of checks that a client of another organization read. */
    foreign: string[];
  }

  const newOutcome = (): Outcome => ({ acknowledged: [], codes: [], requests: 0, foreign: [] });

  /** Sends one operation and returns its data, or null if it failed. */
  async function send(caller: Caller, document: string, variables: object, outcome: Outcome): Promise<Json> {
    const answer = await Promise.race([caller.query(document, { ...variables }), sleep(DEADLINE)]);
    if (!answer) throw new Error(`unanswered: ${document}`);
    const { data, errors } = answer;
    outcome.requests += 1;
    if (errors || !data) outcome.codes.push(errors?.[0]?.extensions?.code ?? 'no data');
    return errors ? null : data;
  }

  const CREATE = `mutation ($input: CreateCheckInput!) { createCheck(input: $input) { check { id } errors { code } } }`;
  const UPDATE = `mutation ($input: UpdateCheckInput!) { updateCheck(input: $input) { check { id } errors { code } } }`;

  /** Creates a check, updates it, and lists the checks. */
  async function turn(client: Client, address: string, outcome: Outcome): Promise<void> {
    const caller = callerAt(address, client.token);
    const { categories, levels } = client.rubric;
    const place = { category: { id: categories['Security'] }, level: { id: levels['Bronze'] } };
    const name = `${client.organization} ${newId()}`;
    const created = await send(caller, CREATE, { input: { name, ...place } }, outcome);
    const id = created?.createCheck.check?.id;
    if (id) outcome.acknowledged.push(`createCheck ${id}`);
    const updated = id && (await send(caller, UPDATE, { input: { check: { id }, notes: 'Changed' } }, outcome));
    if (updated?.updateCheck.check) outcome.acknowledged.push(`updateCheck ${id}`);
    const read = await send(caller, READ, {}, outcome);
    const names: string[] = read?.checks.nodes.map((node: Json) => node.name) ?? [];
    outcome.foreign.push(...names.filter((each) => !each.startsWith(client.organization)));
  }

  const everyone = (work: (client: Client) => Promise<void>): Promise<unknown> => Promise.all(clients.map(work));

  /** The successful mutations in the audit log, including duplicates. */
  async function audited(): Promise<string[]> {
    const rows = await api.root`
      select action || ' ' || target_id as done from audit_events
      where action in ('createCheck', 'updateCheck') and outcome = 'ALLOWED'`;
    return rows.map((row) => row['done']).sort();
  }

  const countChecks = async (): Promise<number> =>
    (await api.root`select count(*)::int as count from checks`)[0]?.['count'];

  const creations = (mutations: readonly string[]): string[] =>
    mutations.filter((each) => each.startsWith('createCheck'));

  /** Reads the setting that binds a transaction, in a session that shares the server connections of Ambit. */
  const OBSERVE = `select pg_backend_pid() as pid, coalesce(current_setting('ambit.organization_id', true), '') as bound`;

  test('serves 30 clients of two organizations over three server connections', { timeout: 120_000 }, async () => {
    // On a slow machine, 30 clients may have to wait longer for three connections than the defaults allow.
    const longTimeouts = { DATABASE_WAIT_MS: '30000', DATABASE_LOCK_MS: '30000', STATEMENT_TIMEOUT_MS: '30000' };
    const { server, pgbouncer } = await startPooled(longTimeouts);
    const before = { audited: await audited(), checks: await countChecks() };
    const observer = postgres(pgbouncer.through(login), { max: 3, prepare: false, fetch_types: false });
    onTestFinished(() => observer.end({ timeout: 5 }));

    const outcome = newOutcome();
    const bound: string[] = [];
    let observations = 0;
    let isLoadRunning = true;
    const observing = (async () => {
      while (isLoadRunning) {
        for (const row of await observer.unsafe(OBSERVE).simple()) bound.push(row['bound']);
        observations += 1;
      }
    })();
    observing.catch(() => undefined);
    await everyone(async (client) => {
      for (let round = 0; round < ROUNDS; round += 1) await turn(client, server.address, outcome);
    }).finally(() => {
      isLoadRunning = false;
    });

    expect(outcome).toMatchObject({ codes: [], foreign: [], requests: 30 * ROUNDS * 3 });
    expect(outcome.acknowledged).toHaveLength(30 * ROUNDS * 2);
    expect(await audited()).toEqual([...before.audited, ...outcome.acknowledged].sort());
    expect(await countChecks()).toBe(before.checks + creations(outcome.acknowledged).length);

    await observing;
    expect(observations).toBeGreaterThan(0);
    // Each open transaction uses its own server connection, so these transactions use all of them.
    const { promise: allOpen, resolve } = Promise.withResolvers<void>();
    const open: number[] = [];
    const count = observer.options.max;
    await Promise.all(
      Array.from({ length: count }, () =>
        observer.begin(async (tx) => {
          const [row] = await tx.unsafe(OBSERVE).simple();
          bound.push(row?.['bound']);
          if (open.push(row?.['pid']) === count) resolve();
          await allOpen;
        }),
      ),
    );
    expect(new Set(open).size).toBe(3);
    expect(new Set(bound)).toEqual(new Set(['']));
  });

  test('answers UNAVAILABLE while PgBouncer is down, and serves all requests afterwards', {
    timeout: 120_000,
  }, async () => {
    const { server, pgbouncer } = await startPooled();
    const before = { audited: await audited(), checks: await countChecks() };
    const outcome = newOutcome();
    let isLoadRunning = true;
    const load = everyone(async (client) => {
      while (isLoadRunning) {
        const failures = outcome.codes.length;
        await turn(client, server.address, outcome);
        // Clients back off, so that the outage does not cause thousands of requests.
        if (outcome.codes.length > failures) await sleep(50);
      }
    });
    load.catch(() => undefined);
    onTestFinished(() => {
      isLoadRunning = false;
    });
    const until = (count: () => number, least: number): Promise<unknown> =>
      Promise.race([load, expect.poll(count, { timeout: DEADLINE, interval: 10 }).toBeGreaterThan(least)]);
    await until(() => outcome.requests, 60);
    expect(outcome.codes).toEqual([]);
    await pgbouncer.kill();
    await until(() => outcome.codes.length, 30);
    await pgbouncer.start();
    await until(() => outcome.acknowledged.length, outcome.acknowledged.length + 60);
    isLoadRunning = false;
    await load;

    // A change may have been committed when the connection was lost. The server then answers OUTCOME_UNKNOWN.
    const known = ['UNAVAILABLE', 'OUTCOME_UNKNOWN'];
    expect(outcome.codes.filter((code) => !known.includes(code))).toEqual([]);
    expect(outcome.codes).toContain('UNAVAILABLE');
    expect(outcome.foreign).toEqual([]);
    const done = await audited();
    expect(new Set(done).size).toBe(done.length);
    expect(done).toEqual(expect.arrayContaining(outcome.acknowledged));
    expect(await countChecks()).toBe(before.checks + creations(done).length - creations(before.audited).length);

    const afterwards = newOutcome();
    await everyone((client) => turn(client, server.address, afterwards));
    expect(afterwards).toMatchObject({ codes: [], foreign: [], requests: 30 * 3 });
  });
});
