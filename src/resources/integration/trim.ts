import { type SQL, sql } from 'drizzle-orm';
import { arrayParam } from '../../db/array.ts';
import type { Db } from '../../db/client.ts';
import { queryRows } from '../../db/reader.ts';
import { sendStatement } from '../../db/writer.ts';
import { EVENT_LIMITS } from './limits.ts';
import { integrationEvents } from './table.ts';

const { id, integrationId, organizationId, payload, size, status, createdAt, idempotencyKey } = integrationEvents;

const newestFirst = sql`${createdAt} desc, ${id} desc`;

/**
 * Deletes the processed events of an integration above the limits. Of an event with an idempotency key, only the payload is
 * deleted.
 */
export async function trimEvents(db: Db, organization: string, integration: string): Promise<void> {
  const own = sql`${organizationId} = ${organization} and ${integrationId} = ${integration} and ${status} <> 'QUEUED'`;
  const events = await queryRows<{ id: string; keyed: boolean }>(
    db,
    sql`select id, keyed from (
        select ${id} as id, ${idempotencyKey} is not null as keyed, row_number() over newest as position,
          sum(${size}) over newest as total
        from ${integrationEvents} where ${own} and ${payload} is not null window newest as (order by ${newestFirst})
      ) as events where position > ${EVENT_LIMITS.kept} or total > ${EVENT_LIMITS.keptBytes}`,
  );
  const idsOf = (isKeyed: boolean): string[] =>
    events.filter(({ keyed }) => keyed === isKeyed).map((event) => event.id);
  const at = (ids: string[]): SQL => unlocked(organization, sql`any(${arrayParam(ids)})`);
  const [keyed, others] = [idsOf(true), idsOf(false)];
  if (others.length > 0) await sendStatement(db, sql`delete from ${integrationEvents} where ${at(others)}`);
  if (keyed.length === 0) return;
  await sendStatement(db, sql`update ${integrationEvents} set payload = null where ${at(keyed)}`);
  await sendStatement(
    db,
    sql`delete from ${integrationEvents} where ${unlocked(
      organization,
      sql`any(array(select ${id} from ${integrationEvents} where ${own} and ${payload} is null
        order by ${newestFirst} offset ${EVENT_LIMITS.keys}))`,
    )}`,
  );
}

/**
 * The condition for the events with these IDs that no other transaction has locked. A locked event is deleted by the other
 * transaction or later. Without the condition, two transactions that lock the same events in different orders would cause a
 * deadlock.
 */
const unlocked = (organization: string, ids: SQL): SQL =>
  sql`${organizationId} = ${organization} and ${id} in (select ${id} from ${integrationEvents}
    where ${organizationId} = ${organization} and ${id} = ${ids} for update skip locked)`;

const isEndedKey = (organization: string, before: Date): SQL =>
  sql`${organizationId} = ${organization} and ${payload} is null and ${createdAt} < ${before.toISOString()}::timestamptz`;

/** For the deletion of idempotency keys: finds those that are older. */
export const endedKeys = (organization: string, before: Date): SQL =>
  sql`select from ${integrationEvents} where ${isEndedKey(organization, before)}`;

/** Deletes at most `limit` of them, and returns their number. */
export async function deleteEndedKeys(db: Db, organization: string, before: Date, limit: number): Promise<number> {
  const rows = await queryRows<{ id: string }>(
    db,
    sql`delete from ${integrationEvents}
      where ${unlocked(
        organization,
        sql`any(array(select ${id} from ${integrationEvents} where ${isEndedKey(organization, before)} limit ${limit}))`,
      )} returning ${id}`,
  );
  return rows.length;
}
