import { isDeepStrictEqual } from 'node:util';
import { and, eq } from 'drizzle-orm';
import { audit, type Context, db, tenant } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import { toPublicId } from '../../lib/ids.ts';
import { serviceProperties } from '../service/table.ts';
import { type GivenProperty, type Schemas, validateProperties, writeProperties } from './service.ts';

/** A value of an input whose service is not known yet. */
export type GivenValue = Omit<GivenProperty, 'serviceId'>;

/** The validated values of each input of a mutation. */
export interface PreparedProperties {
  readonly byInput: readonly (readonly GivenValue[])[];
  readonly schemas: Schemas;
}

/** Validates the values of all inputs: those of one definition with one call. */
export async function validateValues(
  ctx: Context,
  byInput: readonly (readonly GivenValue[])[],
): Promise<PreparedProperties> {
  return {
    byInput,
    schemas: await validateProperties(
      ctx,
      ofServices(byInput, (at) => String(at)),
    ),
  };
}

const ofServices = (byInput: readonly (readonly GivenValue[])[], serviceIdOf: (at: number) => string) =>
  byInput.flatMap((own, at) => own.map((one): GivenProperty => ({ ...one, serviceId: serviceIdOf(at) })));

/**
 * Writes the values of the services, which are locked and have the order of the inputs, and adds them to the audit event.
 * Values that are stored already are not written.
 */
export async function writePrepared(
  ctx: Context,
  serviceIds: readonly string[],
  { byInput, schemas }: PreparedProperties,
): Promise<void> {
  const given = ofServices(byInput, (at) => serviceIds[at] as string);
  const stored = await storedValues(ctx, given);
  const changed = given.filter((one) => !isDeepStrictEqual(stored.get(keyOf(one)) ?? null, one.value));
  if (changed.length === 0) return;
  await writeProperties(ctx, changed, schemas);
  auditProperties(ctx, changed, stored);
}

type Key = Pick<GivenProperty, 'serviceId' | 'definitionId'>;

const keyOf = ({ serviceId, definitionId }: Key): string => `${serviceId} ${definitionId}`;

/** The stored values, by service and definition. */
async function storedValues(ctx: Context, given: readonly Key[]): Promise<Map<string, unknown>> {
  const { organizationId, serviceId, definitionId, value } = serviceProperties;
  const rows = await (await db(ctx))
    .select({ serviceId, definitionId, value })
    .from(serviceProperties)
    .where(
      and(
        eq(organizationId, tenant(ctx)),
        isAnyOf(serviceId, new Set(given.map((one) => one.serviceId))),
        isAnyOf(definitionId, new Set(given.map((one) => one.definitionId))),
      ),
    );
  return new Map(rows.map((row) => [keyOf(row), row.value]));
}

/** Adds the values before and after to the changes of their services in the audit event. */
function auditProperties(ctx: Context, changed: readonly GivenProperty[], stored: ReadonlyMap<string, unknown>): void {
  const byService = Map.groupBy(changed, ({ serviceId }) => toPublicId('svc', serviceId));
  const withProperties = <Change extends { targetId?: string; before?: unknown; after?: unknown }>(change: Change) => {
    const own = byService.get(change.targetId ?? '');
    if (!own) return change;
    const fields = (fieldsOf: unknown, shown: (one: GivenProperty) => unknown) =>
      fieldsOf && {
        ...fieldsOf,
        properties: own.map((one) => ({ definitionId: toPublicId('prd', one.definitionId), value: shown(one) })),
      };
    const before = fields(change.before, (one) => stored.get(keyOf(one)) ?? null);
    return { ...change, before, after: fields(change.after, ({ value }) => value) };
  };
  const { related, ...first } = ctx.unit.auditDraft;
  audit(ctx, { ...withProperties(first), ...(related && { related: related.map(withProperties) }) });
}
