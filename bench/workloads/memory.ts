import { once } from 'node:events';
import { toPublicId } from '../../src/lib/ids.ts';
import { ambitOn, type Database, withDatabase } from '../harness/database.ts';
import { graphql, load, type Request } from '../harness/load.ts';
import { report } from '../harness/report.ts';
import { type Outcome, progress } from '../harness/rounds.ts';
import type { Organization } from '../harness/seed.ts';
import { type Server, startAmbit } from '../harness/server.ts';
import { SMALL } from './small.ts';

const { BENCH_REQUESTS = '100000' } = process.env;
const SAMPLES = 10;
const BETWEEN = Number(BENCH_REQUESTS) / SAMPLES;
const MEGABYTE = 1024 * 1024;

const PROBE = ['--expose-gc', '--import', './bench/peers/memory-probe.ts'];

/** Alternates new documents, which fill all caches of documents, with documents that are sent again and again. */
function requestOf({ readTokens, checkIds }: Organization, n: number, round: number): Request {
  const token = readTokens[n % readTokens.length] ?? '';
  const id = toPublicId('chk', checkIds[n % checkIds.length] ?? '');
  if (n % 10 === 0) return graphql(token, '{ checks(first: 10) { nodes { id name category { name } owner { id } } } }');
  if (n % 2 === 0) return graphql(token, SMALL);
  return graphql(token, `query New${round}_${n}($id: ID!) { node(id: $id) { ... on Check { id name enabled } } }`, {
    id,
  });
}

/** One request with each credential. */
const requestsOf = ({ organizations }: Database, round: number): Request[] =>
  organizations.flatMap((organization, at) =>
    organization.readTokens.map((_, n) => requestOf(organization, at * organization.readTokens.length + n, round)),
  );

async function sample({ process: child }: Server, after: number): Promise<Outcome> {
  child.send('memory');
  const [{ before, rss, heapUsed }] = await once(child, 'message');
  const [megabytes, details] = [rss / MEGABYTE, { 'heap MB': heapUsed / MEGABYTE, 'before gc MB': before / MEGABYTE }];
  progress(`after ${after}: ${Math.round(megabytes)} MB`);
  return { name: nameOf(after), median: megabytes, all: [megabytes], details };
}

const nameOf = (requests: number): string => `Ambit after ${requests.toLocaleString('en')}`;

export const run = (): Promise<void> =>
  withDatabase(async (database) => {
    const contents = await database.create('bench', { tokensPerMember: 5 });
    const server = await startAmbit(ambitOn(contents), PROBE);
    const outcomes = [await sample(server, 0)];
    for (let round = 1; round <= SAMPLES; round += 1) {
      await load({ url: server.url, requests: requestsOf(contents, round), amount: BETWEEN, dealt: true });
      outcomes.push(await sample(server, round * BETWEEN));
    }
    await server.stop();
    await report({
      workload: 'memory',
      what: 'resident memory after so many requests from 5,000 API tokens of 20 organizations, with 25,000 different documents',
      unit: 'MB',
      higherIsBetter: false,
      outcomes,
      targets: [{ of: nameOf(BETWEEN * SAMPLES), against: nameOf((BETWEEN * SAMPLES) / 2), atMost: 1.05 }],
      notes: ['Resident after a garbage collection; “before gc” as it was while serving.'],
    });
  });
