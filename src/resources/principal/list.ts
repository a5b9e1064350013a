import { and, eq, getTableColumns, gt, isNull, lte, or, type SQL, sql } from 'drizzle-orm';
import { findBuiltIn } from '../../access/roles.ts';
import { type Context, db, tenant } from '../../context.ts';
import { type ListOptions, listPage, type Page, type PageArgs } from '../../db/page.ts';
import { readerOf } from '../../db/reader.ts';
import { containing } from '../../db/search.ts';
import { fromPublicId } from '../../lib/ids.ts';
import { assignments } from '../role/table.ts';
import { people } from '../user/table.ts';
import { findAnyRole } from './access.ts';
import { type Kind, ofKind, type PrincipalRow, principalReader } from './service.ts';
import { principals } from './table.ts';

export interface PrincipalFilter {
  search?: string | null | undefined;
  roleId?: string | null | undefined;
}

export interface PrincipalOrder {
  field: 'createdAt' | 'name';
  direction: 'ASC' | 'DESC';
}

export interface PrincipalListArgs extends PageArgs {
  filter?: PrincipalFilter | null | undefined;
  orderBy?: PrincipalOrder | null | undefined;
}

type Named = PrincipalRow & { userName?: string };

const isUserOfMember = sql`${people.organizationId} = ${principals.organizationId} and ${people.id} = ${principals.userId}`;

const memberReader = readerOf<Named>(
  principals,
  { ...getTableColumns(principals), userName: people.name },
  sql`${principals} join ${people} on ${isUserOfMember}`,
);

const byCreation = { column: principals.id, key: (row: Named) => row.id };

/** The reader and the sort keys: a member has the name of the user. */
function sorted(kind: Kind, field: PrincipalOrder['field']): Pick<ListOptions<Named>, 'reader' | 'order'> {
  if (field === 'createdAt') return { reader: principalReader, order: [byCreation] };
  return kind === 'member'
    ? { reader: memberReader, order: [{ column: people.name, key: (row) => row.userName ?? '' }, byCreation] }
    : { reader: principalReader, order: [{ column: principals.name, key: (row) => row.name ?? '' }, byCreation] };
}

/** The members or the service accounts of the organization. */
export async function listOfKind(
  ctx: Context,
  kind: Kind,
  { filter, orderBy, ...page }: PrincipalListArgs,
): Promise<Page<PrincipalRow>> {
  const { search, roleId } = filter ?? {};
  const where = and(
    eq(principals.organizationId, tenant(ctx)),
    ofKind(kind),
    search == null ? undefined : matching(kind, search),
    roleId == null ? undefined : await hasRole(ctx, roleId),
  ) as SQL;
  const options = {
    ...sorted(kind, orderBy?.field ?? 'createdAt'),
    where,
    asked: [tenant(ctx), kind, filter ?? {}],
    descending: orderBy?.direction === 'DESC',
  };
  return await listPage<PrincipalRow>(await db(ctx), options as ListOptions<PrincipalRow>, page);
}

function matching(kind: Kind, text: string): SQL | undefined {
  if (kind === 'service account') return containing([principals.name, principals.description], text);
  const found = containing([people.name, people.email], text);
  return found && sql`exists (select from ${people} where ${isUserOfMember} and ${found})`;
}

/** The current organization role. A role that does not exist, or that the caller may not see, matches nobody. */
async function hasRole(ctx: Context, publicId: string): Promise<SQL> {
  const id = fromPublicId('rol', publicId);
  const role = id && (await findAnyRole(ctx, id));
  if (!role || !ctx.unit.access.can('role:read', role.projectId)) return sql`false`;
  const now = ctx.dependencies.clock();
  const [given, next] = findBuiltIn(id)
    ? [assignments.builtInRoleId, assignments.fallbackBuiltInRoleId]
    : [assignments.roleId, assignments.fallbackRoleId];
  return sql`exists (select from ${assignments} where ${and(
    eq(assignments.organizationId, tenant(ctx)),
    eq(assignments.principalId, principals.id),
    isNull(assignments.projectId),
    or(
      and(eq(given, id), or(isNull(assignments.expiresAt), gt(assignments.expiresAt, now))),
      and(eq(next, id), lte(assignments.expiresAt, now)),
    ),
  )})`;
}
