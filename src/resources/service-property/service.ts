import { isDeepStrictEqual } from 'node:util';
import { and, asc, count, eq, gt, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { batched } from '../../data/loader.ts';
import { isAnyOf } from '../../db/array.ts';
import { readerOf } from '../../db/reader.ts';
import { invalid, type UserError, type UserErrorCode, userError } from '../../lib/errors.ts';
import { problemOfJson } from '../../lib/json-value.ts';
import { propertyDefinitions } from '../property-definition/table.ts';
import { serviceProperties } from '../service/table.ts';

export type ServicePropertyRow = typeof serviceProperties.$inferSelect;

/** A value for a property of a service. Null removes it. */
export interface GivenProperty {
  serviceId: string;
  definitionId: string;
  value: unknown;
  /** The path of the value in the input of the service, for errors. */
  path: readonly string[];
  /** The path of the input of the service, if the mutation has several. */
  prefix?: readonly string[];
}

type At = Pick<GivenProperty, 'path' | 'prefix'>;

/** An error of a value, or of a part of it. */
function errorAt(code: UserErrorCode, { path, prefix = [] }: At, message: string, part: readonly string[] = []) {
  const at = [...path, ...part];
  return userError(code, [...prefix, ...at], `${at.join('.')}: ${message}.`);
}

/** The schemas that the values match, by the ID of the definition. */
export type Schemas = Map<string, unknown>;

/** Characters of a value. */
export const MAX_VALUE = 8_192;

export const MAX_PROPERTIES = 100;

/** Maximum number of rows in one INSERT. PostgreSQL allows 65,535 parameters. */
const MAX_ROWS = 5_000;

/** The properties of a service, in the order of their definitions. One statement for all services of a response. */
export const propertiesOf = batched<ServicePropertyRow[]>(async (ctx, ids) => {
  const find = reader.readBy(serviceProperties.organizationId, serviceProperties.serviceId);
  const rows = await find(await db(ctx), tenant(ctx), ids);
  rows.sort((a, b) => (a.definitionId < b.definitionId ? -1 : 1));
  return Map.groupBy(rows, ({ serviceId }) => serviceId);
});

const reader = readerOf<ServicePropertyRow>(serviceProperties);

/**
 * Validates values in the thread for JSON Schemas, before the caller locks anything. Throws the errors of all values, with
 * their paths in the input. Of a service that does not exist yet, `serviceId` is any text that no other one has.
 */
export async function validateProperties(ctx: Context, given: readonly GivenProperty[]): Promise<Schemas> {
  requireDistinct(given);
  const schemas = await schemasOf(ctx, given);
  await requireValid(ctx, given, schemas);
  return schemas;
}

function requireDistinct(given: readonly GivenProperty[]): void {
  const seen = new Set<string>();
  const repeated = given.filter(({ serviceId, definitionId }) => {
    const key = `${serviceId} ${definitionId}`;
    const isKnown = seen.has(key);
    seen.add(key);
    return isKnown;
  });
  if (repeated.length > 0)
    throw invalid(...repeated.map((one) => errorAt('INVALID', one, 'the property is given twice')));
}

async function requireValid(ctx: Context, given: readonly GivenProperty[], schemas: Schemas): Promise<void> {
  const set = given.filter(({ value }) => value !== null);
  const errors = set.flatMap((one) => {
    const problem = problemOfJson(one.value, MAX_VALUE);
    return problem ? [errorAt(problem.code, one, problem.message)] : [];
  });
  if (errors.length > 0) throw invalid(...errors);
  for (const [definitionId, items] of Map.groupBy(set, (item) => item.definitionId))
    errors.push(...(await errorsOf(ctx, schemas.get(definitionId), items)));
  if (errors.length > 0) throw invalid(...errors);
}

async function errorsOf(ctx: Context, schema: unknown, items: readonly GivenProperty[]): Promise<UserError[]> {
  const values = items.map(({ value }) => value);
  const problems = await ctx.dependencies.schemaValidator.validate(tenant(ctx), schema, values);
  return problems.map(({ item, path, message }) => errorAt('INVALID', items[item] as GivenProperty, message, path));
}

/**
 * Writes values that were validated. The services must be locked. A definition cannot get another schema until the
 * transaction ends. If it got one since the validation, its values are validated again.
 */
export async function writeProperties(
  ctx: Context,
  given: readonly GivenProperty[],
  validated: Schemas,
): Promise<void> {
  if (given.length === 0) return;
  const current = await schemasOf(ctx, given, 'lock');
  const changed = given.filter(
    ({ definitionId }) => !isDeepStrictEqual(current.get(definitionId), validated.get(definitionId)),
  );
  await requireValid(ctx, changed, current);
  await remove(ctx, given);
  await upsert(ctx, given);
  await requireRoom(ctx, given);
}

/** Locks with FOR SHARE: other values can be set at the same time. */
async function schemasOf(ctx: Context, given: readonly GivenProperty[], lock?: 'lock'): Promise<Schemas> {
  const { id, organizationId, schema } = propertyDefinitions;
  const select = (await db(ctx))
    .select({ id, schema })
    .from(propertyDefinitions)
    .where(and(eq(organizationId, tenant(ctx)), isAnyOf(id, new Set(given.map(({ definitionId }) => definitionId)))))
    .orderBy(asc(id));
  const rows = await (lock ? select.for('share') : select);
  const schemas = new Map(rows.map((row) => [row.id, row.schema]));
  const missing = given.filter(({ definitionId }) => !schemas.has(definitionId));
  if (missing.length > 0)
    throw invalid(...missing.map((one) => errorAt('NOT_FOUND', one, 'there is no property definition with this ID')));
  return schemas;
}

async function remove(ctx: Context, given: readonly GivenProperty[]): Promise<void> {
  const removed = given.filter(({ value }) => value === null);
  const tx = await db(ctx);
  for (const [definitionId, items] of Map.groupBy(removed, (item) => item.definitionId))
    await tx.delete(serviceProperties).where(
      and(
        eq(serviceProperties.organizationId, tenant(ctx)),
        eq(serviceProperties.definitionId, definitionId),
        isAnyOf(
          serviceProperties.serviceId,
          items.map(({ serviceId }) => serviceId),
        ),
      ),
    );
}

async function upsert(ctx: Context, given: readonly GivenProperty[]): Promise<void> {
  const rows = given
    .filter(({ value }) => value !== null)
    .map(({ serviceId, definitionId, value }) => ({ organizationId: tenant(ctx), serviceId, definitionId, value }));
  const tx = await db(ctx);
  const { organizationId, serviceId, definitionId } = serviceProperties;
  for (let at = 0; at < rows.length; at += MAX_ROWS)
    await tx
      .insert(serviceProperties)
      .values(rows.slice(at, at + MAX_ROWS))
      .onConflictDoUpdate({
        target: [organizationId, serviceId, definitionId],
        set: { value: sql`excluded.value` },
      });
}

async function requireRoom(ctx: Context, given: readonly GivenProperty[]): Promise<void> {
  const services = new Set(given.flatMap(({ value, serviceId }) => (value === null ? [] : serviceId)));
  if (services.size === 0) return;
  const full = await (await db(ctx))
    .select({ id: serviceProperties.serviceId })
    .from(serviceProperties)
    .where(and(eq(serviceProperties.organizationId, tenant(ctx)), isAnyOf(serviceProperties.serviceId, services)))
    .groupBy(serviceProperties.serviceId)
    .having(gt(count(), MAX_PROPERTIES));
  const ids = new Set(full.map(({ id }) => id));
  const first = given.find(({ serviceId, value }) => value !== null && ids.has(serviceId));
  if (first) throw invalid(errorAt('LIMIT_EXCEEDED', first, `a service has at most ${MAX_PROPERTIES} properties`));
}
