import type { ObjectRef } from '@pothos/core';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';
import type { TenantTable } from '../data/rows.ts';
import type { IdPrefix } from '../lib/ids.ts';

export interface TargetRow {
  id: string;
}

/** A type that attributes can refer to. */
export interface Target {
  readonly name: string;
  readonly type: ObjectRef<never>;
  readonly prefix: IdPrefix;
  readonly table: TenantTable;
  /** Needed to see an object of the type. */
  readonly permission: Permission;
  /** The column of the project. Null if the objects belong to the organization. */
  readonly project: PgColumn | null;
  /** Whether a foreign key alone proves that a given ID is a valid reference: every row of the table is of this type. */
  readonly isWholeTable: boolean;
  /** The object, or null if it does not exist or the caller may not see it. */
  find(ctx: Context, id: string): Promise<TargetRow | null>;
  /** The same by alias, for types that have one. */
  readonly findByAlias: ((ctx: Context, alias: string) => Promise<TargetRow | null>) | null;
}
