import type { InputFieldMap } from '@pothos/core';
import type { Context } from '../../context.ts';
import type { GivenInput } from '../../data/hooks.ts';
import { builder, type SchemaTypes } from '../../graphql/builder.ts';
import { forEachTarget } from '../../graphql/resource-changes.ts';
import { canSee, type GivenReference, loadReferenced, referenceInputOf } from '../../graphql/target.ts';
import { invalid, type UserError, userError } from '../../lib/errors.ts';
import { PropertyDefinition } from '../property-definition/resource.ts';
import { MAX_PROPERTIES, MAX_VALUE } from './service.ts';
import { type GivenValue, type PreparedProperties, validateValues } from './write.ts';

type Fields = PothosSchemaTypes.InputFieldBuilder<SchemaTypes, 'InputObject'>;

/** The fields `definition` and `value`, which say what a property is set to. */
export const valueFields = (t: Fields) => ({
  definition: t.field({
    type: referenceInputOf(PropertyDefinition),
    required: true,
    visibleWith: 'property_definition:read' as const,
    description: 'The definition of the property.',
  }),
  value: t.field({
    type: 'JSON',
    description: `The value. At most ${MAX_VALUE.toLocaleString('en')} characters of JSON. Null removes the property from the service. Cannot be omitted.`,
  }),
});

const ServicePropertyInput = builder.inputType('ServicePropertyInput', {
  description: 'A value for a property of a service.',
  fields: valueFields,
});

/** The field `properties` of the inputs that create or update services. */
export const propertyInputs = (t: Fields): InputFieldMap => ({
  properties: t.field({
    type: [ServicePropertyInput],
    description: `The values of properties of the service. At most ${MAX_PROPERTIES}. Other properties are unchanged. Cannot be null.`,
  }),
});

interface Given {
  definition: GivenReference;
  value?: unknown;
}

/** Finds the definitions and validates the values of all inputs, before a service is locked. */
export async function prepareProperties(
  ctx: Context,
  inputs: readonly GivenInput[],
): Promise<PreparedProperties | null> {
  const byInput = await forEachTarget(inputs, async ({ input, path }) => {
    const { properties: given = [] } = input as { properties?: readonly Given[] | null };
    if (given === null)
      throw invalid(userError('REQUIRED', 'properties', 'properties: is required and must not be null.'));
    if (given.length > MAX_PROPERTIES)
      throw invalid(userError('TOO_LONG', 'properties', `properties: must have at most ${MAX_PROPERTIES} items.`));
    const items = given.map((one, at) => ({ one, path: ['properties', String(at)] }));
    const values = await forEachTarget(items, ({ one }) => definedValue(ctx, one));
    return values.map((own, at): GivenValue => ({ ...own, path: [...(items[at]?.path ?? []), 'value'], prefix: path }));
  });
  return byInput.some((own) => own.length > 0) ? await validateValues(ctx, byInput) : null;
}

/** A value with the ID of its definition. */
async function definedValue(ctx: Context, { definition, value }: Given): Promise<Omit<GivenValue, 'path'>> {
  if (value === undefined) throw invalid(omitted());
  return { definitionId: (await findDefinition(ctx, definition)).id, value };
}

/** The error for an input without a value. */
export const omitted = (): UserError =>
  userError('REQUIRED', 'value', 'value: is required. Null removes the property.');

/** The definition, if it is visible to the caller. */
export async function findDefinition(ctx: Context, given: GivenReference) {
  const found = await loadReferenced(ctx, PropertyDefinition, given);
  if (found && canSee(ctx, PropertyDefinition, found)) return found;
  const message = 'definition: there is no property definition with this ID or alias.';
  throw invalid(userError('NOT_FOUND', 'definition', message));
}
