import { isNotNull, sql } from 'drizzle-orm';
import { type PgColumn, timestamp, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { newId } from '../lib/ids.ts';

/** First column of all keys of a tenant table, so that no foreign key can reference another organization. */
export const organizationId = () => uuid('organization_id').notNull();
export const id = () => uuid('id').notNull().$defaultFn(newId);
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });
export const createdAt = () => instant('created_at').notNull().defaultNow();
/** In milliseconds, as JavaScript and cursors have it: with microseconds a page would begin with the wrong row. */
export const updatedAt = () => instant('updated_at').notNull().default(sql`date_trunc('milliseconds', now())`);

interface PositionColumns {
  readonly organizationId: PgColumn;
  readonly index: PgColumn;
}

/**
 * The unique index of positions. Its condition is always true. A foreign key cannot refer to an index with a condition, so a
 * change of the position takes the weaker lock of an update without keys. The stronger lock would block inserts that refer to
 * the row, and two requests could wait for each other.
 */
export const positionIndex = (name: string, { organizationId, index }: PositionColumns) =>
  uniqueIndex(name)
    .on(organizationId as never, index as never)
    .where(isNotNull(index));
