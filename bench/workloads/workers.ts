import { availableParallelism } from 'node:os';
import { ambitOn, type Database, withDatabase } from '../harness/database.ts';
import type { Request } from '../harness/load.ts';
import { race } from '../harness/race.ts';
import { report } from '../harness/report.ts';
import { startAmbit } from '../harness/server.ts';
import { listRequests } from './list.ts';
import { pointRequests } from './point.ts';

const WORKERS = [1, 2];

const REQUESTS: Record<string, (database: Database) => Request[]> = { list: listRequests, point: pointRequests };

const nameOf = (workers: number): string => `Ambit, WORKERS=${workers}`;

/** One and two server processes. Postgres and the load generator use the same processors. */
export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    for (const [name, requestsOf] of Object.entries(REQUESTS)) {
      const database = await server.create('bench', {});
      const sides = WORKERS.map((workers) => ({
        name: nameOf(workers),
        start: () => startAmbit({ ...ambitOn(database), WORKERS: String(workers) }),
        requests: requestsOf(database),
      }));
      await report({
        workload: `workers-${name}`,
        what: `${name} by number of server processes, on ${availableParallelism()} processors, 16 connections`,
        unit: 'requests/s',
        higherIsBetter: true,
        outcomes: await race(sides),
        targets: [],
      });
    }
  });
