import type { InputRef, ObjectRef } from '@pothos/core';
import type { GraphQLResolveInfo } from 'graphql';
import { z } from 'zod';
import type { Context } from '../context.ts';
import type { Item, PartRow } from '../data/parts.ts';
import type { TenantTable } from '../data/rows.ts';
import { aliasText, singleLine as singleLineText } from '../lib/input.ts';
import type { Attribute } from './attributes.ts';
import { builder, type SchemaTypes } from './builder.ts';
import { inputNameOf, referenceOptions, type Target } from './target.ts';

/** An attribute whatever the type of its column. */
export type ColumnAttribute = Omit<Attribute, 'column'>;

/** Items of an object that are rows of a child table, such as the tags of a service. */
export interface Part {
  readonly table: TenantTable;
  /** The column with the ID of the object. */
  readonly of: string;
  /** The columns of an item. */
  readonly columns: Readonly<Record<string, ColumnAttribute>>;
  /** The columns that identify an item of an object. The table needs a unique key of them. */
  readonly key: readonly string[];
  /** Maximum number of items of an object. */
  readonly max: number;
  readonly description: string;
  /** The types of an item. Null if it is a single value. */
  readonly type: ItemType | null;
  /** Whether the items are aliases: the object is found by each of them. */
  readonly isAlias?: true;
  /** The list on the type of the target, if the items are references. */
  readonly reverse?: { readonly field: string; readonly description: string };
}

/** The GraphQL types of an item with several columns. Several resources can use them. */
export interface ItemType {
  readonly name: string;
  readonly columns: Readonly<Record<string, ColumnAttribute>>;
  readonly key: readonly string[];
  readonly output: ObjectRef<SchemaTypes, PartRow>;
  readonly input: InputRef<Item>;
  /** Identifies an item. An ID if the only column of the key is a reference that takes one. */
  readonly keyInput: InputRef<Item> | 'ID';
  readonly schema: z.ZodType<Item>;
}

interface ItemOptions {
  description: string;
  columns: Readonly<Record<string, ColumnAttribute>>;
  /** Defaults to all columns. */
  key?: readonly string[];
  /** The reason why an item is invalid, and the column. Null if it is valid. */
  refuse?: (item: never) => { column: string; message: string } | null;
}

/** Declares the types of an item: `Tag` gives `Tag`, `TagInput` and, if not all columns identify it, `TagKeyInput`. */
export function itemType(name: string, { description, columns, key, refuse }: ItemOptions): ItemType {
  const keys = key ?? Object.keys(columns);
  const inputOf = (inputName: string, what: string, of: readonly string[]): InputRef<Item> =>
    builder.inputType(inputName, {
      description: what,
      fields: (t: ItemInputs) =>
        Object.fromEntries(of.map((column) => itemInput(t, column, columns[column] as Attribute))),
    } as never) as unknown as InputRef<Item>;
  const output = builder.objectRef<PartRow>(name).implement({
    description,
    public: true,
    fields: (t) =>
      Object.fromEntries(
        Object.entries(columns).map(([column, attribute]) => itemField(t as never, column, attribute)),
      ) as never,
  });
  const input = inputOf(`${name}Input`, `The fields of a \`${name}\`.`, Object.keys(columns));
  const isReference = keys.length === 1 && columns[keys[0] as string]?.reference;
  const keyInput = isReference
    ? 'ID'
    : keys.length === Object.keys(columns).length
      ? input
      : inputOf(`${name}KeyInput`, `Identifies a \`${name}\` of an object.`, keys);
  const shape = Object.entries(columns).map(([column, attribute]) => [nameOf(column, attribute), attribute.create]);
  const schema = z.object(Object.fromEntries(shape) as Record<string, z.ZodType>).superRefine((item, ctx) => {
    const problem = refuse?.(item as never);
    if (problem) ctx.addIssue({ code: 'custom', path: [problem.column], message: problem.message });
  });
  return { name, columns, key: keys, output, input, keyInput, schema: schema as never };
}

/** The name of the input field of a column. */
export const nameOf = (column: string, { reference }: Attribute): string =>
  reference ? inputNameOf(column, reference.target as Target) : column;

type ItemInputs = PothosSchemaTypes.InputFieldBuilder<SchemaTypes, 'InputObject'>;

function itemInput(t: ItemInputs, column: string, one: Attribute) {
  const { reference, required, description, limits } = one;
  const options = reference ? referenceOptions(reference.target as Target) : { type: one.type };
  const text = [`${description}.`, ...(limits ? [limits] : []), ...(one.creation ? [one.creation] : [])].join(' ');
  return [nameOf(column, one), t.field({ ...options, required, description: text } as never)];
}

type ItemFields = PothosSchemaTypes.ObjectFieldBuilder<SchemaTypes, PartRow>;

function itemField(t: ItemFields, column: string, one: Attribute) {
  const { reference, type, nullable, description, cost } = one;
  if (reference) return [column.slice(0, -2), referencedField(t, reference.target as Target, column, one)];
  const text = `${description}.${nullable ? ' Null if there is none.' : ''}`;
  return [
    column,
    t.expose(column as never, { type, nullable, description: text, ...(cost && { complexity: cost }) } as never),
  ];
}

const referencedField = (t: ItemFields, target: Target, column: string, { description }: Attribute) =>
  t.field({
    type: target.type,
    nullable: true,
    description: `${description}. Null if it is not visible to the caller.`,
    resolve: (row: PartRow, _args: object, ctx: Context, info: GraphQLResolveInfo) =>
      target.load(ctx, row[column] as string, info),
  } as never);

interface PartOptions {
  table: TenantTable;
  of: string;
  max: number;
}

/** Items with several columns. */
export const items = (type: ItemType, description: string, options: PartOptions): Part => ({
  ...options,
  description,
  type,
  columns: type.columns,
  key: type.key,
});

const text = (schema: z.ZodType, description: string, limits: string): Attribute<string> => ({
  type: 'String',
  nullable: false,
  required: true,
  fixed: false,
  unique: false,
  create: schema,
  update: schema,
  description,
  limits,
});

/** Items of one text. The column is named by `column`. */
export const texts = (
  description: string,
  { column, characters, ...options }: PartOptions & { column: string; characters: number },
): Part => ({
  ...options,
  description,
  type: null,
  columns: { [column]: text(singleLineText(characters), description, `1 to ${characters} characters.`) },
  key: [column],
});

/**
 * Short names for use in code, in a column `alias` with a unique index. The object is found by each of them wherever it is
 * found by its ID. At creation and at each change of the name, the slug of the name is added.
 */
export const aliases = (description: string, options: PartOptions): Part => ({
  ...options,
  description,
  type: null,
  columns: {
    alias: text(
      aliasText,
      description,
      '2 to 63 lower-case letters, digits, and single hyphens or underscores between them.',
    ),
  },
  key: ['alias'],
  isAlias: true,
});

/** References to other objects. They are read as a list of these objects. */
export const references = (
  attribute: ColumnAttribute,
  description: string,
  { column, ...options }: PartOptions & { column: string; reverse?: NonNullable<Part['reverse']> },
): Part => ({ ...options, description, type: null, columns: { [column]: attribute }, key: [column] });
