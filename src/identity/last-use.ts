import { sql } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import type { Db } from '../db/client.ts';
import type { Pool } from '../db/pool.ts';
import { inTransaction } from '../db/transaction.ts';
import { sendStatement } from '../db/writer.ts';
import { createDelayedWork } from '../lib/delayed.ts';
import { describeError, type Log, throttled } from '../lib/log.ts';
import { getOrAdd } from '../lib/maps.ts';
import { apiTokens } from '../resources/api-token/table.ts';
import type { Actor } from './actor.ts';

const MINUTE = 60_000;
/** Milliseconds between the first use that is recorded and the write. */
const WRITE_AFTER = 1_000;
/** Maximum number of credentials whose last use is kept in memory. */
const [MAX_RECORDED, MAX_PENDING] = [100_000, 10_000];
/** Maximum number of rows that one transaction locks. */
const BATCH = 100;

interface Use {
  organizationId: string;
  id: string;
  at: Date;
  address: string;
}

/** Writes when and from where API tokens and keys were last used, at most once a minute for each. */
export interface LastUses {
  /** Returns immediately. The use is written in the background. */
  record(actor: Actor, address: string): void;
  /** Writes the recorded uses. Uses that cannot be written are dropped. */
  write(): Promise<void>;
}

export function createLastUses(pool: Pool, clock: () => Date, log: Log, writeAfter: number = WRITE_AFTER): LastUses {
  const report = throttled(MINUTE, log);
  const recorded = new LRUCache<string, number>({ max: MAX_RECORDED });
  const pending: Use[] = [];

  function record({ credential, organization }: Actor, address: string): void {
    if (!credential || credential.kind === 'SESSION' || !organization) return;
    const { id } = credential;
    const at = clock();
    if (at.getTime() - (recorded.get(id) ?? 0) < MINUTE || pending.length >= MAX_PENDING) return;
    recorded.set(id, at.getTime());
    pending.push({ organizationId: organization.id, id, at, address });
    writing.schedule();
  }

  /** Whether no connection is idle. Requests have priority over these writes. */
  function isBusy(): boolean {
    const { open, idle, waiting } = pool.state();
    return waiting > 0 || (open > 0 && idle === 0);
  }

  async function writeAll(): Promise<void> {
    const byOrganization = new Map<string, Use[]>();
    for (const use of pending.splice(0)) getOrAdd(byOrganization, use.organizationId, () => []).push(use);
    for (const [organizationId, uses] of byOrganization)
      for (let at = 0; at < uses.length; at += BATCH)
        try {
          const batch = uses.slice(at, at + BATCH);
          await inTransaction(pool, { organizationId, userId: null }, (tx) => update(tx, batch));
        } catch (error) {
          report({
            level: 'warn',
            message: 'the last use of credentials was not written',
            error: describeError(error),
          });
        }
  }

  const writing = createDelayedWork(writeAll, writeAfter, isBusy);
  return { record, write: writing.run };
}

/** Skips a row that is locked, for example by a rotation, and a row that another node has written within the last minute. */
const update = (tx: Db, uses: readonly Use[]): Promise<unknown> =>
  Promise.all(
    uses.map(({ organizationId, id, at, address }) =>
      sendStatement(
        tx,
        sql`update ${apiTokens} set last_used_at = ${at.toISOString()}, last_used_address = ${address}
          where organization_id = ${organizationId} and id = (
            select id from ${apiTokens} where organization_id = ${organizationId} and id = ${id}
              and (last_used_at is null or last_used_at <= ${new Date(at.getTime() - MINUTE).toISOString()})
            for no key update skip locked)`,
      ),
    ),
  );
