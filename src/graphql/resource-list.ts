import type { ObjectRef } from '@pothos/core';
import { and, eq, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { type Context, db, tenant } from '../context.ts';
import { pagesOf } from '../data/loader.ts';
import type { NestedOptions } from '../db/nested.ts';
import { type ListOptions, listPage, type PageArgs } from '../db/page.ts';
import { fromPublicId } from '../lib/ids.ts';
import { isStorable } from '../lib/storable.ts';
import { nounOf } from '../lib/words.ts';
import type { ReferenceOptions } from './attributes.ts';
import { builder, type SchemaTypes } from './builder.ts';
import { connectionOf } from './connection.ts';
import { byId, findBy } from './find-by.ts';
import { columnOfPart } from './part-fields.ts';
import { argumentsGiven, conditionsOf, costOfConditions, prepareConditions } from './resource-conditions.ts';
import { conditions, type FilterInput, filterInputOf } from './resource-filter.ts';
import { type AnyRow, columnOf, type DeclaredPart, type Resource, targetOf } from './resource-model.ts';
import { type Order, orderInputOf, orderWords, sortKeys } from './resource-order.ts';
import { costOfList } from './search.ts';
import { type ObjectKey, withSource } from './source.ts';
import { canSee, type Target, visibleIn } from './target.ts';

/** Adds the field for one object: `category(id:, alias:)`. */
export function addGetter(resource: Resource): void {
  const { type, noun, field, loadByAlias } = resource;
  const by = loadByAlias ? 'ID or alias' : 'ID';
  builder.queryField(field, (t) =>
    t.field({
      type,
      nullable: true,
      ...guardOf(resource),
      description: `The ${noun} with this ${by}. Null if it does not exist or is not visible to the caller.${loadByAlias ? ' Returns BAD_REQUEST unless exactly one of the two is given.' : ''}`,
      args: {
        id: t.arg.id({ required: !loadByAlias, description: `The ID of the ${noun}.` }),
        ...(loadByAlias && { alias: t.arg.string({ description: `The alias of the ${noun}.` }) }),
      },
      extensions: withSource({ kind: 'object', by: (args) => keyOf(resource, args) }),
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

/** The column and the value that the arguments of a getter name. Null if they are wrong or name nothing. */
function keyOf(resource: Resource, { id, alias }: { id?: string | null; alias?: string | null }): ObjectKey | null {
  if ((id == null) === (alias == null)) return null;
  const uuid = id == null ? null : fromPublicId(resource.prefix, id);
  if (uuid) return { column: resource.table.id, value: uuid };
  if (alias == null || !isStorable(alias)) return null;
  const { aliases } = resource;
  return {
    value: alias,
    ...(aliases ? { column: aliases.column, of: aliases.rows.of } : { column: columnOf(resource, 'alias') }),
  };
}

/** Adds the list of all objects that the caller can see. */
export function addList(resource: Resource): void {
  const options = listOptions(resource);
  builder.queryField(
    resource.declaration.plural,
    (t) => t.connection(options as never, connectionOf(resource.type)) as never,
  );
}

/** The list of all objects that the caller can see, as a field of a type of which the organization has one object. */
export function addListTo(type: ObjectRef<SchemaTypes, AnyRow>, resource: Resource<never>): void {
  const declared = resource as unknown as Resource;
  const known = lists.get(declared);
  if (!known) throw new Error(`${declared.name} has no list`);
  builder.objectField(
    type,
    declared.declaration.plural,
    (t) => t.connection(known as never, connectionOf(declared.type)) as never,
  );
}

// Module state like the builder, filled while the modules load. A list has one type for its filter and its order.
const lists = new Map<Resource, object>();

function listOptions(resource: Resource): object {
  const { type, project, declaration } = resource;
  const { plural, order } = declaration;
  const words = nounOf(plural);
  const filter = filterInputOf(resource);
  const orderBy = orderInputOf(resource);
  const scope = project ? 'of the projects that the caller can read' : 'of the organization';
  const options = {
    type,
    nullable: true,
    ...guardOf(resource),
    ...((declaration.filter?.search || declaration.conditions) && {
      complexity: (args: never) => costOfList(args, { conditions: costOfConditions(resource, args) }),
    }),
    description: `The ${words} ${scope}, ${orderBy ? 'by default ' : ''}ordered ${orderWords(order[0])}.`,
    args: {
      ...Object.fromEntries(
        conditionsOf(resource, 'argument').map(([name, { input }]) => [
          name,
          builder.args((t) => ({ [name]: t.field(input as never) }))[name],
        ]),
      ),
      ...(filter && {
        filter: builder.args((t) => ({
          filter: t.field({ type: filter, description: `Which ${words} to list. Defaults to all.` } as never),
        })).filter,
      }),
      ...(orderBy && {
        orderBy: builder.args((t) => ({
          orderBy: t.field({
            type: orderBy,
            description: `The order of the ${words}. Defaults to ascending order ${orderWords(order[0])}.`,
          } as never),
        })).orderBy,
      }),
    },
    extensions: withSource({
      kind: 'list',
      ...(declaration.conditions && { prepare: (ctx, args) => prepareConditions(ctx, resource, args) }),
      options: (ctx, args: ListArgs, prepared) => selected(ctx, resource, args, prepared),
    }),
    resolve: async (_parent: unknown, args: ListArgs, ctx: Context) => {
      ctx.unit.access.requireOrganization();
      const prepared = (await prepareConditions(ctx, resource, args)) ?? [];
      return await listPage(await db(ctx), selected(ctx, resource, args, prepared), args);
    },
  };
  lists.set(resource, options);
  return options;
}

type ListArgs = PageArgs & { filter?: FilterInput | null; orderBy?: Order | null };

/** The rows of a list, and their order. */
function selected(ctx: Context, resource: Resource, args: ListArgs, prepared: readonly SQL[]): ListOptions<AnyRow> {
  const { filter, orderBy } = args;
  const field = orderBy?.field ?? resource.declaration.order[0];
  return {
    reader: resource.rows.reader as ListOptions<AnyRow>['reader'],
    where: and(visible(ctx, resource), ...conditions(ctx, resource, filter ?? {}), ...prepared) as SQL,
    // The text of a prepared condition depends on data, so connections must not keep the statement.
    isPrepared: prepared.length === 0,
    asked: [tenant(ctx), filter ?? {}, ...argumentsGiven(resource, args)],
    order: sortKeys(resource, field),
    descending: orderBy?.direction === 'DESC',
  };
}

/** The guard of a field whose objects the statement selects. If the permission depends on the object, it is checked there. */
function guardOf({ permission, project, owner }: Target): object {
  if (project) return { own: true };
  return owner ? { permission, onSome: true } : { permission };
}

/** The rows that the caller can see: the guard's condition in SQL. */
const visible = (ctx: Context, resource: Resource): SQL =>
  and(eq(resource.table.organizationId, tenant(ctx)), visibleIn(ctx, resource)) as SQL;

/** Adds to the type of a target the list of the objects that refer to it. */
export function addReverseList(resource: Resource, target: Target, field: string, by: string, column: PgColumn): void {
  const description = `The ${nounOf(resource.declaration.plural)} whose \`${by}\` is this ${nounOf(target.name)}`;
  addListUnder(resource, target, field, description, (_ctx, parent) => sql`${column} = ${parent}`);
}

/** Adds lists for items that are references: of the referenced objects, and on their type of the referring ones. */
export function addPartLists(resource: Resource, part: DeclaredPart): void {
  const [key, attribute] = columnOfPart(part);
  const target = targetOf(resource, (attribute.reference as ReferenceOptions).target) as unknown as Resource;
  const column = (part.table as unknown as Record<string, PgColumn>)[key] as PgColumn;
  const through = (own: Resource, selected: PgColumn, given: PgColumn) => (ctx: Context, parent: SQL) =>
    sql`${own.table.id} in (select ${selected} from ${part.table} where ${eq(part.table.organizationId, tenant(ctx))} and ${given} = ${parent})`;
  addListUnder(target, resource, part.name, part.description, through(target, column, part.rows.of));
  if (part.reverse)
    addListUnder(
      resource,
      target,
      part.reverse.field,
      part.reverse.description,
      through(resource, part.rows.of, column),
    );
}

/** Adds to the type of a target a list of objects that is read for all parents of a response at once. */
function addListUnder(
  resource: Resource,
  target: Target,
  field: string,
  description: string,
  isUnder: (ctx: Context, parent: SQL) => SQL,
): void {
  const { type, permission, project, declaration } = resource;
  const options = (ctx: Context): NestedOptions<AnyRow> => ({
    reader: resource.rows.reader as ListOptions<AnyRow>['reader'],
    where: (parent) => and(visible(ctx, resource), isUnder(ctx, parent)) as SQL,
    asked: (parent) => [tenant(ctx), field, parent],
    order: sortKeys(resource, declaration.order[0]),
  });
  const pages = pagesOf(options);
  builder.objectField(
    target.type as ObjectRef<SchemaTypes, AnyRow>,
    field,
    (t) =>
      t.connection(
        {
          type,
          nullable: true,
          ...(project && target.project ? { permission, on: target.projectOf } : guardOf(resource)),
          description: `${description}, ordered ${orderWords(declaration.order[0])}.`,
          extensions: withSource({ kind: 'nested list', options }),
          resolve: (row: AnyRow, args: PageArgs, ctx: Context) => pages(ctx, row.id, args),
        } as never,
        connectionOf(type),
      ) as never,
  );
}
