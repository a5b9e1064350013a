import { and, asc, count, eq, getTableColumns, ne, type SQL, sql } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import type { Permission } from '../access/catalog.ts';
import { audit, type Context, db, tenant } from '../context.ts';
import { invalid, userError } from '../lib/errors.ts';
import { publicIdOf } from '../lib/ids.ts';
import { inProjects } from './project-scope.ts';
import type { TenantTable } from './rows.ts';
import { ownedBy } from './service-scope.ts';

/** A column of another table that refers to a row. */
export interface Reference {
  /** GraphQL type of the referring objects. */
  readonly typename: string;
  /** Words for one and for several of the referring objects. */
  readonly noun: string;
  readonly plural: string;
  /** The permission to see a referring object. */
  readonly permission: Permission;
  readonly table: TenantTable;
  /** The column of the table, or of the child table in `through`. */
  readonly column: PgColumn;
  /** A child table of the referring objects that has the column, and its column with the ID of a referring object. */
  readonly through?: { readonly table: TenantTable; readonly of: PgColumn };
  /** The column of the project. Null if the referring objects belong to the organization. */
  readonly project: PgColumn | null;
  /** The column of the owner of services. Null if the referring objects are no services. */
  readonly owner?: PgColumn | null;
  /** References in a child table cannot be cleared. */
  readonly onDelete: 'restrict' | 'clear';
}

const REFERENCES = new Map<PgTable, Reference[]>();

/** Called for each declared attribute that is a reference. */
export function declareReference(to: PgTable, reference: Reference): void {
  REFERENCES.set(to, [...(REFERENCES.get(to) ?? []), reference]);
}

const MAX_LISTED = 100;
const MAX_NAMED = 5;

/**
 * Prepares the deletion of a row that the caller has locked. Sets references with `onDelete: 'clear'` to null. Fails
 * with IN_USE if other references exist. New references wait for the lock and then fail.
 */
export async function releaseReferences(
  ctx: Context,
  to: TenantTable,
  noun: string,
  id: string,
  path = 'id',
): Promise<void> {
  for (const reference of REFERENCES.get(to) ?? [])
    await (reference.onDelete === 'clear'
      ? clear(ctx, reference, id)
      : refuseIfUsed(ctx, reference, to, noun, id, path));
}

function referring(ctx: Context, { table, column, through }: Reference, id: string): SQL {
  const refers = (own: TenantTable): SQL => and(eq(own.organizationId, tenant(ctx)), eq(column, id)) as SQL;
  if (!through) return refers(table);
  const objects = sql`select ${through.of} from ${through.table} where ${refers(through.table)}`;
  return and(eq(table.organizationId, tenant(ctx)), sql`${table.id} in (${objects})`) as SQL;
}

async function clear(ctx: Context, reference: Reference, id: string): Promise<void> {
  const [key] =
    Object.entries(getTableColumns(reference.table)).find(([, column]) => column === reference.column) ?? [];
  const cleared = await (await db(ctx))
    .update(reference.table)
    .set({ [key as string]: null })
    .where(referring(ctx, reference, id))
    .returning({ id: reference.table.id, ...(reference.project && { projectId: reference.project }) });
  const touched = cleared.map((row) => ({
    id: publicIdOf(reference.typename, row.id as string),
    projectId: (row as { projectId?: string }).projectId ?? null,
  }));
  audit(ctx, { touched });
}

/**
 * A caller that cannot see the referring objects gets their number. If some objects of the type are visible and others are
 * hidden, the number would reveal hidden ones, so it is omitted.
 */
async function refuseIfUsed(
  ctx: Context,
  reference: Reference,
  to: TenantTable,
  noun: string,
  id: string,
  path: string,
): Promise<void> {
  const { table, permission, project, owner, typename } = reference;
  // A reference of the row to itself is deleted with the row.
  const where = and(referring(ctx, reference, id), table === to ? ne(table.id, id) : undefined);
  const tx = await db(ctx);
  const order = 'name' in table ? [asc(table.name as PgColumn), asc(table.id)] : [asc(table.id)];
  const [all] = await tx
    .select({ total: count() })
    .from(table as PgTable)
    .where(where);
  if (!all?.total) return;
  const ofServices = owner ? ownedBy(ctx, owner, permission) : undefined;
  const isVisible = project ? inProjects(ctx, project, permission) : ofServices;
  const users =
    project || owner || ctx.unit.access.can(permission)
      ? ((await tx
          .select()
          .from(table as PgTable)
          .where(and(where, isVisible))
          .orderBy(...order)
          .limit(MAX_LISTED)) as { name?: string }[])
      : [];
  throw invalid({
    ...userError('IN_USE', path, messageFor(reference, noun, project || ofServices ? null : all.total, users)),
    usedBy: users.map((row) => ({ __typename: typename, ...row })),
  });
}

function messageFor(
  { noun: user, plural }: Reference,
  noun: string,
  total: number | null,
  users: { name?: string }[],
): string {
  const names = users
    .slice(0, MAX_NAMED)
    .flatMap(({ name }) => (name ? [`“${name}”`] : []))
    .join(', ');
  const subject =
    total === null
      ? `${plural[0]?.toUpperCase()}${plural.slice(1)} use`
      : total === 1
        ? `1 ${user} uses`
        : `${total} ${plural} use`;
  return `${subject} this ${noun}${names && `, such as ${names}`}. Change or delete them first.`;
}
