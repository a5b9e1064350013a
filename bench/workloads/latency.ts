import postgres from 'postgres';
import { type Database, withDatabase } from '../harness/database.ts';
import { load } from '../harness/load.ts';
import { startProxy } from '../harness/proxy.ts';
import { type Running, type Side, withServers } from '../harness/race.ts';
import { sendAtRate } from '../harness/rate.ts';
import { report } from '../harness/report.ts';
import { type Contender, inTurn, median, progress } from '../harness/rounds.ts';
import { SECONDS } from '../harness/settings.ts';
import { pointSides } from './point.ts';

/** Milliseconds for each direction between server and database. */
const DELAY = 0.5;

/** Ambit and Mercurius. */
const sidesOf = (database: Database, where: string): Side[] =>
  pointSides(database)
    .slice(0, 2)
    .map((side) => ({ ...side, name: `${side.name.replace(', no enforcement', '')}, ${where}` }));

/** Latencies at half of the rate that saturates the server, with the database on this machine and in a network. */
export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    const database = await server.create('bench', {});
    const proxy = await startProxy(database.url, DELAY);
    try {
      const distant = { ...database, url: proxy.url(database.url), runtimeUrl: proxy.url(database.runtimeUrl) };
      const roundTrips = [await roundTrip(database), await roundTrip(distant)].map((one) => one.toFixed(2));
      const outcomes = await withServers(
        [...sidesOf(database, 'loopback'), ...sidesOf(distant, '1 ms network')],
        async (running) => {
          const contenders: Contender[] = [];
          for (const side of running) contenders.push(await atHalfRate(side));
          return await inTurn(contenders);
        },
      );
      await report({
        workload: 'latency',
        what: 'median latency of point at half of the requests per second that saturate the server',
        unit: 'ms',
        higherIsBetter: false,
        outcomes,
        targets: [],
        notes: [
          `A round trip of select 1 takes ${roundTrips[0]} ms, and ${roundTrips[1]} ms through the proxy, which delays each direction by ${DELAY} ms.`,
          'Requests are sent at a constant rate, whether or not earlier ones have a response.',
        ],
      });
    } finally {
      await proxy.stop();
    }
  });

/** Finds the rate with 16 connections, after a warm-up. */
async function atHalfRate({ name, server: { url }, requests }: Running): Promise<Contender> {
  await load({ url, requests });
  const perSecond = (await load({ url, requests })).perSecond / 2;
  progress(`${name}: half of the rate is ${Math.round(perSecond)} requests/s`);
  return {
    name,
    async measure() {
      const { p50, p99 } = await sendAtRate({ url, requests, perSecond, seconds: SECONDS });
      return { value: p50, details: { 'p99 ms': p99, 'requests/s': perSecond } };
    },
  };
}

/** Milliseconds of the shortest query. */
async function roundTrip({ url }: Database): Promise<number> {
  const sql = postgres(url, { max: 1 });
  const times: number[] = [];
  for (let time = 0; time < 200; time += 1) {
    const from = performance.now();
    await sql`select 1`;
    times.push(performance.now() - from);
  }
  await sql.end();
  return median(times);
}
