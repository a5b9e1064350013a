import { DECIDE, decideSides } from '../decisions/decide-http.ts';
import type { Amounts } from '../harness/amounts.ts';
import { cpuPerRequest, hasSchedulerStatistics, postmasterOf } from '../harness/cpu.ts';
import { type Database, type Server, withDatabase } from '../harness/database.ts';
import { load } from '../harness/load.ts';
import { type Running, type Side, withServers } from '../harness/race.ts';
import { report } from '../harness/report.ts';
import { type Measured, median, type Outcome, roundsOf } from '../harness/rounds.ts';
import { CPU_REQUESTS, listed, OTHER } from '../harness/settings.ts';
import { listSides } from './list.ts';
import { resolverSides } from './list-resolvers.ts';
import { pointSides } from './point.ts';
import { smallSides } from './small.ts';
import { writeSides } from './write.ts';

interface Workload {
  amounts: Partial<Amounts>;
  sides(database: Database): Side[] | Promise<Side[]>;
}

const WORKLOADS: Record<string, Workload> = {
  list: { amounts: {}, sides: listSides },
  'list-resolvers': { amounts: {}, sides: resolverSides },
  point: { amounts: {}, sides: pointSides },
  small: { amounts: {}, sides: smallSides },
  write: { amounts: {}, sides: writeSides },
  'decide-http-1': { amounts: DECIDE, sides: (database) => decideSides(database, 1) },
  'decide-http-100': { amounts: DECIDE, sides: (database) => decideSides(database, 100) },
};

/** CPU time per request of the workloads in BENCH_CPU, of the contenders in BENCH_CONTENDERS. */
export async function run(): Promise<void> {
  if (!hasSchedulerStatistics())
    throw new Error('the workload cpu needs the scheduler statistics of Linux (/proc/PID/schedstat)');
  const names = listed('BENCH_CPU', Object.keys(WORKLOADS).join());
  const unknown = names.filter((name) => !Object.hasOwn(WORKLOADS, name));
  if (unknown.length > 0) throw new Error(`BENCH_CPU: no workload ${unknown}; there are ${Object.keys(WORKLOADS)}`);
  await withDatabase(async (server) => {
    const postmaster = await postmasterOf(server.sql);
    for (const name of names) await measure(name, await sidesOf(server, name), postmaster);
  });
}

/** Ambit, the other checkout with a database of its own, and the peers. */
async function sidesOf(server: Server, name: string): Promise<Side[]> {
  const { amounts, sides } = WORKLOADS[name] as Workload;
  const asked = listed('BENCH_CONTENDERS', '').map((one) => one.toLowerCase());
  const isAsked = (side: Side): boolean =>
    asked.length === 0 || asked.some((one) => side.name.toLowerCase().includes(one));
  const [own, ...peers] = await sides(await server.create('bench', amounts));
  const [other] = OTHER ? await sides(await server.create('bench_other', amounts, OTHER)) : [];
  return [own, other && { ...other, name: 'the other checkout' }, ...peers.filter(isAsked)].filter((side) => !!side);
}

async function measure(workload: string, sides: Side[], postmaster: number): Promise<void> {
  const rounds = await withServers(sides, (running) =>
    roundsOf(running.map((side) => ({ name: side.name, measure: () => perRequest(side, postmaster) }))),
  );
  await report({
    workload: `cpu-${workload}`,
    what: `CPU time per request of ${workload}, of the server and Postgres, in rounds of ${CPU_REQUESTS.toLocaleString('en')} requests`,
    unit: 'µs',
    higherIsBetter: false,
    outcomes: sides.map(({ name }, at) => outcomeOf(name, rounds[at] ?? [])),
    targets: [],
    notes: ['The first figure is the median of the sums of server and Postgres. "Best" is the lowest of all rounds.'],
  });
}

async function perRequest({ server, requests }: Running, postmaster: number): Promise<Measured> {
  const send = () => load({ url: server.url, requests, amount: CPU_REQUESTS });
  const { result, cpu } = await cpuPerRequest(server.process.pid ?? 0, postmaster, send);
  return { value: cpu.server + cpu.postgres, details: { ...cpu, 'requests/s': result.perSecond } };
}

function outcomeOf(name: string, rounds: Measured[]): Outcome {
  const all = rounds.map(({ value }) => value);
  const each = (key: string): number[] => rounds.map(({ details }) => details[key] ?? Number.NaN);
  const both = ['server', 'main', 'postgres'].flatMap((key) => [
    [`best ${key}`, Math.min(...each(key))],
    [key, median(each(key))],
  ]);
  const details = { best: Math.min(...all), ...Object.fromEntries(both), 'requests/s': median(each('requests/s')) };
  return { name, median: median(all), all, details };
}
