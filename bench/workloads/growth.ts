import type { Amounts } from '../harness/amounts.ts';
import { type Database, type Server, withDatabase } from '../harness/database.ts';
import type { Request } from '../harness/load.ts';
import { ambit, race } from '../harness/race.ts';
import { report } from '../harness/report.ts';
import type { Outcome } from '../harness/rounds.ts';
import { CONNECTIONS, listed } from '../harness/settings.ts';
import { listRequests } from './list.ts';
import { pointRequests } from './point.ts';

/** Number of organizations that get requests, in all databases. */
const ASKED = 10;

interface Sizes {
  sizes: number[];
  amounts(size: number): Partial<Amounts>;
  /** How many times as long a response may take with the largest size. */
  atMost: number;
}

const SIZES: Record<string, Sizes> = {
  organizations: { sizes: [10, 1_000, 20_000], amounts: (size) => ({ others: size - ASKED }), atMost: 1.05 },
  roles: { sizes: [1, 100, 10_000], amounts: (roles) => ({ roles }), atMost: 1.3 },
};

const ASKING: Record<string, (database: Database) => Request[]> = { list: listRequests, point: pointRequests };

export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    for (const what of listed('BENCH_GROWTH', Object.keys(SIZES).join())) await growthOf(server, what);
  });

async function growthOf(server: Server, what: string): Promise<void> {
  const { sizes, amounts, atMost } = SIZES[what] as Sizes;
  const databases: Database[] = [];
  for (const size of sizes)
    databases.push(await server.create(`bench_${what}_${size}`, { organizations: ASKED, ...amounts(size) }));
  const nameOf = (size = 0): string => `Ambit, ${size.toLocaleString('en')} ${size === 1 ? 'role' : what}`;
  for (const [asking, requestsOf] of Object.entries(ASKING)) {
    const sides = databases.map((database, at) => ambit(database, requestsOf(database), nameOf(sizes[at])));
    await report({
      workload: `growth-${asking}-${what}`,
      what: `${asking}, with so many ${what}${what === 'roles' ? ' in each of ten organizations' : ''}, 16 connections`,
      unit: 'ms',
      higherIsBetter: false,
      outcomes: (await race(sides)).map(inMilliseconds),
      targets: [{ of: nameOf(sizes.at(-1)), against: nameOf(sizes[0]), atMost }],
    });
  }
}

/** Converts requests per second to latency, which is possible because the number of connections is fixed. */
function inMilliseconds({ all, median, ...rest }: Outcome): Outcome {
  const latency = (perSecond: number): number => (CONNECTIONS * 1000) / perSecond;
  return { ...rest, median: latency(median), all: all.map(latency) };
}
