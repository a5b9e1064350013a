import type { EnumRef, FieldMap, InputFieldMap } from '@pothos/core';
import type { SQL } from 'drizzle-orm';
import type { Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';
import type { Hooks, Mutated } from '../data/hooks.ts';
import type { TenantTable } from '../data/rows.ts';
import type { IdPrefix } from '../lib/ids.ts';
import type { MaybePromise } from '../lib/maybe-promise.ts';
import type { Attribute } from './attributes.ts';
import type { SchemaTypes } from './builder.ts';
import type { Part } from './parts.ts';
import type { Target } from './target.ts';

/** Resources for which the catalog has create, read, update and delete. Other names do not compile. */
export type CrudResource = {
  [P in Permission]: P extends `${infer Resource}:create`
    ? [`${Resource}:read` | `${Resource}:update` | `${Resource}:delete`] extends [Permission]
      ? Resource
      : never
    : never;
}[Permission];

/** Resources for which the catalog has read. */
export type ReadableResource = {
  [P in Permission]: P extends `${infer Resource}:read` ? Resource : never;
}[Permission];

export type Row<Table extends TenantTable> = Table['$inferSelect'] & { id: string; organizationId: string };

type ColumnOf<Table extends TenantTable> = keyof Table['$inferSelect'] & string;

/** A field that is computed from columns of the row and the time. */
export interface Computed<RowType> {
  readonly type: 'Boolean' | 'Int' | 'String' | 'DateTime' | EnumRef<SchemaTypes, string>;
  readonly nullable?: boolean;
  readonly description: string;
  readonly columns: readonly (keyof RowType & string)[];
  readonly value: (row: RowType, time: Date) => unknown;
  /** The condition that the field has this value. With it the list can be filtered by the field. */
  readonly filter?: (value: never, time: Date) => SQL;
}

/** A condition of a list that needs more than columns of its table. */
export interface ListCondition {
  /** Whether it is an argument of the list, or a field of its filter. */
  readonly as: 'argument' | 'filter field';
  /** The options of the argument or the field: type, description, permission. */
  readonly input: object;
  /** The condition for a value. It may read other tables before the list is read. */
  readonly where: (ctx: Context, value: never) => MaybePromise<SQL>;
  /** What the list counts as in the cost of the operation if the value is given. */
  readonly cost: (value: never) => number;
}

/**
 * What a list can be filtered by, beside computed fields: equality, a range of time, or a substring of texts. Lists omit objects
 * with a reference that is `null by default`, unless the filter gives this reference. Its own reverse list has all of them.
 */
export type Filter<Table extends TenantTable> = {
  readonly [Column in ColumnOf<Table>]?: true | 'range' | 'null by default';
} & {
  readonly search?: readonly ColumnOf<Table>[];
};

/** A node type with attributes. Its lists and mutations are written by hand. */
export interface NodeDeclaration<Table extends TenantTable> {
  readonly table: Table;
  /** Three letters, unique among all types. */
  readonly id: IdPrefix;
  /** The resource part of the permissions. `x:read` guards the type. */
  readonly permission: ReadableResource;
  readonly description: string;
  /** The type Project for a resource of a project, whose table needs the column `projectId`. `self` for Project itself. */
  readonly project?: Target | 'self';
  /** The column of the owner, for services. Permissions on an object are then checked on it. */
  readonly ownedBy?: ColumnOf<Table>;
  /** The column of the service that an object belongs to. The permission to see it is then checked on this service. */
  readonly ofService?: ColumnOf<Table>;
  readonly attributes: { readonly [Column in ColumnOf<Table>]?: Attribute<Table['$inferSelect'][Column]> };
  readonly computed?: Readonly<Record<string, Computed<Row<Table>>>>;
  /** Items in child tables, by the name of their field. */
  readonly parts?: Readonly<Record<string, Part>>;
  /** Additional fields, as in any Pothos type. */
  readonly fields?: (t: PothosSchemaTypes.ObjectFieldBuilder<SchemaTypes, Row<Table>>) => FieldMap;
}

/** A resource with a node type, a getter, a list, and the mutations create, update and delete. */
export interface Declaration<Table extends TenantTable> extends NodeDeclaration<Table> {
  /** `x:read` guards the type and the lists, `x:create`, `x:update` and `x:delete` guard the mutations. */
  readonly permission: CrudResource;
  readonly project?: Target;
  /** The name of the list. */
  readonly plural: string;
  readonly filter?: Filter<Table>;
  /** Further conditions of the list, by the name of the argument or the field. */
  readonly conditions?: Readonly<Record<string, ListCondition>>;
  /** The columns by which the list can be ordered. The first is the default. `createdAt` is the order of creation. */
  readonly order: readonly [ColumnOf<Table>, ...ColumnOf<Table>[]];
  /** The mutations that have a second form for up to 500 objects, such as `createServices`. */
  readonly bulk?: readonly ('create' | 'update')[];
  /** The mutations that can change access. They have `dryRun` and `accessChanges`, also in their form for several objects. */
  readonly changesAccess?: readonly Mutated['action'][];
  /** Additional fields of the inputs that create or update an object, for the hook `prepare`. */
  readonly inputs?: (t: PothosSchemaTypes.InputFieldBuilder<SchemaTypes, 'InputObject'>) => InputFieldMap;
  /** What is deleted with an object, as in `its checks and their results`. Then nothing can prevent the deletion. */
  readonly deletedWithIt?: string;
  readonly hooks?: Hooks<Row<Table>>;
}
