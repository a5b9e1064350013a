import type { InputFieldMap } from '@pothos/core';
import type { Context } from '../context.ts';
import { AmbitError, invalid, type UserError, userError } from '../lib/errors.ts';
import { parse } from '../lib/input.ts';
import { capitalized } from '../lib/words.ts';
import type { Attribute, ReferenceOptions } from './attributes.ts';
import { partInputFields } from './part-fields.ts';
import { type Fields, type GivenItems, itemsIn } from './part-inputs.ts';
import { type AnyRow, attributesOf, type DeclaredNode, inputName, targetOf, type When } from './resource-model.ts';
import { type GivenReference, referenceOptions, resolveReference } from './target.ts';
import { unionInputOf, unionValues } from './union-inputs.ts';

export type Input = Record<string, unknown>;

/** The input fields for the attributes and the items. */
export function attributeInputs(t: Fields, resource: DeclaredNode, when: When): InputFieldMap {
  const attributes = Object.fromEntries(
    attributesOf(resource, when).flatMap(([key, attribute]) => {
      const name = inputName(resource, key, attribute);
      const { reference, union, defaultValue, required } = attribute;
      const target = reference && targetOf(resource, reference.target);
      const type = target
        ? referenceOptions(target)
        : { type: union ? unionInputOf(resource, union) : (attribute.inputType ?? attribute.type) };
      const description = inputDescription(resource, key, attribute, when);
      const field = (options: object) => t.field({ ...type, description, ...options } as never);
      if (when === 'create')
        return [
          [
            name,
            field({
              required: required || defaultValue !== undefined,
              ...(defaultValue !== undefined && { defaultValue }),
            }),
          ],
        ];
      return [[name, field({})], ...listInputs(t, name, attribute)];
    }),
  );
  return { ...attributes, ...partInputFields(t, resource, when) };
}

const listInputs = (t: Fields, name: string, { isList }: Attribute) =>
  (isList ? (['add', 'remove'] as const) : []).map((verb) => [
    `${verb}${capitalized(name)}`,
    t.stringList({ description: `Items to ${verb}. Cannot be combined with \`${name}\`.` }),
  ]);

function inputDescription(resource: DeclaredNode, key: string, attribute: Attribute, when: When): string {
  const { description, limits, unique, uniqueIn, nullable } = attribute;
  const note = when === 'create' ? attribute.creation : attribute.change;
  const where = uniqueIn ?? (resource.project ? 'the project' : 'the organization');
  return [
    `${description}.`,
    ...(limits ? [limits] : []),
    ...(unique ? [`Unique in ${where}${key === 'alias' ? '' : ', case-insensitive'}.`] : []),
    ...(note ? [note] : []),
    ...(when === 'update' ? [nullable ? 'Null clears it.' : 'Cannot be null.'] : []),
  ].join(' ');
}

/** The columns that an input sets, for a resource without items in child tables. */
export const valuesOf = async (
  ctx: Context,
  resource: DeclaredNode,
  when: When,
  input: Input,
  projectId: string | null = null,
): Promise<Input> => (await inputOf(ctx, resource, when, input, projectId)).values;

/**
 * The columns that an input sets, and the items that it adds and removes. `before` is the row of an update. `isOneOfMany` is
 * for an input whose errors need its path.
 */
export async function inputOf(
  ctx: Context,
  resource: DeclaredNode,
  when: When,
  input: Input,
  projectId: string | null,
  before: AnyRow | null = null,
  isOneOfMany = false,
): Promise<{ values: Input; items: GivenItems[] }> {
  const errors: UserError[] = [];
  const parsed = (await collect(errors, () => parse(resource.inputSchemas[when](), input))) ?? input;
  const values: Input = {};
  for (const [key, attribute] of attributesOf(resource, when)) {
    const name = inputName(resource, key, attribute);
    const value = parsed[name];
    const { union } = attribute;
    if (union && (value !== undefined || when === 'create'))
      Object.assign(
        values,
        await collect(errors, () => unionValues(ctx, resource, key, union, value as Input | null, before, isOneOfMany)),
      );
    if (union || value === undefined) continue;
    values[key] = attribute.reference
      ? await collect(errors, () =>
          referenced(ctx, resource, attribute, value as GivenReference | null, name, projectId, isOneOfMany),
        )
      : attribute.isList
        ? [...new Set(value as string[])]
        : value;
  }
  // Items that failed the check of their form are not resolved.
  const items = errors.length > 0 ? [] : await itemsIn(ctx, resource, when, parsed, errors, isOneOfMany);
  if (errors.length > 0) throw invalid(...errors);
  return { values, items };
}

/** Adds the input errors of a step to the list, so that the caller gets all of them at once. */
async function collect<T>(errors: UserError[], step: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof AmbitError && error.userErrors)) throw error;
    errors.push(...error.userErrors);
    return undefined;
  }
}

async function referenced(
  ctx: Context,
  resource: DeclaredNode,
  { reference, nullable }: Attribute,
  given: GivenReference | null,
  name: string,
  projectId: string | null,
  mustLoad: boolean,
): Promise<string | null> {
  if (given !== null)
    return await resolveReference(
      ctx,
      targetOf(resource, (reference as ReferenceOptions).target),
      given,
      name,
      projectId,
      mustLoad,
    );
  if (nullable) return null;
  throw invalid(userError('REQUIRED', name, `${name}: is required and must not be null.`));
}
