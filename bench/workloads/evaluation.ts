import postgres from 'postgres';
import { connect } from '../../src/db/client.ts';
import { toPublicId } from '../../src/lib/ids.ts';
import { cpuPerRequest, postmasterOf } from '../harness/cpu.ts';
import { ambitOn, type Database, withDatabase } from '../harness/database.ts';
import { evaluateAll } from '../harness/evaluate.ts';
import { graphql, type Request, sendOne } from '../harness/load.ts';
import { report } from '../harness/report.ts';
import { type Contender, inTurn, median, type Outcome } from '../harness/rounds.ts';
import type { Organization } from '../harness/seed.ts';
import { type Server, startAmbit } from '../harness/server.ts';
import { CHECKS, fillServices, SERVICES } from '../harness/services.ts';
import { LIST } from './list.ts';

const WHAT = `an organization of ${SERVICES.toLocaleString('en')} services and ${CHECKS} checks with 20 filters`;
/** Requests of one round. */
const REQUESTS = 30;

export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    const database = await server.create('bench_evaluation', { organizations: 2, members: 10, checks: 1_000 });
    const [large, other] = database.organizations as [Organization, Organization];
    const root = postgres(database.url, { max: 1, onnotice: () => undefined });
    // Disables triggers and foreign keys, as in `seed.ts`.
    await root`set session_replication_role = replica`;
    await fillServices(root, large);
    const postmaster = await postmasterOf(root);
    const pool = connect({ url: database.runtimeUrl, pool: 1, statementTimeout: 60_000 });
    const evaluate = (checkIds?: string[]) => cpuOf(postmaster, () => evaluateAll(pool, large, checkIds));
    const first = await evaluate();
    await root`vacuum (analyze)`;
    const rows = (await root`select count(*)::int as results from check_results`)[0]?.['results'] as number;
    const checks = await root`select id from checks where organization_id = ${large.id} limit 1`;
    const again = await inTurn([
      { name: 'again, without changes', measure: () => evaluate() },
      { name: 'one of the checks', measure: () => evaluate([checks[0]?.['id']]) },
    ]);
    await pool.end();
    await reportFull(
      [{ name: 'first, all results are new', median: first, all: [first], details: {} }, ...again],
      rows,
    );
    const services =
      await root`select id from services where organization_id = ${large.id} order by name limit ${REQUESTS}`;
    const ids = services.map(({ id }) => toPublicId('svc', id));
    await root.end();
    await measureRequests(database, large, other, ids);
  });

/** Seconds on a processor of this process and of Postgres, which is one of its child processes. */
async function cpuOf(postmaster: number, work: () => Promise<void>): Promise<number> {
  const { cpu } = await cpuPerRequest(process.pid, postmaster, async () => {
    await work();
    return { requests: 1 };
  });
  return cpu.server / 1_000_000;
}

async function reportFull(outcomes: Outcome[], results: number): Promise<void> {
  await report({
    workload: 'evaluation',
    what: `processor time of Node and Postgres for the evaluation of ${WHAT}`,
    unit: 's',
    higherIsBetter: false,
    outcomes,
    targets: [{ of: 'again, without changes', atMost: 10 }],
    notes: [
      `The checks apply to ${results.toLocaleString('en')} pairs of service and check, each with a result. The first evaluation inserts all of them.`,
    ],
  });
}

const SERVICE_LIST = `{ services(first: 50) { nodes {
  id name level { id name index } tier { id name } owner { id name }
} } }`;
const UPDATE = `mutation ($input: UpdateServiceInput!) { updateService(input: $input) { service { level { id } } errors { message } } }`;
const REPORT = `{ servicesReport {
  overall { services levels { level { id } services } } categories { category { id } levels { level { id } services } }
  teams(first: 50) { team { id } levels { level { id } services } } tiers { tier { id } levels { level { id } services } }
} }`;
const MATURITY = `query ($id: ID!) { service(id: $id) { maturityReport {
  level { id } nextLevel { id } missing { id } levels { passed failed pending } categories { category { id } level { id } }
} } }`;

async function measureRequests(
  database: Database,
  { readTokens, writeToken }: Organization,
  other: Organization,
  ids: string[],
): Promise<void> {
  const ambit = await startAmbit({ ...ambitOn(database), LOG_LEVEL: 'error' });
  const token = readTokens[0] ?? '';
  let change = 0;
  const update = (at: number): Request => {
    change += 1;
    const language = change % 2 === 0 ? 'Go' : 'Rust';
    return graphql(writeToken, UPDATE, {
      input: { service: { id: ids[at] }, language, addTags: [{ key: `t${change}`, value: 'a' }] },
    });
  };
  const outcomes = await inTurn([
    latency(ambit, 'a change of one service', update),
    latency(ambit, 'services(first: 50) with level', () => graphql(token, SERVICE_LIST)),
    latency(ambit, 'list: 50 of 1,000 checks', () => graphql(other.readTokens[0] ?? '', LIST)),
    latency(ambit, 'servicesReport', () => graphql(token, REPORT)),
    latency(ambit, 'maturityReport of one service', (at) => graphql(token, MATURITY, { id: ids[at] })),
  ]);
  await ambit.stop();
  await report({
    workload: 'evaluation-requests',
    what: `median latency of ${REQUESTS} requests, one after the other, in ${WHAT}`,
    unit: 'ms',
    higherIsBetter: false,
    outcomes,
    targets: [
      { of: 'a change of one service', atMost: 20 },
      { of: 'services(first: 50) with level', against: 'list: 50 of 1,000 checks', atMost: 2 },
      { of: 'servicesReport', atMost: 200 },
    ],
  });
}

/** The median of the requests of a round. */
const latency = (ambit: Server, name: string, request: (at: number) => Request): Contender => ({
  name,
  async measure() {
    const times: number[] = [];
    for (let at = 0; at < REQUESTS; at += 1) {
      const from = performance.now();
      await sendOne(ambit, request(at));
      times.push(performance.now() - from);
    }
    return median(times);
  },
});
