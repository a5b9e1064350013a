import { and, desc, eq, isNotNull } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { batched } from '../../data/loader.ts';
import { isAnyOf } from '../../db/array.ts';
import { AmbitError } from '../../lib/errors.ts';
import { EVENT_LIMITS } from './limits.ts';
import { integrationEvents } from './table.ts';

export const MAX_EVENTS = EVENT_LIMITS.kept;

/** Bytes of the payloads in one response. */
const MAX_BYTES = 10_000_000;

const { id, size, status, error, createdAt, processedAt, payload } = integrationEvents;

/** An event without its payload. */
export type EventRow = Pick<
  typeof integrationEvents.$inferSelect,
  'id' | 'size' | 'status' | 'error' | 'createdAt' | 'processedAt'
>;

/** The last events of an integration, newest first. */
export async function listEvents(ctx: Context, integrationId: string, first: number): Promise<EventRow[]> {
  if (first < 1 || first > MAX_EVENTS)
    throw new AmbitError('BAD_REQUEST', `\`first\` must be from 1 to ${MAX_EVENTS}.`);
  return await (await db(ctx))
    .select({ id, size, status, error, createdAt, processedAt })
    .from(integrationEvents)
    .where(
      and(
        eq(integrationEvents.organizationId, tenant(ctx)),
        eq(integrationEvents.integrationId, integrationId),
        // Otherwise only the idempotency key is kept.
        isNotNull(payload),
      ),
    )
    .orderBy(desc(createdAt), desc(id))
    .limit(first);
}

/** The payloads of the events of a response. Their size is read first, because together they can exceed the memory. */
export const payloadOf = batched<string>(async (ctx, ids) => {
  const tx = await db(ctx);
  const own = and(eq(integrationEvents.organizationId, tenant(ctx)), isAnyOf(id, ids), isNotNull(payload));
  const sizes = await tx.select({ size }).from(integrationEvents).where(own);
  const total = sizes.reduce((sum, row) => sum + row.size, 0);
  if (total > MAX_BYTES)
    throw new AmbitError(
      'RESPONSE_TOO_LARGE',
      `The payloads have ${total.toLocaleString('en')} bytes. A response can have ${MAX_BYTES.toLocaleString('en')}. Read fewer events, or select \`size\` first.`,
      { limit: MAX_BYTES },
    );
  const rows = await tx.select({ id, payload }).from(integrationEvents).where(own);
  return new Map(rows.flatMap((row) => (row.payload === null ? [] : [[row.id, row.payload] as const])));
});
