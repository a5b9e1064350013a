import type { InputFieldMap, InputRef } from '@pothos/core';
import { z } from 'zod';
import type { Context } from '../context.ts';
import { invalid, userError } from '../lib/errors.ts';
import { parse } from '../lib/input.ts';
import { capitalized, fieldOfConstant, nounOf } from '../lib/words.ts';
import type { Attribute, Union, UnionMember } from './attributes.ts';
import { builder } from './builder.ts';
import { type AnyRow, type DeclaredNode, inputName, targetOf } from './resource-model.ts';
import { type GivenReference, referenceInputOf, resolveReference } from './target.ts';

type Values = Record<string, unknown>;
type Given = Record<string, unknown>;

// Module state like the builder, filled while the modules load. The inputs of create and update have the same type.
const inputs = new Map<Union, InputRef<Given>>();

/** The `@oneOf` input of a union, with one field for each member. */
export function unionInputOf(resource: DeclaredNode, union: Union): InputRef<Given> {
  const known = inputs.get(union);
  if (known) return known;
  const created = builder.inputType(`${union.name}Input`, {
    description: `The settings of a ${resource.noun}. The field determines the type.`,
    isOneOf: true,
    fields: (t) =>
      Object.fromEntries(
        Object.entries(union.members).map(([value, member]) => [
          fieldOfConstant(value),
          t.field({
            type: memberInputOf(resource, union, value, member) as never,
            description: `${member.description}.${hasSettings(member) ? '' : ' It has no settings, so the value must be `true`.'}`,
          }),
        ]),
      ) as InputFieldMap,
  }) as unknown as InputRef<Given>;
  inputs.set(union, created);
  return created;
}

const hasSettings = ({ attributes }: UnionMember): boolean => Object.keys(attributes).length > 0;

/** An input object must have a field, so a member without settings is `true`. */
const memberInputOf = (resource: DeclaredNode, union: Union, value: string, member: UnionMember) =>
  hasSettings(member)
    ? builder.inputType(`${capitalized(fieldOfConstant(value))}${union.name}Input`, {
        description: `${member.description}. An update changes the given settings only.`,
        fields: (t) =>
          Object.fromEntries(
            Object.entries(member.attributes).map(([key, attribute]) => {
              const target = attribute.reference && targetOf(resource, attribute.reference.target);
              const type = target ? referenceInputOf(target) : (attribute.inputType ?? attribute.type);
              const description = describe(attribute);
              const options = { type, description, ...(target && { visibleWith: target.permission }) };
              return [inputName(resource, key, attribute), t.field(options as never)];
            }),
          ) as InputFieldMap,
      })
    : 'Boolean';

const describe = ({ description, limits, defaultValue, creation, nullable }: Attribute): string =>
  [
    `${description}.`,
    ...(limits ? [limits] : []),
    ...(defaultValue === undefined ? [] : [`Defaults to ${defaultValue}.`]),
    ...(creation ? [creation] : []),
    nullable && !/\bRequired\b/.test(description) ? 'Null clears it.' : 'Cannot be null.',
  ].join(' ');

/** The columns that an input of a union sets. `before` is the row of an update. */
export async function unionValues(
  ctx: Context,
  resource: DeclaredNode,
  key: string,
  union: Union,
  given: Given | null | undefined,
  before: AnyRow | null,
  mustLoad = false,
): Promise<Values> {
  if (given == null && before) throw invalid(userError('REQUIRED', key, `${key}: is required and must not be null.`));
  const field = Object.keys(given ?? {})[0] ?? fieldOfConstant(union.byDefault);
  const value = Object.keys(union.members).find((each) => fieldOfConstant(each) === field) as string;
  if (before && before[union.by] !== value) {
    const message = `${key}.${field}: the ${nounOf(union.by)} of the ${resource.noun} is ${before[union.by]}, and cannot be changed.`;
    throw invalid(userError('INVALID', [key, field], message));
  }
  const member = union.members[value] as UnionMember;
  const changes = parsedSettings(resource, [key, field], member, given?.[field] ?? {});
  const values: Values = before ? {} : { [union.by]: value };
  const settings = { ...union.withDefaults(value as never, (before?.[key] ?? {}) as object) } as Values;
  for (const [name, attribute] of Object.entries(member.attributes)) {
    const input = inputName(resource, name, attribute);
    if (changes[input] === undefined) continue;
    if (attribute.reference)
      values[name] = await referenced(ctx, resource, attribute, [key, field, input], changes[input], mustLoad);
    else settings[name] = changes[input];
  }
  return { ...values, [key]: settings };
}

function parsedSettings(
  resource: DeclaredNode,
  [key, field]: [string, string],
  member: UnionMember,
  given: unknown,
): Values {
  const schema = hasSettings(member)
    ? z.object(
        Object.fromEntries(
          Object.entries(member.attributes).map(([name, attribute]) => [
            inputName(resource, name, attribute),
            attribute.update,
          ]),
        ),
      )
    : z.literal(true).transform(() => ({}));
  const parsed = parse(z.object({ [key]: z.object({ [field]: schema }) }), { [key]: { [field]: given } });
  return (parsed as Record<string, Record<string, Values>>)[key]?.[field] ?? {};
}

const referenced = async (
  ctx: Context,
  resource: DeclaredNode,
  { reference }: Pick<Attribute, 'reference'>,
  path: string[],
  given: unknown,
  mustLoad: boolean,
): Promise<string | null> =>
  given === null || !reference
    ? null
    : await resolveReference(ctx, targetOf(resource, reference.target), given as GivenReference, path, null, mustLoad);
