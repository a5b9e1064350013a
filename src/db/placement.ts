import { LRUCache } from 'lru-cache';
import type { Sql } from 'postgres';

/** The workers of a Citus cluster that store the organizations. */
export interface Placement {
  /** Whether the database is the coordinator of a cluster. False until a connection has told so. */
  isCluster: boolean;
  /** The worker that stores the organization. Empty outside a cluster, without an organization, and if it is not known. */
  workerOf(organization: string): string | Promise<string>;
}

const MAX_CACHED = 50_000;
/** Milliseconds after which a worker is looked up again, because rebalancing moves organizations. */
const CACHED_FOR = 60_000;

/** `sql` must not wait for a worker. Citus stores the metadata on the coordinator. */
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
        () => {
          cached.delete(organization);
          return '';
        },
      );
      cached.set(organization, finding);
      return finding;
    },
  };
  return placement;
}
