import { and, asc, eq, isNull, or, type SQL, sql } from 'drizzle-orm';
import type { Permission } from '../../access/catalog.ts';
import { type RoleFacts, summaryOf } from '../../access/compile.ts';
import { holdsRole } from '../../access/escalation.ts';
import type { Role, RoleSummary } from '../../access/model.ts';
import { findBuiltIn, ROLES } from '../../access/roles.ts';
import { type Context, db, tenant } from '../../context.ts';
import { batched, loaderOf, pagesOf } from '../../data/loader.ts';
import { inProjects } from '../../data/project-scope.ts';
import { isAnyOf } from '../../db/array.ts';
import { arrayPage, type Page, type PageArgs } from '../../db/page.ts';
import { readerOf } from '../../db/reader.ts';
import { containing, type SearchFilter } from '../../db/search.ts';
import { invalid, notFound, userError } from '../../lib/errors.ts';
import { fromPublicId } from '../../lib/ids.ts';
import { findPolicy, type PolicyRow } from '../policy/service.ts';
import { policies, type Statement } from '../policy/table.ts';
import { canReadRole, findCustomRoles, isSuspended } from '../principal/access.ts';
import { isAssignableIn } from '../principal/service.ts';
import { rolePolicies, roles } from './table.ts';

/** Without statements and policies, which are read only when a permission of the role is needed. */
const reader = readerOf<RoleFacts>(roles, {
  id: roles.id,
  name: roles.name,
  description: roles.description,
  projectId: roles.projectId,
});

const here = (ctx: Context): SQL => eq(roles.organizationId, tenant(ctx));

const findCustom = loaderOf<RoleSummary>(async (ctx, ids) => {
  const found = await reader.read(await db(ctx), sql`where ${here(ctx)} and ${isAnyOf(roles.id, ids)}`);
  return found.map(summaryOf);
});

/** The custom roles of a response whose permissions are needed, compiled together. */
const findCompiled = loaderOf<Role>(async (ctx, ids) => [...(await findCustomRoles(ctx, ids)).values()]);

/** The role with its permissions. */
export async function compiledRole(ctx: Context, { id }: Pick<RoleSummary, 'id'>): Promise<Role> {
  const role = findBuiltIn(id) ?? (await findCompiled(ctx, id));
  // Another request has deleted it since it was read.
  if (!role) throw notFound('Role');
  return role;
}

/** The role. Null if it does not exist or is not visible to the caller. */
export async function findRole(ctx: Context, id: string): Promise<RoleSummary | null> {
  const role = findBuiltIn(id) ?? (ctx.unit.binding.organizationId ? await findCustom(ctx, id) : null);
  return role && canReadRole(ctx, role) ? role : null;
}

const inScope = (projectId: string | null): SQL =>
  projectId ? eq(roles.projectId, projectId) : isNull(roles.projectId);

/** A role of the organization or of a project by its name. Organization roles come before project roles. */
export async function findRoleByName(
  ctx: Context,
  projectId: string | null,
  name: string,
): Promise<RoleSummary | null> {
  const builtIn = builtInRolesOf(projectId).find((role) => role.name.toLowerCase() === name.toLowerCase());
  const [found] = await (await db(ctx))
    .select({ id: roles.id })
    .from(roles)
    .where(and(here(ctx), inScope(projectId), sql`lower(${roles.name}) = lower(${name})`));
  const id = builtIn?.id ?? found?.id;
  return id ? await findRole(ctx, id) : null;
}

const builtInRolesOf = (projectId: string | null): Role[] =>
  ROLES.filter((role) => projectId === null || role.scope === 'project');

export async function getRole(ctx: Context, publicId: string): Promise<RoleSummary> {
  const id = fromPublicId('rol', publicId);
  const role = id && (await findRole(ctx, id));
  if (!role) throw notFound('Role');
  return role;
}

/** Runs after the guard, so that callers without the permission get FORBIDDEN. */
export async function getCustomRole(ctx: Context, publicId: string): Promise<RoleSummary> {
  const role = await getRole(ctx, publicId);
  if (role.builtIn !== null)
    throw invalid(userError('INVALID', 'id', `id: ${role.name} is a built-in role and cannot be changed.`));
  return role;
}

export interface ListedRoles extends PageArgs {
  filter?: SearchFilter | null | undefined;
  projectId: string | null;
  /** Whether to list what can be assigned in the scope, instead of what belongs to it. */
  assignable: boolean;
}

/** Built-in roles first, then custom roles by name. Their permissions are not read. */
export async function listRoles(
  ctx: Context,
  { projectId, assignable, filter, ...args }: ListedRoles,
): Promise<Page<RoleSummary>> {
  const search = filter?.search ?? '';
  const found = containing([roles.name], search);
  const builtIn: RoleSummary[] = builtInRolesOf(projectId).filter(
    (role) =>
      (!assignable || isAssignableIn(role, projectId)) && role.name.toLowerCase().includes(search.toLowerCase()),
  );
  const ofOrganization = assignable && projectId !== null && ctx.unit.access.can('role:read');
  const where = ofOrganization ? or(inScope(projectId), inScope(null)) : inScope(projectId);
  const order = sql`order by ${asc(roles.name)}, ${asc(roles.id)}`;
  const custom = await reader.read(await db(ctx), sql`where ${and(here(ctx), where, found)} ${order}`);
  return arrayPage([...builtIn, ...custom.map(summaryOf)], ['roles', tenant(ctx), projectId, assignable, search], args);
}

const findOfProjects = batched<RoleFacts[]>(async (ctx, projectIds) => {
  const order = sql`order by ${asc(roles.name)}, ${asc(roles.id)}`;
  const found = await reader.read(
    await db(ctx),
    sql`where ${here(ctx)} and ${isAnyOf(roles.projectId, projectIds)} ${order}`,
  );
  return Map.groupBy(found, ({ projectId }) => projectId ?? '');
});

/** The same as `listRoles` for a project, read once for all projects of a response. */
export async function listRolesOfProject(ctx: Context, projectId: string, args: PageArgs): Promise<Page<RoleSummary>> {
  const custom = ((await findOfProjects(ctx, projectId)) ?? []).map(summaryOf);
  return arrayPage([...builtInRolesOf(projectId), ...custom], ['roles', tenant(ctx), projectId, false, ''], args);
}

/** The roles with each policy, of the scopes in which the caller can read roles. */
const rolesByPolicy = pagesOf<RoleFacts>((ctx) => ({
  reader,
  where: (policy) =>
    and(
      here(ctx),
      or(
        and(isNull(roles.projectId), ctx.unit.access.can('role:read') ? sql`true` : sql`false`),
        inProjects(ctx, roles.projectId, 'role:read'),
      ),
      sql`exists (select from ${rolePolicies} where ${and(
        eq(rolePolicies.organizationId, tenant(ctx)),
        eq(rolePolicies.roleId, roles.id),
        sql`${rolePolicies.policyId} = ${policy}`,
      )})`,
    ) as SQL,
  asked: (policy) => [tenant(ctx), policy],
  order: [
    { column: roles.name, key: (row) => row.name },
    { column: roles.id, key: (row) => row.id },
  ],
}));

export async function listRolesWith(ctx: Context, policy: PolicyRow, args: PageArgs): Promise<Page<RoleSummary>> {
  const page = await rolesByPolicy(ctx, policy.id, args);
  return { ...page, edges: page.edges.map(({ cursor, node }) => ({ cursor, node: summaryOf(node) })) };
}

/** The ids of the policies of custom roles, ordered by the names of the policies. */
const findPolicyIds = batched(async (ctx, roleIds) => {
  const found = await (await db(ctx))
    .select({ roleId: rolePolicies.roleId, id: policies.id })
    .from(rolePolicies)
    .innerJoin(
      policies,
      and(eq(policies.organizationId, rolePolicies.organizationId), eq(policies.id, rolePolicies.policyId)),
    )
    .where(and(eq(rolePolicies.organizationId, tenant(ctx)), isAnyOf(rolePolicies.roleId, roleIds)))
    .orderBy(policies.name, policies.id);
  return Map.groupBy(found, ({ roleId }) => roleId);
});

/** The policies of the role that the caller can read. Each is read once for all roles of a response. */
export async function findPoliciesOf(ctx: Context, role: RoleSummary): Promise<PolicyRow[]> {
  const ids = role.builtIn === null ? ((await findPolicyIds(ctx, role.id)) ?? []) : [];
  const found = await Promise.all(ids.map(({ id }) => findPolicy(ctx, id)));
  return found.filter((policy) => policy !== null);
}

const findStatements = loaderOf<{ id: string; statements: Statement[] }>(async (ctx, ids) =>
  (await db(ctx))
    .select({ id: roles.id, statements: roles.statements })
    .from(roles)
    .where(and(here(ctx), isAnyOf(roles.id, ids))),
);

/** The statements of the role itself. */
export const findStatementsOf = async (ctx: Context, role: RoleSummary): Promise<Statement[]> =>
  role.builtIn === null ? ((await findStatements(ctx, role.id))?.statements ?? []) : [];

/** What the caller may do with the role. Nobody changes a built-in role, or one that grants more than they have. */
export async function permissionsOnRole(ctx: Context, role: RoleSummary): Promise<Permission[]> {
  const { access } = ctx.unit;
  const may = (name: Permission): boolean => access.can(name, role.projectId);
  const changes: Permission[] = isSuspended(ctx, role) ? ['role:delete'] : ['role:update', 'role:delete'];
  const allowed = role.builtIn === null ? changes.filter(may) : [];
  const held = allowed.length > 0 && holdsRole(access, await compiledRole(ctx, role), role.projectId);
  return [...(canReadRole(ctx, role) ? (['role:read'] as const) : []), ...(held ? allowed : [])];
}
