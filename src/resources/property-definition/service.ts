import { isDeepStrictEqual } from 'node:util';
import { and, asc, eq, gt, type SQL } from 'drizzle-orm';
import { z } from 'zod';
import { canOnEvery } from '../../access/access.ts';
import { type Context, db, tenant } from '../../context.ts';
import type { Hooks } from '../../data/hooks.ts';
import { ownedBy } from '../../data/service-scope.ts';
import { isAnyOf } from '../../db/array.ts';
import { invalid, type UserErrorCode, userError } from '../../lib/errors.ts';
import type { ValueProblem } from '../../lib/json-schema/messages.ts';
import { serviceProperties, services } from '../service/table.ts';
import type { propertyDefinitions } from './table.ts';

export type PropertyDefinitionRow = typeof propertyDefinitions.$inferSelect;

/** Characters of a schema. Its compilation takes up to 50 microseconds for each. */
export const MAX_SCHEMA = 16_384;

/** `true` and `false` are JSON Schemas as well, but no useful ones for values. */
export const jsonObject: z.ZodType<unknown> = z.unknown().superRefine((value, ctx) => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  const code: UserErrorCode = value === null ? 'REQUIRED' : 'INVALID';
  const message = value === null ? 'is required and must not be null' : 'must be a JSON object';
  ctx.addIssue({ code: 'custom', message, params: { code } });
});

export const propertyDefinitionHooks: Hooks<PropertyDefinitionRow> = {
  beforeCreate: async (ctx, values) => {
    // Checks the credential. Otherwise the field would run twice, and check a slow schema twice.
    await db(ctx);
    await requireSchema(ctx, values.schema);
    return values;
  },
  beforeUpdate: async (ctx, row, changes) => {
    if (changes.schema === undefined || isDeepStrictEqual(changes.schema, row.schema)) return changes;
    await requireSchema(ctx, changes.schema);
    await requireMatchingValues(ctx, row, changes.schema);
    return changes;
  },
};

async function requireSchema(ctx: Context, schema: unknown): Promise<void> {
  const problem = await ctx.dependencies.schemaValidator.check(tenant(ctx), schema);
  if (!problem) return;
  const path = ['schema', ...problem.path];
  throw invalid(userError('INVALID', path, `${path.join('.')}: ${problem.message}.`));
}

const PAGE = 500;
const MAX_LISTED = 100;
const MAX_NAMED = 5;

/**
 * Every stored value matches its schema, so a schema that some values do not match is refused. The definition is locked,
 * and a value is written under a lock that conflicts with it.
 */
async function requireMatchingValues(ctx: Context, { id }: PropertyDefinitionRow, schema: unknown): Promise<void> {
  const invalidOnes: (ValueProblem & { serviceId: string })[] = [];
  for await (const page of valuesOf(ctx, id)) {
    const values = page.map(({ value }) => value);
    const problems = await ctx.dependencies.schemaValidator.validate(tenant(ctx), schema, values);
    for (const problem of problems)
      invalidOnes.push({ ...problem, serviceId: (page[problem.item] as { serviceId: string }).serviceId });
  }
  if (invalidOnes.length === 0) return;
  const users = await visibleServices(
    ctx,
    invalidOnes.map(({ serviceId }) => serviceId),
  );
  // The number would tell of services that are hidden from the caller.
  const number = canOnEvery(ctx.unit.access, 'service:read') ? `${invalidOnes.length} ` : '';
  const isOne = number === '1 ';
  const names = users.slice(0, MAX_NAMED).map(({ name }) => `“${name}”`);
  const subject = isOne ? 'The value of 1 service does' : `The values of ${number}services do`;
  const example = names.length > 0 ? `, such as ${isOne ? 'that' : 'those'} of ${names.join(', ')}` : '';
  const message = `schema: ${subject} not match it${example}. Change or remove ${isOne ? 'it' : 'them'} first.`;
  throw invalid({
    ...userError('IN_USE', 'schema', message),
    usedBy: users.map((row) => ({ __typename: 'Service', ...row })),
  });
}

/** All values of a property, in pages. */
async function* valuesOf(ctx: Context, definitionId: string) {
  let after: SQL | undefined;
  for (;;) {
    const page = await (await db(ctx))
      .select({ id: serviceProperties.id, serviceId: serviceProperties.serviceId, value: serviceProperties.value })
      .from(serviceProperties)
      .where(
        and(eq(serviceProperties.organizationId, tenant(ctx)), eq(serviceProperties.definitionId, definitionId), after),
      )
      .orderBy(asc(serviceProperties.id))
      .limit(PAGE);
    if (page.length > 0) yield page;
    const last = page[PAGE - 1];
    if (!last) return;
    after = gt(serviceProperties.id, last.id);
  }
}

async function visibleServices(ctx: Context, ids: string[]): Promise<(typeof services.$inferSelect)[]> {
  const isVisible = ownedBy(ctx, services.ownerId, 'service:read');
  return await (await db(ctx))
    .select()
    .from(services)
    .where(and(eq(services.organizationId, tenant(ctx)), isAnyOf(services.id, ids), isVisible))
    .orderBy(asc(services.name))
    .limit(MAX_LISTED);
}
