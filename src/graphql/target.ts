import type { InputRef, ObjectRef } from '@pothos/core';
import { and, eq, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { GraphQLResolveInfo } from 'graphql';
import { canOnEvery, canOnSome, type Target as Scope } from '../access/access.ts';
import type { Permission } from '../access/catalog.ts';
import { serviceOf } from '../access/ownership.ts';
import { type Context, tenant } from '../context.ts';
import type { PartRows } from '../data/parts.ts';
import { inProjects } from '../data/project-scope.ts';
import type { TenantTable } from '../data/rows.ts';
import { ofServices, ownedBy } from '../data/service-scope.ts';
import { invalid, notFound, userError } from '../lib/errors.ts';
import { fromPublicId, type IdPrefix, toPublicId } from '../lib/ids.ts';
import type { MaybePromise } from '../lib/maybe-promise.ts';
import { isStorable } from '../lib/storable.ts';
import { capitalized, nounOf, withArticle } from '../lib/words.ts';
import { builder, type SchemaTypes } from './builder.ts';

/** A type that attributes can refer to. */
export interface Target<Row extends { id: string } = { id: string }> {
  readonly name: string;
  readonly type: ObjectRef<SchemaTypes, Row>;
  readonly prefix: IdPrefix;
  readonly table: TenantTable;
  /** The permission to see an object of the type. */
  readonly permission: Permission;
  /** The column of the project. Null if the objects belong to the organization. */
  readonly project: PgColumn | null;
  /** The project of an object. Null if it belongs to the organization. */
  projectOf(row: Row): string | null;
  /** The column of the team that owns the service that an object is. Without it, the objects are no services. */
  readonly owner?: PgColumn | null;
  ownerOf?(row: Row): string | null;
  /** The column of the service that an object belongs to. `load` returns no objects that are not visible to the caller. */
  readonly service?: PgColumn | null;
  /** Whether every row of the table is of this type, so that the foreign key is enough to check an ID. */
  readonly isWholeTable: boolean;
  /** The object, also if the caller may not see it. Null if it does not exist. */
  load(ctx: Context, id: string, info?: GraphQLResolveInfo): MaybePromise<Row | null>;
  /** The object by its alias. Null for types without aliases. */
  readonly loadByAlias: ((ctx: Context, alias: string) => MaybePromise<Row | null>) | null;
  /** The child table with the aliases. Without it, the alias is a column of the table. */
  readonly aliases?: AliasTable;
  /** For a type whose objects have IDs with several prefixes. */
  readonly mixed?: MixedIds<Row>;
}

export interface AliasTable {
  readonly rows: PartRows;
  readonly column: PgColumn;
}

/** How objects are found whose visibility and ID depend on their row, such as members and service accounts. */
export interface MixedIds<Row> {
  readonly visibleWith: readonly Permission[];
  /** The object with this public ID, if it is visible to the caller. */
  find(ctx: Context, id: string): MaybePromise<Row | null>;
  publicIdOf(ctx: Context, uuid: string): MaybePromise<string>;
}

/** The public ID of an object that a column refers to. */
export const publicIdIn = (ctx: Context, { prefix, mixed }: Target, uuid: string): MaybePromise<string> =>
  mixed ? mixed.publicIdOf(ctx, uuid) : toPublicId(prefix, uuid);

/** A given reference: an ID, or for types with aliases an ID or an alias. */
export type GivenReference = string | { id?: string | null; alias?: string | null };

const parts = (given: GivenReference): { id?: string | null; alias?: string | null } =>
  typeof given === 'string' ? { id: given } : given;

export function canSee<Row extends { id: string }>(ctx: Context, target: Target<Row>, row: Row): boolean {
  const { permission, service } = target;
  return service ? canOnSome(ctx.unit.access, permission) : ctx.unit.access.can(permission, scopeOf(target, row));
}

/** The scope on which permissions on the object are checked. */
export const scopeOf = <Row extends { id: string }>(target: Target<Row>, row: Row): Scope =>
  target.owner && target.ownerOf ? serviceOf(target.ownerOf(row)) : target.projectOf(row);

/**
 * Throws unless the caller has the permission on the service, as it is stored now. A service that is not visible does not
 * exist. The permission on another object does not depend on its row, and the guard of the mutation has checked it.
 */
export function requireOnService<Row extends { id: string }>(
  ctx: Context,
  target: Target<Row>,
  row: Row,
  permission: Permission,
): void {
  if (!target.owner) return;
  if (!canSee(ctx, target, row)) throw notFound(target.name);
  ctx.unit.access.require(permission, scopeOf(target, row));
}

/** What the visibility of an object depends on. */
interface Guarded {
  readonly permission: Permission;
  readonly project: PgColumn | null;
  readonly owner?: PgColumn | null;
  readonly service?: PgColumn | null;
}

/** The condition that the guard of the type lets the caller see an object. Undefined if it does not depend on the object. */
export function visibleIn(ctx: Context, { project, owner, service, permission }: Guarded): SQL | undefined {
  if (project) return inProjects(ctx, project, permission);
  if (service) return ofServices(ctx, service, permission);
  return owner ? ownedBy(ctx, owner, permission) : undefined;
}

/** Whether the caller sees every object of the type without a look at the object. */
const seesAll = ({ unit: { access } }: Context, { project, owner, service, permission }: Guarded): boolean =>
  !project && (owner || service ? canOnEvery(access, permission) : access.can(permission));

/** The object with this ID or alias, or null if it does not exist. */
export async function loadReferenced<Row extends { id: string }>(
  ctx: Context,
  target: Target<Row>,
  given: GivenReference,
): Promise<Row | null> {
  const { id, alias } = parts(given);
  if (alias != null) return (await target.loadByAlias?.(ctx, alias)) ?? null;
  if (target.mixed) return await target.mixed.find(ctx, id ?? '');
  const uuid = fromPublicId(target.prefix, id ?? '');
  return uuid ? await target.load(ctx, uuid) : null;
}

/**
 * The condition that a column refers to the given object. An object that does not exist, or that the caller may not see,
 * matches nothing.
 */
export function refersTo(ctx: Context, target: Target, column: PgColumn, given: GivenReference): SQL {
  const { id, alias } = parts(given);
  const { table, project, owner, service, permission } = target;
  const { access } = ctx.unit;
  if (!project && !(owner || service ? canOnSome(access, permission) : access.can(permission))) return sql`false`;
  const uuid = fromPublicId(target.prefix, id ?? '');
  // The foreign key is enough: the object exists and belongs to the organization.
  if (alias == null && seesAll(ctx, target)) return uuid ? eq(column, uuid) : sql`false`;
  const key = alias == null ? uuid && eq(table.id, uuid) : isStorable(alias) && hasAlias(ctx, target, alias);
  if (!key) return sql`false`;
  return sql`${column} = (select ${table.id} from ${table} where ${and(eq(table.organizationId, tenant(ctx)), key, visibleIn(ctx, target))})`;
}

type Aliased = TenantTable & { alias: PgColumn };

/** The condition that an object has this alias. */
function hasAlias(ctx: Context, { table, aliases }: Target, alias: string): SQL {
  if (!aliases) return eq((table as Aliased).alias, alias);
  const { rows, column } = aliases;
  const where = and(eq(rows.table.organizationId, tenant(ctx)), eq(column, alias));
  return sql`${table.id} = (select ${rows.of} from ${rows.table} where ${where})`;
}

/**
 * The row ID of a reference in an input. The object must exist, be visible to the caller and, if it belongs to a project,
 * belong to the same project. Needs no statement if the foreign key is enough to check all of this. A violated foreign key
 * does not tell which of several inputs violates it, so with `mustLoad` the object is loaded in any case.
 */
export async function resolveReference(
  ctx: Context,
  target: Target,
  given: GivenReference,
  path: string | string[],
  projectId: string | null,
  mustLoad = false,
): Promise<string> {
  const { id, alias } = parts(given);
  if (!mustLoad && alias == null && target.isWholeTable && seesAll(ctx, target)) {
    const uuid = fromPublicId(target.prefix, id ?? '');
    if (uuid) return uuid;
  } else {
    const row = await loadReferenced(ctx, target, given);
    const isHere = row && (target.projectOf(row) ?? projectId) === projectId;
    if (row && isHere && (target.mixed || canSee(ctx, target, row))) return row.id;
  }
  const by = alias == null ? 'ID' : 'alias';
  throw invalid(
    userError('NOT_FOUND', path, `${[path].flat().join('.')}: there is no ${nounOf(target.name)} with this ${by}.`),
  );
}

// Module state like the builder, filled while the modules load. Each type has one input type for references.
const inputs = new Map<string, InputRef<GivenReference>>();

/** The input type of a reference: an ID or, for types with aliases, an ID or an alias. */
export function referenceInputOf({
  name,
  loadByAlias,
}: Pick<Target, 'name' | 'loadByAlias'>): InputRef<GivenReference> | 'ID' {
  if (!loadByAlias) return 'ID';
  const noun = nounOf(name);
  const known =
    inputs.get(name) ??
    (builder.inputType(`${name}Reference`, {
      description: `${capitalized(withArticle(noun))}, by its ID or by its alias.`,
      isOneOf: true,
      fields: (t) => ({
        id: t.id({ description: `The ID of the ${noun}.` }),
        alias: t.string({ description: `The alias of the ${noun}.` }),
      }),
    }) as unknown as InputRef<GivenReference>);
  inputs.set(name, known);
  return known;
}

/** The name of the input field of a reference: `category` if it takes an ID or an alias, otherwise `ownerId`. */
export const inputNameOf = (key: string, target: Pick<Target, 'loadByAlias'>): string =>
  target.loadByAlias ? key.slice(0, -2) : key;

/** The type of an input field that is a reference, and the permissions to see its objects. */
export const referenceOptions = (target: Target) => ({
  type: referenceInputOf(target),
  ...(target.mixed ? { visibleWith: target.mixed.visibleWith, own: true } : { visibleWith: target.permission }),
});
