import type { InputFieldMap, ObjectRef } from '@pothos/core';
import { and, eq, gte, lt, or, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { z } from 'zod';
import { type Context, db, tenant } from '../context.ts';
import { pagesOf } from '../data/loader.ts';
import { inProjects } from '../data/project-scope.ts';
import { type ListOptions, listPage, type Page, type PageArgs } from '../db/page.ts';
import { fromPublicId } from '../lib/ids.ts';
import { parse } from '../lib/input.ts';
import { builder, type SchemaTypes } from './builder.ts';
import { connectionOf } from './connection.ts';
import { byId, findBy } from './find-by.ts';
import { type AnyRow, columnOf, inputNameOf, type Resource, targetOf } from './resource-model.ts';
import { canSee, type GivenReference, loadReferenced, referenceInputOf, type Target } from './target.ts';
import { capitalized, nounOf } from './words.ts';

type FilterInput = Record<string, unknown>;

interface Order {
  field: string;
  direction: 'ASC' | 'DESC';
}

export const OrderDirection = builder.enumType('OrderDirection', {
  description: 'The direction of an order.',
  values: { ASC: { description: 'Ascending.' }, DESC: { description: 'Descending.' } } as const,
});

const DateTimeRange = builder.inputType('DateTimeRange', {
  description: 'A range of time. A missing bound is no bound.',
  fields: (t) => ({
    from: t.field({ type: 'DateTime', description: 'At or after this time.' }),
    to: t.field({ type: 'DateTime', description: 'Before this time.' }),
  }),
});

/** Adds the field for one object: `category(id:, alias:)`. */
export function addGetter(resource: Resource): void {
  const { type, noun, field, permission, project, loadByAlias } = resource;
  const by = loadByAlias ? 'ID or alias. Exactly one of the two is required' : 'ID';
  builder.queryField(field, (t) =>
    t.field({
      type,
      nullable: true,
      permission,
      ...(project && { own: true }),
      description: `The ${noun} with this ${by}. Null if it does not exist or the caller may not see it.`,
      args: {
        id: t.arg.id({ required: !loadByAlias, description: `The ID of the ${noun}.` }),
        ...(loadByAlias && { alias: t.arg.string({ description: `The alias of the ${noun}.` }) }),
      },
      resolve: async (_root: unknown, args: { id?: string | null; alias?: string | null }, ctx: Context) => {
        ctx.unit.access.requireOrganization();
        const id = byId(resource.prefix, (uuid) => resource.load(ctx, uuid));
        const row = await (loadByAlias
          ? findBy(args, { id, alias: (alias) => loadByAlias(ctx, alias) })
          : findBy(args, { id }));
        return row && canSee(ctx, resource, row) ? row : null;
      },
    } as never),
  );
}

/** Adds the list of all objects that the caller can see. */
export function addList(resource: Resource): void {
  const { type, permission, project, declaration } = resource;
  const { plural, order } = declaration;
  const words = nounOf(plural);
  const filter = filterInputOf(resource);
  const orderBy = orderInputOf(resource);
  const scope = project ? 'of the projects that the caller can read' : 'of the organization';
  builder.queryField(
    plural,
    (t) =>
      t.connection(
        {
          type,
          nullable: true,
          permission,
          ...(project && { own: true }),
          description: `The ${words} ${scope}, ${orderWords(order[0])} by default.`,
          args: {
            ...(filter && { filter: t.arg({ type: filter, description: `Which ${words} to list. Defaults to all.` }) }),
            ...(orderBy && { orderBy: t.arg({ type: orderBy, description: `The order of the ${words}.` }) }),
          },
          resolve: async (
            _root: unknown,
            args: PageArgs & { filter?: FilterInput | null; orderBy?: Order | null },
            ctx: Context,
          ) => {
            ctx.unit.access.requireOrganization();
            return await list(ctx, resource, args);
          },
        } as never,
        connectionOf(type),
      ) as never,
  );
}

const orderWords = (key: string): string =>
  key === 'createdAt'
    ? 'in the order of creation'
    : key === 'index'
      ? 'in the order of `index`'
      : `ordered by ${nounOf(key)}`;

async function list(
  ctx: Context,
  resource: Resource,
  { filter, orderBy, ...page }: PageArgs & { filter?: FilterInput | null; orderBy?: Order | null },
): Promise<Page<AnyRow>> {
  const field = orderBy?.field ?? resource.declaration.order[0];
  const where = and(visible(ctx, resource), ...(await conditions(ctx, resource, filter ?? {}))) as SQL;
  return await listPage<AnyRow>(
    await db(ctx),
    {
      reader: resource.rows.reader as ListOptions<AnyRow>['reader'],
      where,
      asked: [tenant(ctx), filter ?? {}],
      order: sortKeys(resource, field),
      descending: orderBy?.direction === 'DESC',
    },
    page,
  );
}

/** The rows that the caller can see. For a project resource, the guard's condition in SQL. */
function visible(ctx: Context, { table, project, permission }: Resource): SQL {
  return and(eq(table.organizationId, tenant(ctx)), project ? inProjects(ctx, project, permission) : undefined) as SQL;
}

/** IDs are UUIDv7, so their order is the order of creation. */
function sortKeys(resource: Resource, field: string) {
  const keys = field === 'createdAt' ? ['id'] : field === 'index' ? ['index'] : [field, 'id'];
  return keys.map((key) => ({ column: columnOf(resource, key), key: (row: AnyRow) => keyOf(row[key]) }));
}

const keyOf = (value: unknown): string | number =>
  value instanceof Date ? value.toISOString() : (value as string | number);

const Search = z.object({ search: z.string().max(100) });

async function conditions(ctx: Context, resource: Resource, filter: FilterInput): Promise<SQL[]> {
  const all = Object.entries(filter).filter(([, value]) => value != null);
  return (await Promise.all(all.map(([name, value]) => condition(ctx, resource, name, value)))).flat();
}

async function condition(ctx: Context, resource: Resource, name: string, value: unknown): Promise<SQL[]> {
  const { declaration, attributes, project } = resource;
  const computed = declaration.computed?.[name];
  if (computed?.filter) return [computed.filter(value as never, ctx.dependencies.clock())];
  if (name === 'search') return searchIn(resource, parse(Search, { search: value }).search);
  if (name === 'projectId' && project) return [equals(project, fromPublicId('prj', value as string))];
  const reference = attributes.find(
    ([key, one]) => one.reference && inputNameOf(key, targetOf(resource, one.reference.target)) === name,
  );
  if (reference?.[1].reference) {
    const target = targetOf(resource, reference[1].reference.target);
    const row = await loadReferenced(ctx, target, value as GivenReference);
    return [equals(columnOf(resource, reference[0]), row?.id ?? null)];
  }
  const column = columnOf(resource, name);
  if ((declaration.filter as Record<string, unknown>)[name] !== 'range') return [eq(column, value)];
  const { from, to } = value as { from?: Date | null; to?: Date | null };
  return [...(from ? [gte(column, from)] : []), ...(to ? [lt(column, to)] : [])];
}

/** A reference to an object that does not exist matches nothing. */
const equals = (column: PgColumn, id: string | null): SQL => (id ? eq(column, id) : sql`false`);

/**
 * Not LIKE, so `%` and `_` are ordinary characters. Reads all rows of the organization: under row-level security
 * PostgreSQL uses no trigram index, because its operators are not leakproof.
 */
function searchIn(resource: Resource, text: string): SQL[] {
  const columns = (resource.declaration.filter?.search ?? []) as readonly string[];
  const matches = columns.map((key) => sql`strpos(lower(${columnOf(resource, key)}), lower(${text})) > 0`);
  return text === '' ? [] : [or(...matches) as SQL];
}

type InputFields = PothosSchemaTypes.InputFieldBuilder<SchemaTypes, 'InputObject'>;

function filterInputOf(resource: Resource) {
  const { name, declaration, project, noun } = resource;
  const { filter = {}, computed = {}, plural } = declaration;
  const keys = Object.keys(filter).filter((key) => key !== 'search');
  const byComputed = Object.entries(computed).filter(([, one]) => one.filter);
  if (keys.length + byComputed.length === 0 && !('search' in filter) && !project) return null;
  return builder.inputType(`${name}Filter`, {
    description: `Selects ${nounOf(plural)} that match all given fields.`,
    fields: (t) =>
      ({
        ...(project && { projectId: t.id({ description: 'In this project.' }) }),
        ...Object.fromEntries(keys.map((key) => filterField(t, resource, key))),
        ...Object.fromEntries(
          byComputed.map(([key, { type }]) => [key, t.field({ type, description: `With this value of \`${key}\`.` })]),
        ),
        ...('search' in filter && {
          search: t.string({
            description: `With this text in ${(filter.search as readonly string[]).map((key) => `\`${key}\``).join(' or ')}, ignoring case. At most 100 characters. Reads every ${noun} of the organization, so its cost grows with their number.`,
          }),
        }),
      }) as InputFieldMap,
  });
}

function filterField(t: InputFields, resource: Resource, key: string) {
  const attribute = resource.attributes.find(([one]) => one === key)?.[1];
  if (resource.declaration.filter?.[key as never] === ('range' as never))
    return [key, t.field({ type: DateTimeRange, description: `With \`${key}\` in this range.` })];
  if (attribute?.reference) {
    const target = targetOf(resource, attribute.reference.target);
    const description = `With this ${nounOf(target.name)} as \`${key.slice(0, -2)}\`.`;
    return [inputNameOf(key, target), t.field({ type: referenceInputOf(target), description })];
  }
  return [key, t.field({ type: attribute?.type ?? 'String', description: `With this value of \`${key}\`.` } as never)];
}

function orderInputOf({ name, declaration }: Resource) {
  const { order, plural } = declaration;
  if (order.length < 2) return null;
  const values = Object.fromEntries(
    order.map((key) => [constantOf(key), { value: key, description: `${capitalized(orderWords(key))}.` }]),
  );
  const field = builder.enumType(`${name}OrderField`, {
    description: `What ${nounOf(plural)} can be ordered by.`,
    values,
  });
  return builder.inputType(`${name}Order`, {
    description: `The order of ${nounOf(plural)}.`,
    fields: (t) => ({
      field: t.field({ type: field, required: true, description: 'What to order by.' }),
      direction: t.field({ type: OrderDirection, required: true, defaultValue: 'ASC', description: 'The direction.' }),
    }),
  });
}

const constantOf = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

/** Adds to the type of a target the list of the objects that refer to it. */
export function addReverseList(resource: Resource, target: Target, field: string, by: string, column: PgColumn): void {
  const { type, permission, project, declaration } = resource;
  const pages = pagesOf<AnyRow>((ctx) => ({
    reader: resource.rows.reader as ListOptions<AnyRow>['reader'],
    where: (parent) => and(visible(ctx, resource), sql`${column} = ${parent}`) as SQL,
    asked: (parent) => [tenant(ctx), field, parent],
    order: sortKeys(resource, declaration.order[0]),
  }));
  builder.objectField(
    target.type as ObjectRef<SchemaTypes, AnyRow>,
    field,
    (t) =>
      t.connection(
        {
          type,
          nullable: true,
          permission,
          ...(project && (target.project ? { on: target.projectOf } : { own: true })),
          description: `The ${nounOf(declaration.plural)} whose \`${by}\` is this ${nounOf(target.name)}, ${orderWords(declaration.order[0])}.`,
          resolve: (row: AnyRow, args: PageArgs, ctx: Context) => pages(ctx, row.id, args),
        } as never,
        connectionOf(type),
      ) as never,
  );
}
