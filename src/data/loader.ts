import DataLoader from 'dataloader';
import { getTableColumns, sql } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { type GraphQLResolveInfo, Kind } from 'graphql';
import { type Context, db, tenant } from '../context.ts';
import { isAnyOf } from '../db/array.ts';
import { listPages, listUnder, type NestedOptions } from '../db/nested.ts';
import { listPage, type Page, type PageArgs } from '../db/page.ts';
import type { Reader } from '../db/reader.ts';
import { isStorable } from '../lib/storable.ts';

type Batch<Value> = (ctx: Context, ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>;

type Loaders = Map<unknown, unknown>;

interface Loader<Value> {
  loader: DataLoader<string, Value | null>;
  /** Replaces the cache of DataLoader, which creates a promise for every load of the same ID. */
  asked: Map<string, Promise<Value | null>>;
}

function load<Value>(loaders: Loaders, key: unknown, ctx: Context, batch: Batch<Value>, id: string) {
  let known = loaders.get(key) as Loader<Value> | undefined;
  if (!known) {
    const loadAll = async (ids: readonly string[]): Promise<(Value | null)[]> => {
      const found = await batch(ctx, ids);
      return ids.map((wanted) => found.get(wanted) ?? null);
    };
    known = { loader: new DataLoader(loadAll, { cache: false }), asked: new Map() };
    loaders.set(key, known);
  }
  let asked = known.asked.get(id);
  if (!asked) {
    asked = known.loader.load(id);
    known.asked.set(id, asked);
  }
  return asked;
}

/** Loads a value for each id with one query for all ids of a response. The cache ends with the transaction. */
export const batched =
  <Value>(batch: Batch<Value>): ((ctx: Context, id: string) => Promise<Value | null>) =>
  (ctx, id) =>
    load(ctx.unit.loaders, batch, ctx, batch, id);

/** Loads rows by id with one query for all ids of a response. */
export const loaderOf = <Row extends { id: string }>(batch: (ctx: Context, ids: readonly string[]) => Promise<Row[]>) =>
  batched<Row>(async (ctx, ids) => new Map((await batch(ctx, ids)).map((row) => [row.id, row])));

/** Loads rows by a unique column, such as an alias, with one query for all values of a response. */
export const loaderByColumn = <Row>(reader: Reader<Row>, column: PgColumn & { table: PgTable }) =>
  batched<Row>(async (ctx, given) => {
    // One of these values must not fail the statement for the others.
    const values = given.filter(isStorable);
    const { organizationId } = reader.table as unknown as { organizationId: PgColumn };
    const rows = await reader.read(
      await db(ctx),
      sql`where ${organizationId} = ${tenant(ctx)} and ${isAnyOf(column, values)}`,
    );
    const [key] = Object.entries(getTableColumns(reader.table)).find(([, one]) => one === column) ?? [];
    return new Map(rows.map((row) => [(row as Record<string, unknown>)[key as string] as string, row]));
  });

/** Loads one page for each parent, such as the members of each role, with one query for all parents of a response. */
export function pagesOf<Row>(optionsOf: (ctx: Context) => NestedOptions<Row>) {
  return async (ctx: Context, parent: string, args: PageArgs): Promise<Page<Row>> => {
    const { first, last, after, before } = args;
    // A cursor belongs to the list of one parent.
    if (after != null || before != null) return await listPage(await db(ctx), listUnder(optionsOf(ctx), parent), args);
    const batch: Batch<Page<Row>> = async (_ctx, parents) => listPages(await db(ctx), optionsOf(ctx), parents, args);
    const loaders = (ctx.unit.loaders.get(optionsOf) ?? new Map()) as Loaders;
    ctx.unit.loaders.set(optionsOf, loaders);
    return (await load(loaders, `${first} ${last}`, ctx, batch, parent)) as Page<Row>;
  };
}

/**
 * Whether the operation selects this field below the current one. Its data can then be read in the same round trip.
 * Fragments are not searched. A field in a fragment costs another round trip.
 */
export const isAskedFor = ({ fieldNodes }: GraphQLResolveInfo, name: string): boolean =>
  fieldNodes.some(({ selectionSet }) =>
    selectionSet?.selections.some((selection) => selection.kind === Kind.FIELD && selection.name.value === name),
  );
