import { LRUCache } from 'lru-cache';
import type { Sql } from 'postgres';

/** Finds the worker of a Citus cluster that stores an organization. */
export interface Placement {
  /** Whether the database is the coordinator of a cluster. False until the first connection is open. */
  isCluster: boolean;
  /** The ID of the worker. Empty outside a cluster, without an organization, and if the worker is not known. */
  workerOf(organization: string): string | Promise<string>;
}

const MAX_CACHED = 50_000;
/** Milliseconds after which the worker is looked up again, because rebalancing can move the organization. */
const CACHED_FOR = 60_000;
/** The same if the lookup has failed. */
const UNKNOWN_FOR = 5_000;

/** The metadata is on the coordinator, so `sql` must be a connection that never waits for a worker. */
export function createPlacement(sql: Sql): Placement {
  const cached = new LRUCache<string, string | Promise<string>>({ max: MAX_CACHED, ttl: CACHED_FOR });
  async function find(organization: string): Promise<string> {
    const [row] = await sql`
      select groupid::text as worker from pg_dist_placement
      where shardid = get_shard_id_for_distribution_column('organizations', ${organization}::uuid)`;
    return row?.['worker'] ?? '';
  }
  const placement: Placement = {
    isCluster: false,
    workerOf(organization) {
      if (!placement.isCluster || organization === '') return '';
      const known = cached.get(organization);
      if (known !== undefined) return known;
      const finding = find(organization).then(
        (worker) => {
          cached.set(organization, worker);
          return worker;
        },
        // The database is not available, or its tables are not distributed yet.
        () => {
          cached.set(organization, '', { ttl: UNKNOWN_FOR });
          return '';
        },
      );
      cached.set(organization, finding);
      return finding;
    },
  };
  return placement;
}
