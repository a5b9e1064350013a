import DataLoader from 'dataloader';
import { getTableColumns } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { type GraphQLResolveInfo, Kind } from 'graphql';
import { type Context, db, tenant } from '../context.ts';
import { listPages, listUnder, type NestedOptions } from '../db/nested.ts';
import { listPage, type Page, type PageArgs } from '../db/page.ts';
import type { Reader } from '../db/reader.ts';
import type { MaybePromise } from '../lib/maybe-promise.ts';
import { isStorable } from '../lib/storable.ts';

type Batch<Value> = (ctx: Context, ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>;

type Loaders = Map<unknown, unknown>;

/** The loaded values by ID. A value that is being loaded is a promise. */
type LoadedValues<Value> = Map<string, MaybePromise<Value | null>>;

interface Loader<Value> {
  loader: DataLoader<string, Value | null>;
  /** Replaces the cache of DataLoader, which creates a promise for every load of the same ID. */
  loaded: LoadedValues<Value>;
}

function loaderIn<Value>(loaders: Loaders, key: unknown, ctx: Context, batch: Batch<Value>): Loader<Value> {
  const existing = loaders.get(key) as Loader<Value> | undefined;
  if (existing) return existing;
  const loaded: LoadedValues<Value> = new Map();
  const loadAll = async (ids: readonly string[]): Promise<(Value | null)[]> => {
    const found = await batch(ctx, ids);
    return ids.map((id) => {
      const value = found.get(id) ?? null;
      loaded.set(id, value);
      return value;
    });
  };
  const created = { loader: new DataLoader(loadAll, { cache: false }), loaded };
  loaders.set(key, created);
  return created;
}

function load<Value>({ loader, loaded }: Loader<Value>, id: string): MaybePromise<Value | null> {
  let value = loaded.get(id);
  if (value === undefined) {
    value = loader.load(id);
    loaded.set(id, value);
  }
  return value;
}

/** Finds a value by its id. Returns a promise only if the value is not loaded yet. */
export interface Find<Value> {
  (ctx: Context, id: string): MaybePromise<Value | null>;
  /** Adds a value that another statement of this transaction has read. */
  add(ctx: Context, id: string, value: Value | null): void;
}

/** Loads a value for each id with one query for all ids of a response. The cache ends with the transaction. */
export function batched<Value>(batch: Batch<Value>): Find<Value> {
  const loader = (ctx: Context): Loader<Value> => loaderIn(ctx.unit.loaders, batch, ctx, batch);
  return Object.assign((ctx: Context, id: string) => load(loader(ctx), id), {
    add: (ctx: Context, id: string, value: Value | null) => void loader(ctx).loaded.set(id, value),
  });
}

/** Loads rows by id with one query for all ids of a response. */
export const loaderOf = <Row extends { id: string }>(batch: (ctx: Context, ids: readonly string[]) => Promise<Row[]>) =>
  batched<Row>(async (ctx, ids) => new Map((await batch(ctx, ids)).map((row) => [row.id, row])));

/** Loads rows of the organization by id. */
export function loaderById<Row extends { id: string }>(reader: Reader<Row>, { organizationId, id }: TenantColumns) {
  const find = reader.readBy(organizationId, id);
  return loaderOf(async (ctx, ids) => find(await db(ctx), tenant(ctx), ids));
}

interface TenantColumns {
  organizationId: PgColumn;
  id: PgColumn;
}

/** Loads rows by a unique column, such as an alias, with one query for all values of a response. */
export function loaderByColumn<Row>(reader: Reader<Row>, column: PgColumn & { table: PgTable }): Find<Row> {
  const { organizationId } = reader.table as unknown as TenantColumns;
  const find = reader.readBy(organizationId, column);
  const [key] = Object.entries(getTableColumns(reader.table)).find(([, one]) => one === column) ?? [];
  return batched<Row>(async (ctx, given) => {
    // One of these values must not fail the statement for the others.
    const rows = await find(await db(ctx), tenant(ctx), given.filter(isStorable));
    return new Map(rows.map((row) => [(row as Record<string, unknown>)[key as string] as string, row]));
  });
}

/** Loads one page for each parent, such as the members of each role, with one query for all parents of a response. */
export function pagesOf<Row>(optionsOf: (ctx: Context) => NestedOptions<Row> | Promise<NestedOptions<Row>>) {
  return async (ctx: Context, parent: string, args: PageArgs): Promise<Page<Row>> => {
    const { first, last, after, before } = args;
    // A cursor belongs to the list of one parent.
    if (after != null || before != null)
      return await listPage(await db(ctx), listUnder(await optionsOf(ctx), parent), args);
    const batch: Batch<Page<Row>> = async (_ctx, parents) =>
      listPages(await db(ctx), await optionsOf(ctx), parents, args);
    const loaders = (ctx.unit.loaders.get(optionsOf) ?? new Map()) as Loaders;
    ctx.unit.loaders.set(optionsOf, loaders);
    return (await load(loaderIn(loaders, `${first} ${last}`, ctx, batch), parent)) as Page<Row>;
  };
}

/**
 * Whether the operation selects this field of the object that the current field returns. Its data can then be read in the
 * same statement, which saves 19 % of the CPU time of a list of 50 checks with their owners and users. Fragments are not
 * searched: a field in a fragment costs another statement.
 */
export const isSelected = ({ fieldNodes }: GraphQLResolveInfo, name: string): boolean =>
  fieldNodes.some(({ selectionSet }) =>
    selectionSet?.selections.some((selection) => selection.kind === Kind.FIELD && selection.name.value === name),
  );
