import postgres from 'postgres';
import { roleByKey } from '../../src/access/roles.ts';
import { newId, toPublicId } from '../../src/lib/ids.ts';
import { ambitOn, type Database, withDatabase } from '../harness/database.ts';
import type { Request } from '../harness/load.ts';
import { report } from '../harness/report.ts';
import { median, type Outcome, progress } from '../harness/rounds.ts';
import type { Organization } from '../harness/seed.ts';
import { type Server, start, startAmbit, stop } from '../harness/server.ts';
import { SECONDS } from '../harness/settings.ts';
import type { Abuse } from '../peers/abuse-generator.ts';
import { pointRequests } from './point.ts';

const HEAP = 700;
/** Connections for each kind of expensive document. */
const ABUSE_CONNECTIONS = 4;
const POINT_CONNECTIONS = 4;
/** The abuse takes this many times as long as the quiet measurement, because the memory must stay level. */
const ABUSE_ROUNDS = 6;

const PROBE = ['--expose-gc', '--import', './bench/peers/memory-probe.ts'];

const MEGABYTE = 1024 * 1024;
/** Milliseconds between two samples of the memory. */
const SAMPLE_EVERY = 200;

const ROLES = { roles: 300, policies: 50, patterns: 500 };

/** Adds roles with many long policies to an organization. */
async function addRoles({ url }: Database, { id }: Organization): Promise<void> {
  const sql = postgres(url, { max: 1 });
  const statements = [{ effect: 'ALLOW', permissions: Array(ROLES.patterns).fill('prompt_version:evaluate') }];
  const rows = (count: number, name: string) =>
    Array.from({ length: count }, (_, n) => ({ organization_id: id, id: newId(), name: `${name} ${n}` }));
  const [roles, policies] = [rows(ROLES.roles, 'Abuse role'), rows(ROLES.policies, 'Abuse policy')];
  await sql`insert into roles ${sql(roles)}`;
  await sql`insert into policies ${sql(policies.map((policy) => ({ ...policy, statements: sql.json(statements) })))}`;
  for (const role of roles)
    await sql`insert into role_policies ${sql(policies.map((policy) => ({ organization_id: id, role_id: role.id, policy_id: policy.id })))}`;
  await sql.end();
}

/** Samples the resident memory of a server until `end` is called, which returns it in megabytes. */
function watchMemory({ process: child }: Server) {
  const samples: number[] = [];
  const add = ({ rss }: { rss: number }): void => void samples.push(rss / MEGABYTE);
  const sample = (): void => void (child.connected && child.send('rss'));
  child.on('message', add);
  sample();
  const sampling = setInterval(sample, SAMPLE_EVERY);
  return {
    end() {
      clearInterval(sampling);
      child.off('message', add);
      const [first = Number.NaN] = samples;
      return { 'start MB': first, 'peak MB': Math.max(...samples), 'end MB': samples.at(-1) ?? first };
    },
  };
}

/** Sends point queries for a time. Returns their latencies in milliseconds, and the number of those that failed. */
async function sendPoints({ url }: Server, requests: Request[], seconds: number) {
  const latencies: number[] = [];
  let failed = 0;
  const end = performance.now() + seconds * 1_000;
  const sendAll = async (from: number): Promise<void> => {
    for (let n = from; performance.now() < end; n += POINT_CONNECTIONS) {
      const { headers, body } = requests[n % requests.length] as Request;
      const startedAt = performance.now();
      const text = await fetch(url, { method: 'POST', headers, body }).then(
        (response) => response.text(),
        () => '',
      );
      if (text.includes('"data":{"node":{"id"')) latencies.push(performance.now() - startedAt);
      else failed += 1;
    }
  };
  await Promise.all(Array.from({ length: POINT_CONNECTIONS }, (_, at) => sendAll(at)));
  return { latencies, failed };
}

async function measure(name: string, server: Server, requests: Request[], seconds: number): Promise<Outcome> {
  const memory = watchMemory(server);
  const { latencies, failed } = await sendPoints(server, requests, seconds);
  const details = { ...memory.end(), 'worst ms': Math.max(...latencies), requests: latencies.length, failed };
  const value = latencies.length > 0 ? median(latencies) : Number.POSITIVE_INFINITY;
  progress(`${name}: median ${value.toPrecision(3)} ms, ${JSON.stringify(details)}`);
  return { name, median: value, all: [value], details };
}

/** Starts the abuse in a separate process, and returns a function that ends it. */
function startAbuse(abuse: Abuse): () => Promise<void> {
  const child = start('bench/peers/abuse-generator.ts');
  child.send(abuse);
  return () => stop(child);
}

export const run = (): Promise<void> =>
  withDatabase(async (database) => {
    const contents = await database.create('bench', { organizations: 2 });
    const [attacker, other] = contents.organizations as [Organization, Organization];
    await addRoles(contents, attacker);
    const env = { ...ambitOn(contents), INTROSPECTION: 'public', LOG_LEVEL: 'error' };
    const server = await startAmbit(env, [`--max-old-space-size=${HEAP}`, ...PROBE]);
    const requests = pointRequests({ ...contents, organizations: [other] });
    await sendPoints(server, requests, SECONDS);
    const quiet = await measure('Ambit', server, requests, SECONDS);
    const roleId = toPublicId('rol', roleByKey('owner').id);
    const token = attacker.writeToken;
    const end = startAbuse({ url: server.url, token, roleId, connections: ABUSE_CONNECTIONS });
    const abused = await measure('Ambit under abuse', server, requests, SECONDS * ABUSE_ROUNDS);
    await end();
    const isAlive = server.process.exitCode === null && server.process.signalCode === null;
    const after = isAlive ? [await measure('Ambit afterwards', server, requests, SECONDS)] : [];
    process.stdout.write(`\nabuse: alive ${isAlive ? 'yes' : 'no'}\n`);
    if (isAlive) await server.stop();
    await report({
      workload: 'abuse',
      what: `median latency of node(id) in one organization, while ${4 * ABUSE_CONNECTIONS} connections send expensive documents to a server with ${HEAP} MB of heap; alive: ${isAlive ? 'yes' : 'no'}`,
      unit: 'ms',
      higherIsBetter: false,
      outcomes: [quiet, abused, ...after],
      targets: [{ of: 'Ambit afterwards', against: 'Ambit', atMost: 1.3 }],
      notes: ['The documents are in `bench/peers/abuse-generator.ts`.'],
    });
    if (!isAlive) throw new Error('the server has ended');
  });
