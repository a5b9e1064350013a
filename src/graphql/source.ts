import type { SQL } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import type { Target } from '../access/access.ts';
import type { Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';
import type { NestedOptions } from '../db/nested.ts';
import type { ListOptions } from '../db/page.ts';
import type { Reader } from '../db/reader.ts';
import type { IdPrefix } from '../lib/ids.ts';

/**
 * How types and fields are read from the database. The planner finds it in the extensions of the schema and reads fields
 * with statements instead of calling their resolvers. A field without a source is always resolved.
 */

/** Where the objects of a type are stored. An exposed field is the column of the same name. */
export interface TypeSource {
  readonly table: PgTable;
  readonly prefix: IdPrefix;
  readonly id: PgColumn;
  readonly organization: PgColumn;
  /** The column of the project on which the guard of the type checks its permission. */
  readonly project: PgColumn | null;
  /** The column of the team that owns the service on which the guard of the type checks its permission. */
  readonly owner?: PgColumn | null;
  /** The column of the service on which the guard of the type checks its permission. */
  readonly service?: PgColumn | null;
  /** The condition for the rows of the type, if the table has others. */
  readonly only?: SQL;
}

export type FieldSource =
  | ComputedSource
  | ReferenceSource
  | PermissionsSource
  | ListSource
  | NestedListSource
  | ObjectSource
  | PartSource
  | { readonly kind: 'node' };

/** A value that is computed from columns of the row and the time. */
export interface ComputedSource {
  readonly kind: 'computed';
  readonly columns: readonly string[];
  readonly value: (row: never, time: Date) => unknown;
}

/** The object that a column refers to. */
export interface ReferenceSource {
  readonly kind: 'reference';
  readonly by: PgColumn;
}

/** Permissions of the caller: in the project of the row, on its service or in the organization. */
export interface PermissionsSource {
  readonly kind: 'permissions';
  readonly of: (ctx: Context, scope: Target) => readonly Permission[];
}

type WithoutReader<Options extends { reader: unknown }> = Omit<Options, 'reader'> & {
  reader: Pick<Reader<never>, 'table'>;
};
export type ListQuery = WithoutReader<ListOptions<never>>;
export type NestedListQuery = WithoutReader<NestedOptions<never>>;

/** A list that does not depend on a parent. */
export interface ListSource {
  readonly kind: 'list';
  /** Conditions that must be computed first. Null if there are none. */
  readonly prepare?: (ctx: Context, args: never) => Promise<readonly SQL[]> | null;
  readonly options: (ctx: Context, args: never, prepared: readonly SQL[]) => ListQuery;
}

/** A list of the objects that refer to a parent. */
export interface NestedListSource {
  readonly kind: 'nested list';
  readonly options: (ctx: Context) => NestedListQuery;
}

/** The items of a parent in a child table. */
export interface PartSource {
  readonly kind: 'part';
  readonly rows: TypeSource;
  /** The column of items that are single values. Null if items are objects. */
  readonly column: PgColumn | null;
  /** Maximum number of items. */
  readonly max: number;
  readonly options: (ctx: Context) => NestedListQuery;
}

/** One object, by arguments. Null if the arguments name none. */
export interface ObjectSource {
  readonly kind: 'object';
  readonly by: (args: never) => ObjectKey | null;
}

export interface ObjectKey {
  readonly column: PgColumn;
  readonly value: string;
  /** The column of the child table of `column` that has the ID of the object. Null if the object has the column itself. */
  readonly of?: PgColumn;
}

const KEY = 'source';

/** The extensions of a type or a field with this source. */
export const withSource = <Source extends TypeSource | FieldSource>(source: Source) => ({ [KEY]: source });

interface Extended {
  readonly extensions: Readonly<Record<string, unknown>>;
}

export const sourceOfType = ({ extensions }: Extended): TypeSource | undefined =>
  extensions[KEY] as TypeSource | undefined;

export const sourceOfField = ({ extensions }: Extended): FieldSource | undefined =>
  extensions[KEY] as FieldSource | undefined;
