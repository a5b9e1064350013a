import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import type { Sql } from 'postgres';
import { newId } from '../../src/lib/ids.ts';
import type { TestDatabase } from './database.ts';
import { recordWire, type SentStatement } from './wire.ts';

/** Statements that may use the shards of several organizations, by what they are for. */
export const OF_SEVERAL_ORGANIZATIONS: Record<string, RegExp> = {
  'the memberships of a person': /\bambit\.find_memberships\(/,
};

const mayUseSeveral = (text: string): boolean =>
  Object.values(OF_SEVERAL_ORGANIZATIONS).some((pattern) => pattern.test(text));

/**
 * The shards of a database by their number. Shards of tenant tables that hold the same organizations are one group.
 * Tables of the instance have one shard, on the coordinator.
 */
export type ShardGroups = ReadonlyMap<string, string>;

/** The group of the shard of each table of the instance. */
export const INSTANCE = 'instance';

export async function shardGroups(root: Sql): Promise<ShardGroups> {
  const rows = await root<{ shard: string; method: string; tenants: string; least: string }[]>`
    select s.shardid::text as shard, p.partmethod as method, p.colocationid::text as tenants, s.shardminvalue as least
    from pg_dist_shard s join pg_dist_partition p on p.logicalrelid = s.logicalrelid`;
  return new Map(
    rows.map(({ shard, method, tenants, least }) => [shard, method === 'h' ? `${tenants} from ${least}` : INSTANCE]),
  );
}

/** With `citus.log_remote_commands` and `citus.log_local_commands`, Citus reports what it executes on shards. */
const COMMAND = /^(?:issuing|executing the command locally:) /;

/** The groups of tenant shards on which this statement ran, also the statements in the functions that it calls. */
export function tenantGroupsOf({ notices }: Pick<SentStatement, 'notices'>, groups: ShardGroups): Set<string> {
  const numbers = notices
    .filter((notice) => COMMAND.test(notice))
    .flatMap((notice) => [...notice.matchAll(/_(\d{6,})\b/g)].map(([, number = '']) => number));
  const found = new Set(numbers.flatMap((number) => groups.get(number) ?? []));
  found.delete(INSTANCE);
  return found;
}

/** A line for each statement that used the shards of several organizations although it may not. */
export function statementsOfSeveral(sent: readonly SentStatement[], groups: ShardGroups): string[] {
  const found = sent.filter(
    (statement) => !mayUseSeveral(statement.text) && tenantGroupsOf(statement, groups).size > 1,
  );
  return [...new Set(found.map(({ text }) => text))];
}

export interface WatchedShards {
  /** Opens a connection whose statements are recorded. */
  dial: () => Socket;
  /** Records what is sent while this handler executes a request. Other statements are the test's own. */
  wrap(handler: RequestListener): RequestListener;
  /** The statements that used the shards of several organizations although they may not. */
  ofSeveral(): Promise<string[]>;
}

/** Records which shards the statements of a server use. */
export function watchShards({ url, root }: TestDatabase): WatchedShards {
  let requests = 0;
  const { dial, sent } = recordWire(url, () => requests > 0);
  return {
    dial,
    wrap: (handler) => (request, response) => {
      requests += 1;
      response.once('close', () => {
        requests -= 1;
      });
      handler(request, response);
    },
    ofSeveral: async () => statementsOfSeveral(sent, await shardGroups(root)),
  };
}

/** The numbers of shards that a statement asks, one for each part that Citus plans by itself, by EXPLAIN. */
export async function explainTasks(
  sql: Sql,
  { organization, person }: { organization: string; person: string },
  { text, params }: Pick<SentStatement, 'text' | 'params'>,
): Promise<number[]> {
  const literal = (value: string | null): string => (value === null ? 'null' : `'${value.replaceAll("'", "''")}'`);
  const given = params.length > 0 ? `(${params.map(literal).join(', ')})` : '';
  return await sql.begin(async (tx) => {
    // The values decide which shard is asked.
    await tx.unsafe('set local plan_cache_mode = force_custom_plan');
    await tx.unsafe(`select ambit.bind('${organization}', '${person}')`);
    const name = `explained_${newId().replaceAll('-', '')}`;
    await tx.unsafe(`prepare ${name} as ${text}`);
    const [row] = await tx.unsafe(`explain (format json, costs off) execute ${name}${given}`);
    return tasksIn(row?.['QUERY PLAN']);
  });
}

function tasksIn(plan: unknown): number[] {
  if (typeof plan !== 'object' || plan === null) return [];
  return Object.entries(plan).flatMap(([name, part]) => (name === 'Task Count' ? [part as number] : tasksIn(part)));
}
