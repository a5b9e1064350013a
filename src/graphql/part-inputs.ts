import type { Context } from '../context.ts';
import type { Item, PartChange, PartRow } from '../data/parts.ts';
import { invalid, type UserError, userError } from '../lib/errors.ts';
import type { Attribute } from './attributes.ts';
import type { SchemaTypes } from './builder.ts';
import { nameOf } from './parts.ts';
import { type DeclaredNode, type DeclaredPart, partInputs, targetOf, type When } from './resource-model.ts';
import { type GivenReference, inputNameOf, publicIdIn, resolveReference, type Target } from './target.ts';

export type Fields = PothosSchemaTypes.InputFieldBuilder<SchemaTypes, 'InputObject'>;

/** The items of a part that an input adds and removes. */
export interface GivenItems {
  readonly part: DeclaredPart;
  readonly add: readonly Item[];
  readonly remove: readonly Item[];
}

/** The limits of single texts, as a sentence. */
export const limitsOf = ({ type, columns }: DeclaredPart): string =>
  type ? '' : (Object.values(columns)[0] as Attribute).limits;

/** The items of an input, for the parts that it mentions. */
export async function itemsIn(
  ctx: Context,
  resource: DeclaredNode,
  when: When,
  parsed: Item,
  errors: UserError[],
  mustLoad: boolean,
): Promise<GivenItems[]> {
  const given: GivenItems[] = [];
  for (const part of resource.parts) {
    const names = partInputs(part, when);
    const [add, remove] = [parsed[names.add], names.remove ? parsed[names.remove] : null] as (unknown[] | null)[];
    if (add == null && remove == null) continue;
    given.push({
      part,
      add: await resolved(ctx, resource, part, names.add, add ?? [], errors, mustLoad),
      remove: await resolved(ctx, resource, part, names.remove ?? '', remove ?? [], null, mustLoad),
    });
  }
  return given;
}

/** The columns of items. Without `errors`, references to objects that do not exist are left out. */
async function resolved(
  ctx: Context,
  resource: DeclaredNode,
  part: DeclaredPart,
  name: string,
  values: readonly unknown[],
  errors: UserError[] | null,
  mustLoad: boolean,
): Promise<Item[]> {
  const found = await Promise.all(
    values.map((value, at) => itemOf(ctx, resource, part, value, [name, String(at)], errors, mustLoad)),
  );
  return found.filter((item) => item !== null);
}

async function itemOf(
  ctx: Context,
  resource: DeclaredNode,
  part: DeclaredPart,
  value: unknown,
  path: readonly string[],
  errors: UserError[] | null,
  mustLoad: boolean,
): Promise<Item | null> {
  const item: Item = {};
  let isValid = true;
  for (const [column, attribute] of Object.entries(part.columns)) {
    const isOnly = part.type === null || (typeof value !== 'object' && part.key.length === 1 && part.key[0] === column);
    if (typeof value !== 'object' && !isOnly) continue;
    const given = isOnly ? value : (value as Item)[nameOf(column, attribute)];
    // Null in a column that cannot be null means its default.
    const own = given === null && !attribute.nullable ? undefined : given;
    if (!attribute.reference || own == null) {
      item[column] = typeof own === 'string' && errors === null ? own.trim() : own;
      continue;
    }
    const target = targetOf(resource, attribute.reference.target);
    const at = isOnly ? path : [...path, inputNameOf(column, target)];
    try {
      item[column] = await resolveReference(ctx, target, own as GivenReference, at.join('.'), null, mustLoad);
    } catch (error) {
      isValid = false;
      const reported = (error as { userErrors?: readonly UserError[] }).userErrors;
      if (!reported) throw error;
      errors?.push(...reported.map((one) => ({ ...one, path: [...at] })));
    }
  }
  return isValid ? item : null;
}

/** Refuses a change after which an object has too many items. */
export function refuseTooMany({ part: { name, max } }: GivenItems, { after }: PartChange, when: When): void {
  if (after.length <= max) return;
  const path = when === 'create' ? name : partInputs({ name } as DeclaredPart, when).add;
  throw invalid(userError('LIMIT_EXCEEDED', path, `${path}: there can be at most ${max} ${name}.`));
}

/** Refuses an item that refers to its own object. */
export function refuseSelf({ part, add }: GivenItems, id: string, when: When): void {
  for (const [column, { reference }] of Object.entries(part.columns)) {
    const at = reference?.target === 'self' ? add.findIndex((item) => item[column] === id) : -1;
    if (at < 0) continue;
    const path = [partInputs(part, when).add, String(at)];
    throw invalid(userError('INVALID', path, `${path.join('.')}: an object cannot refer to itself.`));
  }
}

/** The items as an audit event contains them: texts, public IDs, or objects. */
export const auditedItems = (
  ctx: Context,
  resource: DeclaredNode,
  { columns, type }: DeclaredPart,
  rows: readonly PartRow[],
): Promise<unknown[]> =>
  Promise.all(
    rows.map(async (row) => {
      const entries = await Promise.all(
        Object.entries(columns).map(async ([column, { reference }]) => {
          const target = reference && (targetOf(resource, reference.target) as Target);
          const value = row[column] ?? null;
          return [column, target && value !== null ? await publicIdIn(ctx, target, value as string) : value] as const;
        }),
      );
      return type ? Object.fromEntries(entries) : entries[0]?.[1];
    }),
  );
