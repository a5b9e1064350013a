import postgres from 'postgres';
import { cpuPerRequest, postmasterOf } from '../harness/cpu.ts';
import { ambitOn, withDatabase } from '../harness/database.ts';
import { graphql, load, type Request, sendOne } from '../harness/load.ts';
import { report } from '../harness/report.ts';
import { inTurn, type Measured } from '../harness/rounds.ts';
import type { Organization } from '../harness/seed.ts';
import { startAmbit } from '../harness/server.ts';

const CREATE = `mutation ($input: CreateIntegrationInput!) {
  createIntegration(input: $input) { url errors { message } }
}`;

/** A payload of about 1 KB, such as the report of a test run. */
const payload = (number: number): string =>
  JSON.stringify({
    service: `service-${number}`,
    report: { passed: 120, failed: number % 3, suites: ['unit', 'contract', 'end to end'] },
    log: 'x'.repeat(900),
  });

export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    const database = await server.create('bench_events', { checks: 0 });
    // Processes of the role `worker` process the events.
    const ambit = await startAmbit({ ...ambitOn(database), ROLE: 'api', LOG_LEVEL: 'error' });
    const root = postgres(database.url, { max: 1, onnotice: () => undefined });
    const paths = await Promise.all(database.organizations.map(async (each) => await createIntegration(ambit, each)));
    const requestsOf = (count: number): Request[] =>
      Array.from({ length: 200 }, (_, at) => ({
        method: 'POST',
        path: paths[at % count] ?? '',
        headers: { 'content-type': 'application/json' },
        body: payload(at),
      }));
    const postmaster = await postmasterOf(root);
    const accept = (requests: Request[]) => async (): Promise<Measured> => {
      const send = () => load({ url: ambit.url, requests });
      const { result, cpu } = await cpuPerRequest(ambit.process.pid ?? 0, postmaster, send);
      // Otherwise the queue would be full after some rounds.
      await root`truncate integration_events`;
      const { perSecond: value, p50, p99 } = result;
      return { value, details: { 'p50 ms': p50, 'p99 ms': p99, 'server µs': cpu.server, 'postgres µs': cpu.postgres } };
    };
    const outcomes = await inTurn([
      { name: 'one integration', measure: accept(requestsOf(1)) },
      { name: '20 organizations', measure: accept(requestsOf(20)) },
    ]);
    await ambit.stop();
    await root.end();
    await report({
      workload: 'events',
      what: 'events of 1 KB that are accepted, each stored before its response, 16 connections',
      unit: 'events/s',
      higherIsBetter: true,
      outcomes,
      targets: [
        { of: 'one integration', atLeast: 1_000 },
        { of: '20 organizations', atLeast: 1_000 },
      ],
    });
  });

/** Returns the path of the new integration. */
async function createIntegration(ambit: { url: string }, { writeToken }: Organization): Promise<string> {
  const request = graphql(writeToken, CREATE, { input: { name: 'Events', type: 'CUSTOM_EVENT' } });
  const answer = (await sendOne(ambit, request)) as { data: { createIntegration: { url: string } } };
  return new URL(answer.data.createIntegration.url).pathname;
}
