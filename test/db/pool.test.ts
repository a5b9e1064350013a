import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import type { ClientOptions } from '../../src/db/client.ts';
import { type Api, type ApiResponse, startApi } from '../support/api.ts';
import { until } from '../support/until.ts';
import { createApiToken, createOrganization, lockOrganization, type Organization } from '../support/world.ts';

const CREATE =
  'mutation ($name: String!) { createCategory(input: { name: $name }) { category { id } errors { code } } }';
/** Waits for the response to its change before it sends COMMIT. `createCategory` sends both together. */
const CREATE_ROLE =
  'mutation ($name: String!) { createRole(input: { name: $name, statements: [] }) { role { id } errors { code } } }';

/** Sends a mutation and returns its response as `status CODE retry-after`. */
async function create(
  api: Api,
  { owner }: Organization,
  name: string,
  signal?: AbortSignal,
  query = CREATE,
): Promise<string> {
  const response = await fetch(`${api.address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${owner.token}` },
    body: JSON.stringify({ query, variables: { name } }),
    ...(signal && { signal }),
  });
  const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
  return [response.status, errors?.[0]?.extensions.code, response.headers.get('retry-after')]
    .filter((part) => part != null)
    .join(' ');
}

/** Runs `work` while another transaction locks the organization's row. */
const whileLocked = <T>(api: Api, { slug }: Organization, work: () => Promise<T>): Promise<T> =>
  api.root.begin(async (sql) => {
    await lockOrganization(sql, slug);
    return await work();
  }) as Promise<T>;

/** Number of the server's statements that PostgreSQL is executing now. */
const running = async (api: Api): Promise<number> =>
  (
    await api.root`
      select from pg_stat_activity
      where datname = current_database() and application_name = 'ambit' and state = 'active'`
  ).length;

const categories = async (api: Api, like: string): Promise<number> =>
  (await api.root`select from categories where name like ${like}`).length;

const reads = async ({ owner }: Organization): Promise<unknown> =>
  (await owner.query('{ organization { slug } }')).data?.organization?.slug;

test('a locked organization uses at most half of the connections, and its other requests fail with Retry-After', async () => {
  const api = await startApi({ pool: 4, client: { lockTimeout: 4_000, waitMs: 500 } });
  const [acme, globex] = [await createOrganization(api, 'acme'), await createOrganization(api, 'globex')];
  const stuck = await whileLocked(api, acme, async () => {
    const all = Array.from({ length: 12 }, (_, at) => create(api, acme, `stuck ${at}`));
    await until(async () => (await running(api)) === 2);
    for (let at = 0; at < 20; at += 1) expect(await reads(globex)).toBe('globex');
    expect(await running(api)).toBe(2);
    return await Promise.all(all);
  });
  expect(stuck.toSorted()).toEqual([...Array(2).fill('200 CONFLICT'), ...Array(10).fill('503 UNAVAILABLE 1')]);
  expect(await categories(api, 'stuck %')).toBe(0);
  const messages = api.logged.map((entry) => entry['message']);
  expect(messages).toContain('organization over its share of the database pool');
  expect(messages).toContain('database pool exhausted');
});

test('requests of disconnected clients leave the queue, and their running statements are cancelled', async () => {
  const api = await startApi({ pool: 4, client: { lockTimeout: 60_000 } });
  const acme = await createOrganization(api, 'acme');
  await whileLocked(api, acme, async () => {
    const gone = new AbortController();
    const all = Array.from({ length: 12 }, (_, at) => create(api, acme, `gone ${at}`, gone.signal).catch(() => 'gone'));
    await until(async () => (await running(api)) === 2);
    gone.abort();
    expect(new Set(await Promise.all(all))).toEqual(new Set(['gone']));
    await until(async () => (await running(api)) === 0);
    expect(api.pool.state()).toMatchObject({ waiting: 0 });
  });
  expect(await create(api, acme, 'afterwards')).toBe('200');
  expect(await categories(api, 'gone %')).toBe(0);
});

/** An organization, and a node on its database with a request timeout of one second. */
async function startWithShortTimeout(client: Partial<ClientOptions> = {}): Promise<[Organization, Api]> {
  const first = await startApi();
  const acme = await createOrganization(first, 'acme');
  return [acme, await startApi({ pool: 4, database: first, config: { requestTimeoutMs: 1_000 }, client })];
}

test('a request is answered at its deadline, and its statement is cancelled', async () => {
  const [acme, api] = await startWithShortTimeout({ lockTimeout: 60_000 });
  await whileLocked(api, acme, async () => {
    expect(await create(api, acme, 'late', undefined, CREATE_ROLE)).toBe('503 UNAVAILABLE 1');
    // Here COMMIT was sent too. The response is UNAVAILABLE only if the cancellation was confirmed in time.
    expect(['503 UNAVAILABLE 1', '504 OUTCOME_UNKNOWN']).toContain(await create(api, acme, 'late'));
    await until(async () => (await running(api)) === 0);
  });
  expect(await create(api, acme, 'afterwards')).toBe('200');
  expect(await categories(api, 'late')).toBe(0);
  expect(await api.root`select from roles where name = 'late'`).toHaveLength(0);
});

/** Delays each commit of a new category by this time. */
const slowCommits = async (api: Api, seconds: number): Promise<void> => {
  await api.root.unsafe(`
    create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(${seconds}); return null; end';
    create constraint trigger slow after insert on categories deferrable initially deferred
      for each row execute function slow()`);
};

test('a mutation whose COMMIT is not answered before the deadline has an unknown outcome', async () => {
  const [acme, api] = await startWithShortTimeout();
  await slowCommits(api, 2);
  expect(await create(api, acme, 'unknown')).toBe('200 OUTCOME_UNKNOWN');
  // Nothing cancels the COMMIT, so here the change was made.
  await until(async () => (await categories(api, 'unknown')) === 1);
  const events = await api.root`select from audit_events where action = 'createCategory' and outcome = 'ALLOWED'`;
  expect(events.length).toBe(1);
});

test('a mutation whose connection is lost during COMMIT has an unknown outcome', async () => {
  const api = await startApi({ pool: 4 });
  const acme = await createOrganization(api, 'acme');
  await slowCommits(api, 30);
  const answer = create(api, acme, 'unknown');
  const terminate = () => api.root`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and query = 'commit' and wait_event = 'PgSleep'`;
  await until(async () => (await terminate()).length === 1);
  expect(await answer).toBe('200 OUTCOME_UNKNOWN');
  expect(await reads(acme)).toBe('acme');
});

test.each([
  [CREATE_ROLE, 'before COMMIT was sent fails with UNAVAILABLE', '503 UNAVAILABLE 1'],
  [CREATE, 'after COMMIT was sent with the change has an unknown outcome', '200 OUTCOME_UNKNOWN'],
])('a mutation (%s) whose connection is lost %s, and nothing was changed', async (document, _, expected) => {
  const api = await startApi({ pool: 4, client: { lockTimeout: 60_000 } });
  const acme = await createOrganization(api, 'acme');
  const answer = await whileLocked(api, acme, async () => {
    const waiting = create(api, acme, 'lost', undefined, document);
    await until(async () => (await running(api)) === 1);
    await api.root`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'ambit' and state = 'active'`;
    return await waiting;
  });
  expect(answer).toBe(expected);
  expect(await categories(api, 'lost')).toBe(0);
  expect(await api.root`select from roles where name = 'lost'`).toHaveLength(0);
});

test('a query whose connection is lost runs again, because it only reads', async () => {
  const api = await startApi({ pool: 4, client: { lockTimeout: 60_000 } });
  const acme = await createOrganization(api, 'acme');
  const document = '{ categories { totalCount } }';
  const expected = (await acme.owner.query(document)).data;
  const answer = await api.root.begin(async (sql) => {
    await sql`lock table categories in access exclusive mode`;
    const waiting = acme.owner.query(document);
    await until(async () => (await running(api)) === 1);
    await api.root`
      select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where datname = current_database() and application_name = 'ambit' and state = 'active'`;
    await until(async () => (await running(api)) === 1);
    return { waiting };
  });
  expect(await answer.waiting).toMatchObject({ status: 200, data: expected, errors: undefined });
});

test('a connection that is lost during the lookup of a credential causes UNAVAILABLE, never UNAUTHENTICATED', async () => {
  const api = await startApi({ pool: 4, client: { lockTimeout: 60_000 } });
  const acme = await createOrganization(api, 'acme');
  for (const document of ['{ viewer { user { id } } }', CREATE_ROLE.replace('$name: String!', '$name: String = "x"')]) {
    const answer = await api.root.begin(async (sql) => {
      await sql`lock table sessions in access exclusive mode`;
      const waiting = acme.owner.query(document);
      await until(async () => (await running(api)) > 0);
      await api.root`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'ambit' and state = 'active'`;
      return await waiting;
    });
    expect([answer.status, answer.errors?.[0].extensions.code]).toEqual([503, 'UNAVAILABLE']);
    expect(answer.headers.get('retry-after')).toBe('1');
  }
  expect(await reads(acme)).toBe('acme');
});

test('a response has status 503 only when no root field could be resolved', async () => {
  const api = await startApi({ pool: 2, client: { waitMs: 300, lockTimeout: 2_000 } });
  const acme = await createOrganization(api, 'acme');
  const fresh = async () => await createApiToken(api, acme.owner, 'READ');
  const tokens = [await fresh(), await fresh()] as const;
  const codesOf = ({ status, data, errors }: ApiResponse) => [
    status,
    data,
    errors?.map(({ extensions }) => extensions.code),
  ];
  await whileLocked(api, acme, async () => {
    const stuck = create(api, acme, 'stuck');
    await until(async () => (await running(api)) === 1);
    const none = await tokens[0].query('{ categories { totalCount } }');
    const some = await tokens[1].query('{ __typename categories { totalCount } }');
    expect(codesOf(none)).toEqual([503, { categories: null }, ['UNAVAILABLE']]);
    expect(codesOf(some)).toEqual([200, { __typename: 'Query', categories: null }, ['UNAVAILABLE']]);
    expect([none, some].map(({ headers }) => headers.get('retry-after'))).toEqual(['1', null]);
    await stuck;
  });
});

test('a statement that takes too long fails with UNAVAILABLE, and so do the other fields of its transaction', async () => {
  const patient = await startApi();
  const acme = await createOrganization(patient, 'acme');
  const api = await startApi({ database: patient, client: { statementTimeout: 500, lockTimeout: 60_000 } });
  const { data, errors, status } = await api.root.begin(async (sql) => {
    await sql`lock table categories in access exclusive mode`;
    return await api.as(acme.owner.token).query('{ categories { totalCount } levels { totalCount } }');
  });
  expect([status, data]).toEqual([503, { categories: null, levels: null }]);
  expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['UNAVAILABLE', 'UNAVAILABLE']);
});

test('connections are renewed while requests are served', async () => {
  const api = await startApi({ pool: 4, client: { renewMs: 100 } });
  const acme = await createOrganization(api, 'acme');
  for (let round = 0; round < 5; round += 1)
    expect(new Set(await Promise.all(Array.from({ length: 10 }, () => reads(acme))))).toEqual(new Set(['acme']));
  expect(api.logged).toContainEqual({ level: 'info', message: 'database connection renewed' });
});

/** Number of the server's connections that run no statement and have no open transaction. */
const unused = async (api: Api): Promise<number> =>
  (
    await api.root`
      select from pg_stat_activity
      where datname = current_database() and application_name = 'ambit' and state = 'idle'`
  ).length;

test('unresponsive connections are closed together, and requests are served on new ones', async () => {
  const api = await startApi({ pool: 4, client: { statementTimeout: 2_000 } });
  const acme = await createOrganization(api, 'acme');
  const { hostname, port } = new URL(api.url);
  const sockets: Socket[] = [];
  api.hooks.dial = () => {
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    return socket;
  };
  const opened = (): Socket[] => sockets.filter(({ destroyed }) => !destroyed);
  await api.root`
    select pg_terminate_backend(pid, 5000) from pg_stat_activity
    where datname = current_database() and application_name = 'ambit'`;
  await until(async () => {
    await Promise.all([api.sql`select 1`, reads(acme), reads(acme), reads(acme)]).catch(() => undefined);
    return opened().length > 2;
  });
  // Otherwise a connection could be in use for its COMMIT. The query would then run on another one.
  await until(async () => {
    const isUnused = (await unused(api)) === opened().length;
    const { open, idle } = api.pool.state();
    return isUnused && idle === open && open + 1 === opened().length;
  });
  const paused = opened().map((socket) => ({ socket: socket.pause(), written: socket.bytesWritten }));
  // The query runs again on a new connection.
  expect(await reads(acme)).toBe('acme');
  expect(paused.filter(({ socket }) => !socket.destroyed)).toEqual([]);
  // The other connections were closed without a test of their own.
  expect(paused.filter(({ socket, written }) => socket.bytesWritten > written).length).toBe(1);
});

test('a transaction outside the pool, as for the signing keys, fails when its connection is unresponsive', async () => {
  const api = await startApi({ pool: 2, client: { statementTimeout: 500 } });
  const { hostname, port } = new URL(api.url);
  let socket: Socket | undefined;
  api.hooks.dial = () => {
    socket = connect(Number(port), hostname);
    return socket;
  };
  const transaction = api.pool.sql.begin(async (sql) => {
    socket?.pause();
    await sql`select 1`;
  });
  await expect(transaction).rejects.toThrow('CONNECTION_CLOSED');
});
