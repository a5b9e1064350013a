import { and, eq } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import type { Dependencies } from '../../context.ts';
import { inTransaction } from '../../db/transaction.ts';
import type { Plan } from '../../lib/plans.ts';
import { organizations } from '../organization/table.ts';
import { type IntegrationType, integrations } from './table.ts';

/** An integration as the endpoints for events need it. */
export interface KnownIntegration {
  readonly id: string;
  readonly organizationId: string;
  readonly type: IntegrationType;
  readonly enabled: boolean;
  readonly plan: Plan;
}

/** Finds integrations by the hash of their secret. */
export interface IntegrationLookup {
  /** May be some seconds old. Null for an unknown secret. */
  find(hash: string): Promise<KnownIntegration | null>;
  /** Reads it again at the next call. */
  forget(hash: string): void;
}

const MAX_CACHED = 10_000;
/** Milliseconds after which the plan is read again. Whether the secret is valid is checked with each event. */
const CACHED_FOR = 10_000;

export function createIntegrationLookup({
  pool,
  identity,
}: Pick<Dependencies, 'pool' | 'identity'>): IntegrationLookup {
  const cache = new LRUCache<string, KnownIntegration>({ max: MAX_CACHED, ttl: CACHED_FOR });

  async function read(hash: string): Promise<KnownIntegration | null> {
    const organizationId = await identity.lookups.organizationOf(hash);
    if (organizationId === '') return null;
    const { id, type, enabled } = integrations;
    const [row] = await inTransaction(
      pool,
      { organizationId, userId: null },
      (db) =>
        db
          .select({ id, type, enabled, plan: organizations.plan })
          .from(integrations)
          .innerJoin(organizations, eq(organizations.id, integrations.organizationId))
          .where(
            and(
              eq(integrations.organizationId, organizationId),
              eq(organizations.id, organizationId),
              eq(integrations.hash, hash),
            ),
          ),
      'read only',
    );
    return row ? { ...row, organizationId } : null;
  }

  return {
    async find(hash) {
      const known = cache.get(hash) ?? (await read(hash));
      // An integration can be enabled at any time.
      if (known?.enabled) cache.set(hash, known, { noUpdateTTL: true });
      return known;
    },
    forget: (hash) => void cache.delete(hash),
  };
}
