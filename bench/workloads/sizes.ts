import { cpuPerRequest, hasSchedulerStatistics, postmasterOf } from '../harness/cpu.ts';
import { type Database, withDatabase } from '../harness/database.ts';
import { graphql, type Loaded, load, type Request, sendOne } from '../harness/load.ts';
import { ambit, type Running, type Side, withServers } from '../harness/race.ts';
import { report } from '../harness/report.ts';
import { inTurn, type Measured } from '../harness/rounds.ts';
import type { Server } from '../harness/server.ts';
import { SECONDS } from '../harness/settings.ts';
import { LIST } from './list.ts';

/** Checks of each organization, and the sizes of the pages that are read from it. */
const SIZES: [checks: number, pages: number[]][] = [
  [10, [10]],
  [1_000, [1, 10, 50, 500]],
  [100_000, [10]],
];

/** Organizations that get requests. */
const ASKED = 2;

const pageRequests = ({ organizations }: Database, first: number): Request[] =>
  organizations.map(({ readTokens }) => graphql(readTokens[0] ?? '', LIST.replace('first: 50', `first: ${first}`)));

const nameOf = (checks: number, page: number): string =>
  `Ambit, ${page.toLocaleString('en')} of ${checks.toLocaleString('en')}`;

function sideOf(database: Database, checks: number, page: number): Side {
  const requests = pageRequests(database, page);
  const verify = async (server: Server): Promise<void> => {
    const answer = (await sendOne(server, requests[0] as Request)) as { data: { checks: { nodes: unknown[] } } };
    const { length } = answer.data.checks.nodes;
    if (length !== page) throw new Error(`${nameOf(checks, page)} returns ${length} checks`);
  };
  return { ...ambit(database, requests, nameOf(checks, page)), verify };
}

/** Latency of one connection, and CPU time per request. */
export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    const postmaster = hasSchedulerStatistics() ? await postmasterOf(server.sql) : null;
    const sides: Side[] = [];
    for (const [checks, pages] of SIZES) {
      const database = await server.create(`bench_sizes_${checks}`, { organizations: ASKED, checks });
      for (const page of pages) sides.push(sideOf(database, checks, page));
    }
    const outcomes = await withServers(sides, (running) =>
      inTurn(running.map((side) => ({ name: side.name, measure: () => measure(side, postmaster) }))),
    );
    await report({
      workload: 'sizes',
      what: 'mean latency of the workload list by size of the page and of the organization, one connection; CPU time per request in µs',
      unit: 'ms',
      higherIsBetter: false,
      outcomes,
      targets: [],
    });
  });

async function measure({ server, requests }: Running, postmaster: number | null): Promise<Measured> {
  const send = () => load({ url: server.url, requests, connections: 1, seconds: SECONDS });
  const latencyOf = ({ perSecond }: Loaded): number => 1000 / perSecond;
  if (postmaster === null) return { value: latencyOf(await send()), details: {} };
  const { result, cpu } = await cpuPerRequest(server.process.pid ?? 0, postmaster, send);
  return { value: latencyOf(result), details: { 'server µs': cpu.server, 'postgres µs': cpu.postgres } };
}
