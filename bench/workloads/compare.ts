import { type Database, withDatabase } from '../harness/database.ts';
import type { Request } from '../harness/load.ts';
import { ambit, race } from '../harness/race.ts';
import { median } from '../harness/rounds.ts';
import { OTHER } from '../harness/settings.ts';
import { listRequests } from './list.ts';
import { pointRequests } from './point.ts';
import { smallRequests } from './small.ts';
import { writeRequests } from './write.ts';

const REQUESTS: Record<string, (database: Database) => Request[]> = {
  list: listRequests,
  point: pointRequests,
  small: smallRequests,
  write: writeRequests,
};

/** Compares this checkout with the one in BENCH_OTHER. Prints the ratio of each round and their median. */
export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    if (!OTHER) throw new Error('set BENCH_OTHER to the folder of another checkout, with its packages installed');
    for (const [name, requestsOf] of Object.entries(REQUESTS)) {
      const database = await server.create('bench', {});
      const others = await server.create('bench_other', {}, OTHER);
      const [own, other] = await race([
        ambit(database, requestsOf(database), 'this checkout'),
        ambit(others, requestsOf(others), 'the other checkout'),
      ]);
      const ratios = (own?.all ?? []).map((value, at) => value / (other?.all[at] ?? Number.NaN));
      const shown = ratios.map((ratio) => ratio.toFixed(2)).join(' ');
      process.stdout.write(`${name}: ${median(ratios).toFixed(2)} × the other checkout (${shown})\n`);
    }
  });
