import { and, eq } from 'drizzle-orm';
import { audit, type Context, db, tenant } from '../../context.ts';
import { toPublicId } from '../../lib/ids.ts';
import { evaluateServices } from '../evaluation/evaluate.ts';
import type { ServiceRow } from '../service/service.ts';
import { serviceProperties, services } from '../service/table.ts';
import { type GivenProperty, validateProperties, writeProperties } from './service.ts';

interface SetOptions {
  /** Locks the row of the service until the end of the transaction. */
  lock: () => Promise<ServiceRow>;
}

/** Sets, replaces or removes one value. It is validated before the service is locked. */
export async function setProperty(ctx: Context, given: GivenProperty, { lock }: SetOptions): Promise<ServiceRow> {
  const schemas = await validateProperties(ctx, [given]);
  const service = await lock();
  const before = await storedValue(ctx, given);
  await writeProperties(ctx, [given], schemas);
  const own = and(eq(services.organizationId, tenant(ctx)), eq(services.id, service.id));
  const tx = await db(ctx);
  await tx.update(services).set({ updatedAt: ctx.dependencies.clock() }).where(own);
  const definitionId = toPublicId('prd', given.definitionId);
  const event = (value: unknown) => ({ id: toPublicId('svc', service.id), property: { definitionId, value } });
  audit(ctx, { before: event(before), after: event(given.value) });
  await evaluateServices(ctx, [service.id]);
  // The evaluation may have changed the level.
  const [after] = await tx.select().from(services).where(own);
  return after ?? service;
}

/** The stored value. Null if the service has none. */
async function storedValue(ctx: Context, { serviceId, definitionId }: GivenProperty): Promise<unknown> {
  const { organizationId, ...own } = serviceProperties;
  const [row] = await (await db(ctx))
    .select({ value: own.value })
    .from(serviceProperties)
    .where(and(eq(organizationId, tenant(ctx)), eq(own.serviceId, serviceId), eq(own.definitionId, definitionId)));
  return row?.value ?? null;
}
