import type { Sql } from 'postgres';
import type { Counted, Counter } from './counter.ts';
import type { Send } from './operations.ts';
import { median } from './rounds.ts';
import type { Server } from './server.ts';

/** What one request needs. */
export interface Traffic {
  /** Statements that the server sends to the database or to the coordinator. */
  statements: number;
  /** How many times the server waits for the database. */
  'round trips': number;
  /** Commands that the coordinator sends to workers. It waits for each. */
  'worker commands': number;
  /** Groups of shards with rows of organizations. One group has all rows of an organization. */
  'shard groups': number;
  /** Workers that get commands, except the end of an earlier transaction. */
  workers: number;
}

/** The group of each shard of a tenant table. */
export type ShardGroups = ReadonlyMap<string, string>;

const REQUESTS = 7;
/** Enough to prepare all statements, and to have all organizations in the caches of the server. */
const WARM_UP = 14;

export async function shardGroupsOf(sql: Sql): Promise<ShardGroups> {
  const rows = await sql`
    select shardid as id, shardminvalue as group from pg_dist_shard
    join pg_dist_partition using (logicalrelid) where partmethod = 'h'`;
  return new Map(rows.map(({ id, group }) => [String(id), group]));
}

/** Counts the traffic of an operation, one request at a time. */
export async function trafficOf(
  send: Send,
  server: Pick<Server, 'url'>,
  counter: Counter,
  groups: ShardGroups,
): Promise<Traffic> {
  for (let n = 0; n < WARM_UP; n += 1) await send(server);
  await counter.settle();
  const all: Traffic[] = [];
  for (let n = 0; n < REQUESTS; n += 1) {
    counter.take();
    await send(server);
    await counter.settle();
    all.push(summaryOf(counter.take(), groups));
  }
  const usual = (key: keyof Traffic): number => median(all.map((one) => one[key]));
  const most = (key: keyof Traffic): number => Math.max(...all.map((one) => one[key]));
  return {
    statements: usual('statements'),
    'round trips': usual('round trips'),
    'worker commands': usual('worker commands'),
    'shard groups': most('shard groups'),
    workers: most('workers'),
  };
}

function summaryOf({ statements, roundTrips, commands }: Counted, groups: ShardGroups): Traffic {
  const remote = commands.flatMap(({ server }) => server ?? []);
  const shards = commands.flatMap(({ text }) => [...text.matchAll(/_(\d+)\b/g)].map(([, id]) => id ?? ''));
  return {
    statements,
    'round trips': roundTrips,
    'worker commands': remote.length,
    'shard groups': new Set(shards.flatMap((id) => groups.get(id) ?? [])).size,
    workers: new Set(commands.flatMap(({ text, server }) => (text === 'COMMIT' ? [] : (server ?? [])))).size,
  };
}
