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
import { conditions, defaultConditions, type FilterInput, filterInputOf, omittedByDefault } from './resource-filter.ts';
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
  const inputs = { filter: filterInputOf(resource), orderBy: orderInputOf(resource) };
  listInputs.set(resource, inputs);
  const options = listOptions(resource, inputs);
  builder.queryField(
    resource.declaration.plural,
    (t) => t.connection(options as never, connectionOf(resource.type)) as never,
  );
}

/** The objects that a list is limited to, whatever its filter is. */
export interface Limit {
  /** A sentence for the description of the list. */
  readonly description: string;
  readonly where: (ctx: Context) => SQL;
}

/** The list of all objects that the caller can see, as a field of a type of which the organization has one object. */
export function addListTo(type: ObjectRef<SchemaTypes, AnyRow>, resource: Resource<never>, limit?: Limit): void {
  const declared = resource as unknown as Resource;
  const inputs = listInputs.get(declared);
  if (!inputs) throw new Error(`${declared.name} has no list`);
  const options = listOptions(declared, inputs, limit);
  builder.objectField(
    type,
    declared.declaration.plural,
    (t) => t.connection(options as never, connectionOf(declared.type)) as never,
  );
}

interface ListInputs {
  filter: ReturnType<typeof filterInputOf>;
  orderBy: ReturnType<typeof orderInputOf>;
}

// Module state like the builder, filled while the modules load. The lists of a resource share the types of their arguments.
const listInputs = new Map<Resource, ListInputs>();

function listOptions(resource: Resource, { filter, orderBy }: ListInputs, limit?: Limit): object {
  const { type, project, declaration } = resource;
  const { plural, order } = declaration;
  const words = nounOf(plural);
  const omitted = limit ? ` ${limit.description}` : omittedByDefault(resource, { hasFilter: true });
  const scope = project ? 'of the projects that the caller can read' : 'of the organization';
  return {
    type,
    nullable: true,
    ...guardOf(resource),
    ...((declaration.filter?.search || declaration.conditions) && {
      complexity: (args: never) => costOfList(args, { conditions: costOfConditions(resource, args) }),
    }),
    description: `The ${words} ${scope}, ${orderBy ? 'by default ' : ''}ordered ${orderWords(order[0])}.${omitted}`,
    args: {
      ...Object.fromEntries(
        conditionsOf(resource, 'argument').map(([name, { input }]) => [
          name,
          builder.args((t) => ({ [name]: t.field(input as never) }))[name],
        ]),
      ),
      ...(filter && {
        filter: builder.args((t) => ({
          filter: t.field({
            type: filter,
            description: `Which ${words} to list. Defaults to all${omitted && ' that are not omitted'}.`,
          } as never),
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
      options: (ctx, args: ListArgs, prepared) => selected(ctx, resource, args, prepared, limit),
    }),
    resolve: async (_parent: unknown, args: ListArgs, ctx: Context) => {
      ctx.unit.access.requireOrganization();
      const prepared = (await prepareConditions(ctx, resource, args)) ?? [];
      return await listPage(await db(ctx), selected(ctx, resource, args, prepared, limit), args);
    },
  };
}

type ListArgs = PageArgs & { filter?: FilterInput | null; orderBy?: Order | null };

/** The rows of a list, and their order. */
function selected(
  ctx: Context,
  resource: Resource,
  args: ListArgs,
  prepared: readonly SQL[],
  limit?: Limit,
): ListOptions<AnyRow> {
  const { orderBy } = args;
  const filter = args.filter ?? {};
  const field = orderBy?.field ?? resource.declaration.order[0];
  return {
    reader: resource.rows.reader as ListOptions<AnyRow>['reader'],
    where: and(
      visible(ctx, resource),
      ...(limit ? [limit.where(ctx)] : defaultConditions(resource, { filter })),
      ...conditions(ctx, resource, filter),
      ...prepared,
    ) as SQL,
    // The text of a prepared condition depends on data, so connections must not keep the statement.
    isPrepared: prepared.length === 0,
    asked: [tenant(ctx), filter, ...argumentsGiven(resource, args)],
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
export function addReverseList(
  resource: Resource,
  target: Target,
  field: string,
  { by, column, listsAll }: { by: string; column: PgColumn; listsAll: boolean },
): void {
  const description = `The ${nounOf(resource.declaration.plural)} whose \`${by}\` is this ${nounOf(target.name)}`;
  const isUnder = (_ctx: Context, parent: SQL): SQL => sql`${column} = ${parent}`;
  addListUnder(resource, target, field, { description, isUnder, listsAll, parent: column });
}

/** Adds lists for items that are references: of the referenced objects, and on their type of the referring ones. */
export function addPartLists(resource: Resource, part: DeclaredPart): void {
  const [key, attribute] = columnOfPart(part);
  const target = targetOf(resource, (attribute.reference as ReferenceOptions).target) as unknown as Resource;
  const column = (part.table as unknown as Record<string, PgColumn>)[key] as PgColumn;
  const through = (own: Resource, selected: PgColumn, given: PgColumn) => (ctx: Context, parent: SQL) =>
    sql`${own.table.id} in (select ${selected} from ${part.table} where ${eq(part.table.organizationId, tenant(ctx))} and ${given} = ${parent})`;
  const isUnder = through(target, column, part.rows.of);
  addListUnder(target, resource, part.name, { description: part.description, isUnder });
  if (part.reverse)
    addListUnder(resource, target, part.reverse.field, {
      description: part.reverse.description,
      isUnder: through(resource, part.rows.of, column),
    });
}

interface Under {
  /** Without the period at the end. */
  description: string;
  isUnder: (ctx: Context, parent: SQL) => SQL;
  /** The column that refers to the parent, if the list has all objects whose column does. */
  parent?: PgColumn;
  /** Whether the list also has the objects that lists omit by default. */
  listsAll?: boolean;
}

/** Adds to the type of a target a list of objects that is read for all parents of a response at once. */
export function addListUnder(resource: Resource, target: Target, field: string, under: Under): void {
  const { description, isUnder, parent: column, listsAll } = under;
  const given = column ? { parent: column } : {};
  const omitted = listsAll ? '' : omittedByDefault(resource, { hasFilter: false }, column);
  const { type, permission, project, declaration } = resource;
  const options = (ctx: Context): NestedOptions<AnyRow> => ({
    reader: resource.rows.reader as ListOptions<AnyRow>['reader'],
    where: (parent) =>
      and(visible(ctx, resource), ...(listsAll ? [] : defaultConditions(resource, given)), isUnder(ctx, parent)) as SQL,
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
          description: `${description}, ordered ${orderWords(declaration.order[0])}.${omitted}`,
          extensions: withSource({ kind: 'nested list', options }),
          resolve: (row: AnyRow, args: PageArgs, ctx: Context) => pages(ctx, row.id, args),
        } as never,
        connectionOf(type),
      ) as never,
  );
}
