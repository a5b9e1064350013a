import type { InputFieldMap } from '@pothos/core';
import { and, eq, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { type Context, tenant } from '../context.ts';
import type { PartRow } from '../data/parts.ts';
import { andThen } from '../lib/maybe-promise.ts';
import type { Attribute } from './attributes.ts';
import type { SchemaTypes } from './builder.ts';
import { LIST_COST, textCost } from './cost.ts';
import { type Fields as InputFields, limitsOf } from './part-inputs.ts';
import {
  type AnyRow,
  type DeclaredNode,
  type DeclaredPart,
  partInputs,
  targetOf,
  type When,
} from './resource-model.ts';
import { type PartSource, withSource } from './source.ts';
import { referenceOptions } from './target.ts';

type Fields = PothosSchemaTypes.ObjectFieldBuilder<SchemaTypes, AnyRow>;

/** The only column of an item that is a single value. */
export const columnOfPart = ({ columns }: DeclaredPart): [name: string, attribute: Attribute] =>
  Object.entries(columns)[0] as [string, Attribute];

/** Whether the items are references, which are read as a list of the referenced objects. */
export const hasReferences = (part: DeclaredPart): boolean =>
  part.type === null && columnOfPart(part)[1].reference !== undefined;

/** The fields that read the items of an object. */
export const partFields = (t: Fields, { parts }: DeclaredNode) =>
  Object.fromEntries(parts.filter((part) => !hasReferences(part)).map((part) => [part.name, partField(t, part)]));

function partField(t: Fields, part: DeclaredPart) {
  const { type, rows, max, description, isAlias } = part;
  const [column] = columnOfPart(part);
  const slugs = isAlias ? ' The slug of each name that the object has had is one of them, unless it was removed.' : '';
  const value = (found: PartRow[] | null): unknown[] => {
    const shown = (found ?? []).slice(0, max);
    return type ? shown : shown.map((row) => row[column]);
  };
  return t.field({
    type: [type?.output ?? 'String'],
    description: `${description}, in the order in which they were added. At most ${max}.${slugs}`,
    complexity: type ? { field: 1, multiplier: Math.min(max, MOST_ITEMS) } : costOfTexts(part),
    extensions: withSource(sourceOf(part)),
    resolve: (row: AnyRow, _args: object, ctx: Context) => andThen(rows.find(ctx, row.id), value),
  } as never);
}

/** A list of items counts as this many in the cost of an operation, unless fewer are allowed. */
const MOST_ITEMS = 50;

/** Texts of one line are short. */
const costOfTexts = ({ max }: DeclaredPart): number => Math.max(1 + LIST_COST, textCost(max * 100));

function sourceOf({ table, rows, type, max, ...part }: DeclaredPart): PartSource {
  return {
    kind: 'part',
    rows: { table, prefix: '', id: table.id, organization: table.organizationId, project: null },
    column: type ? null : columnNamed(table, Object.keys(part.columns)[0] as string),
    max,
    options: (ctx) => ({
      reader: { table },
      where: (parent: SQL) => and(eq(table.organizationId, tenant(ctx)), sql`${rows.of} = ${parent}`) as SQL,
      asked: () => [],
      order: [{ column: table.id, key: (row: { id: string }) => row.id }],
    }),
  };
}

const columnNamed = (table: object, name: string): PgColumn => (table as Record<string, PgColumn>)[name] as PgColumn;

/** The input fields for the items: `tags` of the create mutation, `addTags` and `removeTags` of the update mutation. */
export const partInputFields = (t: InputFields, resource: DeclaredNode, when: When): InputFieldMap =>
  Object.fromEntries(
    resource.parts.flatMap((part) => {
      const { add, remove } = partInputs(part, when);
      const { description, max, type } = part;
      const [, attribute] = columnOfPart(part);
      const target = type === null && attribute.reference ? targetOf(resource, attribute.reference.target) : null;
      const own = target ? referenceOptions(target) : { type: 'String' };
      const list = (item: unknown, text: string) =>
        t.field({ ...(target && own), type: [item], description: text } as never);
      const limits = [limitsOf(part), part.isAlias ? 'Unique in the organization.' : ''].filter(Boolean);
      const sentences = (...texts: string[]): string => texts.filter(Boolean).join(' ');
      if (!remove) {
        const text = sentences(`${description}.`, `At most ${max}.`, ...limits, 'Duplicates are removed.');
        return [[add, list(type?.input ?? own.type, text)]];
      }
      const updates = type && type.key.length < Object.keys(type.columns).length;
      const toAdd = sentences(
        `Items to add to \`${part.name}\`, which can have at most ${max}.`,
        ...limits,
        updates ? 'The given fields of an item that exists are updated.' : '',
      );
      const toRemove = `Items to remove from \`${part.name}\`. Items that do not exist are ignored. An item that is also in \`${add}\` is kept.`;
      return [
        [add, list(type?.input ?? own.type, toAdd)],
        [remove, list(type?.keyInput ?? own.type, toRemove)],
      ];
    }),
  );
