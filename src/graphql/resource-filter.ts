import type { InputFieldMap } from '@pothos/core';
import { eq, gte, isNull, lt, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { Context } from '../context.ts';
import { containing } from '../db/search.ts';
import { fromPublicId } from '../lib/ids.ts';
import { nounOf, withArticle } from '../lib/words.ts';
import { builder, type SchemaTypes } from './builder.ts';
import { conditionsOf } from './resource-conditions.ts';
import { columnOf, type DeclaredReference, type Resource, targetOf } from './resource-model.ts';
import { searchDescription } from './search.ts';
import { type GivenReference, inputNameOf, referenceInputOf, refersTo, type Target } from './target.ts';

export type FilterInput = Record<string, unknown>;

const DateTimeRange = builder.inputType('DateTimeRange', {
  description: 'A range of time. A bound that is omitted or null does not limit the range.',
  fields: (t) => ({
    from: t.field({ type: 'DateTime', description: 'At or after this time.' }),
    to: t.field({ type: 'DateTime', description: 'Before this time.' }),
  }),
});

/** The conditions of a filter. */
export const conditions = (ctx: Context, resource: Resource, filter: FilterInput): SQL[] =>
  Object.entries(filter).flatMap(([name, value]) => (value == null ? [] : condition(ctx, resource, name, value)));

const nullByDefault = ({ declaration: { filter = {} } }: Resource): string[] =>
  Object.entries(filter).flatMap(([key, kind]) => (kind === 'null by default' ? [key] : []));

/** The conditions of a list for the references that are null by default, and that neither its parent nor its filter gives. */
export const defaultConditions = (
  resource: Resource,
  { filter = {}, parent }: { filter?: FilterInput; parent?: PgColumn },
): SQL[] =>
  nullByDefault(resource)
    .filter((key) => filter[inputNameOfReference(resource, key)] == null)
    .map((key) => columnOf(resource, key))
    .filter((column) => column !== parent)
    .map((column) => isNull(column));

/** What a list omits by default, as sentences for its description. */
export const omittedByDefault = (
  resource: Resource,
  { hasFilter }: { hasFilter: boolean },
  parent?: PgColumn,
): string =>
  nullByDefault(resource)
    .filter((key) => columnOf(resource, key) !== parent)
    .map((key) => {
      const unless = hasFilter ? `, unless the filter gives \`${inputNameOfReference(resource, key)}\`` : '';
      const noun = withArticle(nounOf(referenceOf(resource, key).name));
      return ` Omits the ${nounOf(resource.declaration.plural)} that belong to ${noun}${unless}.`;
    })
    .join('');

/** The type that an attribute of a resource refers to. */
const referenceOf = (resource: Resource, key: string): Target =>
  targetOf(resource, (resource.references.find((one) => one.key === key) as DeclaredReference).target);

const inputNameOfReference = (resource: Resource, key: string): string => inputNameOf(key, referenceOf(resource, key));

function condition(ctx: Context, resource: Resource, name: string, value: unknown): SQL[] {
  const { declaration, attributes, project } = resource;
  // Its condition is prepared before.
  if (declaration.conditions?.[name]) return [];
  const computed = declaration.computed?.[name];
  if (computed?.filter) return [computed.filter(value as never, ctx.dependencies.clock())];
  if (name === 'search') return searchIn(resource, value as string);
  if (name === 'projectId' && project) {
    const id = fromPublicId('prj', value as string);
    return [id ? eq(project, id) : sql`false`];
  }
  const reference = attributes.find(
    ([key, one]) => one.reference && inputNameOf(key, targetOf(resource, one.reference.target)) === name,
  );
  if (reference?.[1].reference) {
    const target = targetOf(resource, reference[1].reference.target);
    return [refersTo(ctx, target, columnOf(resource, reference[0]), value as GivenReference)];
  }
  const column = columnOf(resource, name);
  if ((declaration.filter as Record<string, unknown>)[name] !== 'range') return [eq(column, value)];
  const { from, to } = value as { from?: Date | null; to?: Date | null };
  return [...(from ? [gte(column, from)] : []), ...(to ? [lt(column, to)] : [])];
}

function searchIn(resource: Resource, text: string): SQL[] {
  const columns = (resource.declaration.filter?.search ?? []) as readonly string[];
  return [
    containing(
      columns.map((key) => columnOf(resource, key)),
      text,
    ) ?? [],
  ].flat();
}

type InputFields = PothosSchemaTypes.InputFieldBuilder<SchemaTypes, 'InputObject'>;

/** The input type of the filter. Null if the declaration has no filter. */
export function filterInputOf(resource: Resource) {
  const { name, declaration, project, noun } = resource;
  const { filter = {}, computed = {}, plural } = declaration;
  const keys = Object.keys(filter).filter((key) => key !== 'search');
  const own = conditionsOf(resource, 'filter field');
  const byComputed = Object.entries(computed).filter(([, one]) => one.filter);
  if (keys.length + byComputed.length + own.length === 0 && !('search' in filter) && !project) return null;
  return builder.inputType(`${name}Filter`, {
    description: `Selects the ${nounOf(plural)} that match all given fields.`,
    fields: (t) =>
      ({
        ...(project && {
          projectId: t.id({ description: `The ID of the project that the ${nounOf(plural)} belong to.` }),
        }),
        ...Object.fromEntries(keys.map((key) => filterField(t, resource, key))),
        ...Object.fromEntries(
          byComputed.map(([key, { type }]) => [key, t.field({ type, description: `The value of \`${key}\`.` })]),
        ),
        ...Object.fromEntries(own.map(([key, { input }]) => [key, t.field(input as never)])),
        ...('search' in filter && {
          search: t.string({
            description: searchDescription(filter.search as readonly string[], noun),
          }),
        }),
      }) as InputFieldMap,
  });
}

function filterField(t: InputFields, resource: Resource, key: string) {
  const attribute = resource.attributes.find(([one]) => one === key)?.[1];
  if (resource.declaration.filter?.[key as never] === ('range' as never))
    return [key, t.field({ type: DateTimeRange, description: `The range of \`${key}\`.` })];
  if (attribute?.reference) {
    const target = targetOf(resource, attribute.reference.target);
    const by = target.loadByAlias ? 'ID or alias' : 'ID';
    const omitted = resource.declaration.filter?.[key as never] === ('null by default' as never);
    const byDefault = omitted ? ` By default, only ${nounOf(resource.declaration.plural)} without one are listed.` : '';
    const description = `The ${by} of the ${nounOf(target.name)} in the field \`${key.slice(0, -2)}\`.${byDefault}`;
    const options = { type: referenceInputOf(target), visibleWith: target.permission, description };
    return [inputNameOf(key, target), t.field(options)];
  }
  return [key, t.field({ type: attribute?.type ?? 'String', description: `The value of \`${key}\`.` } as never)];
}
