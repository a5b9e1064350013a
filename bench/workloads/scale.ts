import { mkdir, writeFile } from 'node:fs/promises';
import postgres from 'postgres';
import { type Cluster, openCluster } from '../harness/cluster.ts';
import { startCounter } from '../harness/counter.ts';
import type { Database } from '../harness/database.ts';
import { type Group, grid } from '../harness/grid.ts';
import { json } from '../harness/json.ts';
import { addPeople, newInvitations, type Operation, operationsOn, UNLIMITED } from '../harness/operations.ts';
import { median, progress } from '../harness/rounds.ts';
import { type Server, startAmbit } from '../harness/server.ts';
import { listed, POOL } from '../harness/settings.ts';
import { shardGroupsOf, type Traffic, trafficOf } from '../harness/traffic.ts';

/** Organizations that get requests, in all databases. */
const ASKED = 10;
/** Small, because they only make the tables larger. */
const OTHERS_SIZE = { checks: 2, members: 1 };
const REQUESTS = 30;
const WARM_UP = 12;

/** Number of organizations, in plain PostgreSQL and in a cluster of `WORKERS` workers. */
const SIZES = listed('BENCH_SCALE_ORGANIZATIONS', '10,1000,20000').map(Number);
const WORKERS = 2;
/** Other numbers of workers, with `SIZE` organizations. */
const OTHER_WORKERS = listed('BENCH_SCALE_WORKERS', '0,1,4').map(Number);
const SIZE = SIZES[Math.min(1, SIZES.length - 1)] ?? ASKED;

/** A database with its number of organizations and workers. Plain PostgreSQL has null workers. */
interface Engine {
  organizations: number;
  workers: number | null;
}

interface Running extends Engine {
  database: Database;
  operations: Operation[];
}

interface Measured extends Engine {
  traffic: Traffic[];
  /** Latencies of each operation in milliseconds. */
  latencies: number[][];
}

const HINT = `set BENCH_CITUS to the URL of the coordinator of a Citus cluster, for a superuser, such as
postgres://postgres@localhost:5432/postgres. The nodes must know each other under addresses that also work here.`;

export async function run(): Promise<void> {
  const { BENCH_CITUS: url } = process.env;
  if (!url) throw new Error(HINT);
  const cluster = await openCluster(url);
  try {
    const engines = enginesOf(cluster);
    const running: Running[] = [];
    for (const engine of engines) running.push(await create(cluster, engine));
    const traffic: Traffic[][] = [];
    for (const one of running) traffic.push(await countAll(one));
    const latencies = await timeAll(running);
    const names = running[0]?.operations.map(({ name }) => name) ?? [];
    await show(
      cluster.versions,
      names,
      engines.map((engine, at) => ({ ...engine, traffic: traffic[at] ?? [], latencies: latencies[at] ?? [] })),
    );
  } finally {
    await cluster.end();
  }
}

function enginesOf(cluster: Cluster): Engine[] {
  const all = [
    ...SIZES.map((organizations) => ({ organizations, workers: null })),
    ...SIZES.map((organizations) => ({ organizations, workers: WORKERS })),
    ...OTHER_WORKERS.map((workers) => ({ organizations: SIZE, workers })),
  ];
  const tooMany = all.filter(({ workers }) => (workers ?? 0) > cluster.workers);
  for (const { workers } of tooMany)
    progress(`skipped: ${workers} workers, because the cluster has ${cluster.workers}`);
  return all.filter((engine) => !tooMany.includes(engine));
}

async function create(cluster: Cluster, engine: Engine): Promise<Running> {
  const { organizations, workers } = engine;
  const invitations = newInvitations(ASKED);
  const database = await cluster.create(`bench_scale_${workers ?? 'plain'}_${organizations}`, {
    amounts: { organizations: ASKED, others: organizations - ASKED, othersSize: OTHERS_SIZE },
    workers,
    prepare: (sql, { organizations: all }) => addPeople(sql, all, invitations),
  });
  return { ...engine, database, operations: operationsOn(database, invitations) };
}

const start = ({ database }: Running, url = database.url, pool = POOL): Promise<Server> =>
  startAmbit({
    DATABASE_URL: url,
    MIGRATION_DATABASE_URL: database.url,
    DATABASE_POOL: String(pool),
    LOG_LEVEL: 'warn',
    ...UNLIMITED,
  });

/** Counts the traffic of all operations, on few connections, which soon have all statements prepared. */
async function countAll(running: Running): Promise<Traffic[]> {
  const { database, operations, workers } = running;
  const sql = postgres(database.url, { max: 1, onnotice: () => undefined });
  const groups = workers === null ? new Map() : await shardGroupsOf(sql);
  await sql.end();
  const counter = await startCounter(database.url, workers !== null);
  const server = await start(running, counter.url(database.url), 2);
  try {
    const all: Traffic[] = [];
    for (const { open } of operations) all.push(await trafficOf(await open(server), server, counter, groups));
    progress(`counted: ${nameOf(running)}`);
    return all;
  } finally {
    await server.stop();
    counter.stop();
  }
}

/** Latencies of each engine and operation. The engines get each request in turn, so a disturbance affects all of them. */
async function timeAll(running: Running[]): Promise<number[][][]> {
  const servers: Server[] = [];
  try {
    for (const one of running) servers.push(await start(one));
    const latencies: number[][][] = running.map(() => []);
    for (const at of running[0]?.operations.keys() ?? []) {
      const timed = await timeInTurn(running, servers, at);
      for (const [engine, all] of timed.entries()) latencies[engine]?.push(all);
      progress(`timed: ${running[0]?.operations[at]?.name}`);
    }
    return latencies;
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

async function timeInTurn(running: Running[], servers: Server[], at: number): Promise<number[][]> {
  const sides = [];
  for (const [n, { operations }] of running.entries()) {
    const server = servers[n] as Server;
    sides.push({ server, send: await (operations[at] as Operation).open(server), all: [] as number[] });
  }
  for (let n = 0; n < WARM_UP + REQUESTS; n += 1)
    for (const { server, send, all } of sides) {
      const from = performance.now();
      await send(server);
      if (n >= WARM_UP) all.push(performance.now() - from);
    }
  return sides.map(({ all }) => all);
}

const many = (count: number, what: string): string => `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;

const nameOf = ({ workers, organizations }: Engine): string =>
  `${workers === null ? 'PostgreSQL' : `Citus with ${many(workers, 'worker')}`}, ${many(organizations, 'organization')}`;

const KEYS: (keyof Traffic)[] = ['statements', 'round trips', 'worker commands', 'shard groups', 'workers'];

async function show(versions: string, names: string[], engines: Measured[]): Promise<void> {
  const text = [
    `scale: what one request needs, with ${many(SIZE, 'organization')} (${versions})`,
    trafficGrid(names, engines),
    '',
    `scale: median latency in ms of ${REQUESTS} requests, which all databases get in turn`,
    latencyGrid(names, engines),
  ].join('\n');
  process.stdout.write(`\n${text}\n\n`);
  const results = new URL('../results/', import.meta.url);
  await mkdir(results, { recursive: true });
  const outcomes = engines.map(({ traffic, latencies, ...engine }) => ({
    name: nameOf(engine as Engine),
    operations: names.map((name, at) => ({ name, ...traffic[at], 'p50 ms': median(latencies[at] ?? []) })),
  }));
  await writeFile(new URL('scale.json', results), json({ workload: 'scale', versions, outcomes }));
}

/** The traffic in the databases of one size, and whether it is the same in the other ones. */
function trafficGrid(names: string[], engines: Measured[]): string {
  const main = engines.filter(
    ({ organizations, workers }) => organizations === SIZE && [null, 0, WORKERS].includes(workers),
  );
  const keysOf = ({ workers }: Engine): (keyof Traffic)[] => (workers === null ? KEYS.slice(0, 2) : KEYS);
  const groups: Group[] = main.map((engine) => ({
    title: engine.workers === null ? 'PostgreSQL' : `Citus, ${many(engine.workers, 'worker')}`,
    columns: keysOf(engine),
  }));
  const rows = names.map((name, at) => ({
    name,
    cells: main.map((engine) => keysOf(engine).map((key) => engine.traffic[at]?.[key] ?? Number.NaN)),
    note: changeOf(engines, at),
  }));
  return grid(groups, rows, { text: String });
}

/**
 * Whether the traffic is the same with other numbers of organizations and workers. With one worker, all shards are on the
 * same one.
 */
function changeOf(engines: Measured[], at: number): string {
  const plain = engines.filter(({ workers }) => workers === null);
  const cluster = engines.filter(({ workers }) => workers !== null && workers > 0);
  const changes = [plain, cluster].flatMap(([first, ...others]) =>
    others.flatMap((other) => {
      const differs = (key: keyof Traffic): boolean =>
        other.traffic[at]?.[key] !== first?.traffic[at]?.[key] && !(key === 'workers' && other.workers === 1);
      return KEYS.filter(differs).map((key) => `${other.traffic[at]?.[key]} ${key} in ${nameOf(other)}`);
    }),
  );
  return changes.length === 0 ? 'the same in all' : changes.join('; ');
}

function latencyGrid(names: string[], engines: Measured[]): string {
  const families = [
    { title: 'PostgreSQL', of: engines.filter(({ workers }) => workers === null) },
    { title: `Citus, ${many(WORKERS, 'worker')}`, of: engines.filter(({ workers }) => workers === WORKERS) },
  ].map(({ title, of }) => ({
    title: `${title}, organizations`,
    of,
    columns: of.map((one) => one.organizations.toLocaleString('en')),
  }));
  const byWorkers = engines
    .filter(({ workers, organizations }) => workers !== null && organizations === SIZE)
    .toSorted((a, b) => (a.workers ?? 0) - (b.workers ?? 0));
  const groups = [
    ...families,
    { title: `Citus, workers`, of: byWorkers, columns: byWorkers.map(({ workers }) => String(workers)) },
  ];
  const rows = names.map((name, at) => ({
    name,
    cells: groups.map(({ of }) => of.map(({ latencies }) => median(latencies[at] ?? []))),
  }));
  return grid(groups, rows, { bars: true });
}
