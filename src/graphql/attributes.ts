import type { EnumRef, InputRef, ObjectRef } from '@pothos/core';
import { z } from 'zod';
import { aliasText, multiLine as multiLineText, singleLine as singleLineText } from '../lib/input.ts';
import { boundedJson } from '../lib/json-value.ts';
import { fieldOfConstant } from '../lib/words.ts';
import type { SchemaTypes } from './builder.ts';
import { LIST_COST, textCost } from './cost.ts';
import type { Target } from './target.ts';

type Scalar = 'String' | 'Int' | 'Float' | 'Boolean' | 'DateTime' | 'JSON';

/** A reference to an object of another declared resource or of a type that is written by hand. */
export interface ReferenceOptions {
  readonly target: Target | 'self';
  /** The connection on the type of the target. Null: the plural of the declaring resource. */
  readonly reverse: string | null;
  /** Whether that connection also has the objects that lists omit by default. */
  readonly listsAll: boolean;
  /**
   * The effect of deleting the referenced object: it fails with IN_USE, the reference is set to null, or a hook of the
   * target changes the reference.
   */
  readonly onDelete: 'restrict' | 'clear' | 'hook';
}

/** One attribute of a resource: a column, a field of the type, and a field of the inputs. */
export interface Attribute<Value = unknown> {
  readonly type: Scalar | ['String'] | EnumRef<SchemaTypes, never> | ObjectRef<SchemaTypes, never>;
  /** The type of the field of the inputs, if it is another one. */
  readonly inputType?: InputRef<never>;
  readonly nullable: boolean;
  /** Whether the create mutation requires a value. */
  readonly required: boolean;
  readonly defaultValue?: unknown;
  /** Cannot be changed after creation. */
  readonly fixed: boolean;
  /** Is in no input, because hooks or other mutations set it. */
  readonly readOnly?: true;
  /** Has a unique index, in the organization or in the project. */
  readonly unique: boolean;
  /** Where it is unique, if not in the whole organization or project, as in `the rubric`. */
  readonly uniqueIn?: string;
  readonly create: z.ZodType;
  readonly update: z.ZodType;
  readonly description: string;
  /** Limits, as sentences for the descriptions of the inputs. */
  readonly limits: string;
  /** A sentence for the input of the create mutation. */
  readonly creation?: string;
  /** A sentence for the input of the update mutation. */
  readonly change?: string;
  readonly reference?: ReferenceOptions;
  /** What the field counts in the cost of an operation. Defaults to the cost of its type. */
  readonly cost?: number;
  /** A position without gaps, see `denseIndex`. */
  readonly isDenseIndex?: true;
  /** A list that `add…` and `remove…` change as well. */
  readonly isList?: true;
  /** Each row has one of several sets of settings, see `union`. */
  readonly union?: Union;
  /** Carries the type of the column. Has no value at run time. */
  readonly column?: (value: Value) => Value;
}

interface Common {
  /** Cannot be changed after creation. */
  fixed?: boolean;
}

const BASE = { fixed: false, unique: false, limits: '' };

const number = (value: number): string => value.toLocaleString('en');
const characters = (max: number): string => (max === 1 ? '1 character' : `${number(max)} characters`);

/** Required text of one line. */
export const singleLine = (
  max: number,
  description: string,
  { unique = false, uniqueIn, fixed = false }: Common & { unique?: boolean; uniqueIn?: string } = {},
): Attribute<string> => ({
  ...BASE,
  type: 'String',
  nullable: false,
  required: true,
  unique,
  ...(uniqueIn && { uniqueIn }),
  fixed,
  create: singleLineText(max),
  update: singleLineText(max).optional(),
  description,
  limits: `1 to ${characters(max)}.`,
});

/** Optional text of one line. */
export const optionalLine = (
  max: number,
  description: string,
  { fixed = false }: Common = {},
): Attribute<string | null> => ({
  ...BASE,
  type: 'String',
  nullable: true,
  required: false,
  fixed,
  create: singleLineText(max).nullish(),
  update: singleLineText(max).nullish(),
  description,
  limits: `1 to ${characters(max)}.`,
});

/** Optional text of several lines. */
export const multiLine = (max: number, description: string): Attribute<string | null> => ({
  ...BASE,
  type: 'String',
  nullable: true,
  required: false,
  create: multiLineText(max),
  update: multiLineText(max),
  cost: textCost(max),
  description,
  limits: `1 to ${characters(max)}.`,
});

/** Text of several lines that cannot be cleared. In a union, a hook must require it for a new row. */
export const text = (max: number, description: string): Attribute<string> => {
  const schema = multiLineText(max).unwrap().unwrap();
  return {
    ...BASE,
    type: 'String',
    nullable: false,
    required: false,
    create: schema,
    update: schema.optional(),
    cost: textCost(max),
    description,
    limits: `1 to ${characters(max)}.`,
  };
};

/** An optional short name for use in code. With it the resource is found by `alias` wherever it is found by `id`. */
export const alias = (description: string): Attribute<string | null> => ({
  ...BASE,
  type: 'String',
  nullable: true,
  required: false,
  unique: true,
  create: aliasText.nullish(),
  update: aliasText.nullish(),
  description,
  limits: '2 to 63 lower-case letters, digits, and single hyphens or underscores between them.',
});

/** One of the values of a GraphQL enum. */
export const oneOf = <const Value extends string>(
  type: EnumRef<SchemaTypes, Value>,
  values: readonly Value[],
  description: string,
  { defaultValue, fixed = false, readOnly }: Common & { defaultValue?: NoInfer<Value>; readOnly?: true } = {},
): Attribute<Value> => ({
  ...BASE,
  type: type as unknown as EnumRef<SchemaTypes, never>,
  nullable: false,
  required: defaultValue === undefined,
  defaultValue,
  fixed,
  ...(readOnly && { readOnly }),
  create: z.enum(values),
  // Null is no text, so it is reported as a missing value.
  update: z.string().pipe(z.enum(values)).optional(),
  description,
});

/** Optionally one of the values of a GraphQL enum. */
export const optionalOneOf = <const Value extends string>(
  type: EnumRef<SchemaTypes, Value>,
  values: readonly Value[],
  description: string,
): Attribute<Value | null> => ({
  ...BASE,
  type: type as unknown as EnumRef<SchemaTypes, never>,
  nullable: true,
  required: false,
  create: z.enum(values).nullish(),
  update: z.enum(values).nullish(),
  description,
});

/** A Boolean. The default is a value, or a sentence if a hook computes it. */
export const boolean = (description: string, byDefault: boolean | string): Attribute<boolean> => ({
  ...BASE,
  type: 'Boolean',
  nullable: false,
  required: false,
  ...(typeof byDefault === 'boolean' ? { defaultValue: byDefault } : { creation: byDefault }),
  create: z.boolean().nullish(),
  update: z.boolean().optional(),
  description,
});

/** An optional point in time. `limits` is a sentence for the inputs. */
export const dateTime = (description: string, limits = ''): Attribute<Date | null> => ({
  ...BASE,
  type: 'DateTime',
  nullable: true,
  required: false,
  create: z.date().nullish(),
  update: z.date().nullish(),
  description,
  limits,
});

interface Range {
  min: number;
  max: number;
}

const numeric = (type: 'Int' | 'Float', schema: z.ZodNumber, { min, max }: Range, description: string) => ({
  ...BASE,
  type,
  nullable: false,
  required: true,
  create: schema.min(min).max(max),
  update: schema.min(min).max(max).optional(),
  description,
  limits: `${number(min)} to ${number(max)}.`,
});

/** A whole number, required unless it has a default. */
export const integer = (range: Range, description: string, defaultValue?: number): Attribute<number> => ({
  ...numeric('Int', z.int(), range, description),
  ...(defaultValue !== undefined && { required: false, defaultValue }),
});

/** An optional whole number. */
export const optionalInteger = (range: Range, description: string): Attribute<number | null> => {
  const schema = z.int().min(range.min).max(range.max).nullish();
  return {
    ...numeric('Int', z.int(), range, description),
    nullable: true,
    required: false,
    create: schema,
    update: schema,
  };
};

/** A required number. */
export const decimal = (range: Range, description: string): Attribute<number> =>
  numeric('Float', z.number(), range, description);

/**
 * The position in a list without gaps, from 0. The others move to make room, and to close the gap of one that is deleted
 * or moved. The table needs a unique constraint on the column.
 */
export const denseIndex = (description: string): Attribute<number> => ({
  ...BASE,
  type: 'Int',
  nullable: false,
  required: false,
  isDenseIndex: true,
  creation: 'Defaults to the last position.',
  change: 'The objects between the old and the new position are shifted by one.',
  create: z.int().nullish(),
  update: z.int().optional(),
  description: `${description}. 0 is the first, and there are no gaps`,
});

/** A list of lines. Can be replaced as a whole, or changed with `add…` and `remove…`. */
export const lines = (max: { items: number; characters: number }, description: string): Attribute<string[]> => {
  const list = z.array(singleLineText(max.characters)).max(max.items);
  return {
    ...BASE,
    type: ['String'],
    nullable: false,
    required: false,
    defaultValue: [],
    isList: true,
    cost: Math.max(1 + LIST_COST, textCost(max.items * max.characters)),
    create: list,
    update: list.optional(),
    description,
    limits: `At most ${number(max.items)} items of 1 to ${characters(max.characters)}. Duplicates are removed.`,
  };
};

/** Characters of a JSON value, written without white space. */
const MAX_JSON = 65_536;

/** A JSON value that a zod schema accepts. */
export const json = <Value>(schema: z.ZodType<Value>, description: string, max = MAX_JSON): Attribute<Value> => {
  const bounded = schema.superRefine(boundedJson(max));
  return {
    ...BASE,
    type: 'JSON',
    nullable: false,
    required: true,
    create: bounded,
    update: bounded.optional(),
    cost: textCost(max),
    description,
    limits: `At most ${number(max)} characters of JSON.`,
  };
};

/** An optional JSON value with an object type and an input type of its own. */
export const valueObject = <Value extends object>(
  { type, inputType, schema }: ValueObject<Value>,
  description: string,
): Attribute<Value | null> => ({
  ...BASE,
  type: type as unknown as ObjectRef<SchemaTypes, never>,
  inputType: inputType as unknown as InputRef<never>,
  nullable: true,
  required: false,
  create: schema.nullish(),
  update: schema.nullish(),
  description,
});

interface ValueObject<Value extends object> {
  readonly type: ObjectRef<SchemaTypes, Value>;
  readonly inputType: InputRef<unknown>;
  readonly schema: z.ZodType<Value>;
}

/** One set of settings: `attributes` are in the JSON value, except for references, which are columns of the table. */
export interface UnionMember {
  readonly description: string;
  readonly attributes: Readonly<Record<string, Omit<Attribute, 'column'>>>;
}

export interface Union {
  /** The name of the GraphQL union. The types of the members and of the inputs have names that are made of it. */
  readonly name: string;
  /** The attribute that tells which member the row has. It is `readOnly`, and never changes. */
  readonly by: string;
  /** By the value of `by`. */
  readonly members: Readonly<Record<string, UnionMember>>;
  /** The value of `by` of a new row, if its input does not give settings. */
  readonly byDefault: string;
  /** The stored JSON value with the default of each setting that it lacks. */
  readonly withDefaults: (by: never, stored: object) => object;
}

/**
 * Settings as JSON, of which another attribute of the row tells the kind. A union in the type, and a `@oneOf` object in the
 * inputs, which determines the kind of a new row. An update changes the given settings only.
 */
export const union = (options: Union, description: string): Attribute<Record<string, unknown>> => ({
  ...BASE,
  type: 'JSON',
  nullable: false,
  required: false,
  union: options,
  creation: `Defaults to \`{ ${fieldOfConstant(options.byDefault)}: {} }\`.`,
  change: `Settings of another ${options.by} than that of the object are an error.`,
  create: z.unknown().optional(),
  update: z.unknown().optional(),
  description,
});

interface RefOptions extends Common {
  /** The connection on the type of the target. Defaults to the plural of the declaring resource. */
  reverse?: string;
  /** Whether that connection also has the objects that lists omit by default. Defaults to false. */
  listsAll?: boolean;
}

const reference = (
  target: Target | 'self',
  nullable: boolean,
  description: string,
  { reverse, listsAll = false, fixed = false }: RefOptions,
  onDelete: ReferenceOptions['onDelete'],
) => ({
  ...BASE,
  type: 'String' as const,
  nullable,
  required: !nullable,
  fixed,
  create: nullable ? z.unknown().nullish() : z.unknown(),
  update: nullable ? z.unknown().nullish() : z.unknown().optional(),
  description,
  reference: { target, reverse: reverse ?? null, listsAll, onDelete },
});

/** A required reference. The referenced object cannot be deleted. */
export const ref = (target: Target | 'self', description: string, options: RefOptions = {}): Attribute<string> =>
  reference(target, false, description, options, 'restrict');

/** An optional reference. `onDelete: 'clear'` sets it to null when the referenced object is deleted. */
export const optionalRef = (
  target: Target | 'self',
  description: string,
  { onDelete = 'restrict', ...options }: RefOptions & { onDelete?: ReferenceOptions['onDelete'] } = {},
): Attribute<string | null> => reference(target, true, description, options, onDelete);

/** The same attribute without fields in the inputs: hooks or other mutations set it. */
export const readOnly = <Value>(attribute: Attribute<Value>): Attribute<Value> => ({ ...attribute, readOnly: true });
