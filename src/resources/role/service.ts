import { and, asc, eq, gt, isNull, lte, or, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { z } from 'zod';
import { requireHeld } from '../../access/escalation.ts';
import type { Role } from '../../access/model.ts';
import { findBuiltIn, RESERVED_NAMES, ROLES } from '../../access/roles.ts';
import { audit, type Context, db, tenant } from '../../context.ts';
import { batched, loaderOf, pagesOf } from '../../data/loader.ts';
import { inProjects } from '../../data/project-scope.ts';
import { rowsOf } from '../../data/rows.ts';
import { isAnyOf } from '../../db/array.ts';
import { arrayPage, type Page, type PageArgs } from '../../db/page.ts';
import { containing, type SearchFilter } from '../../db/search.ts';
import { invalid, notFound, userError } from '../../lib/errors.ts';
import { fromPublicId, toPublicId } from '../../lib/ids.ts';
import { multiLine, parse, singleLine } from '../../lib/input.ts';
import { lookalikes } from '../../lib/names.ts';
import { lockOrganization } from '../organization/service.ts';
import { holdersOf, type PolicyRow } from '../policy/service.ts';
import { policies } from '../policy/table.ts';
import { findCustomRoles, requireStill } from '../principal/access.ts';
import { auditPrincipals } from '../principal/audit.ts';
import { type AccessChanged, changeAccess } from '../principal/change-access.ts';
import {
  findPrincipal,
  getAssignableRole,
  kindOf,
  ofVisibleKinds,
  type PrincipalRow,
  principalReader,
  roleColumns,
} from '../principal/service.ts';
import { principals } from '../principal/table.ts';
import { assignments, rolePolicies, roles } from './table.ts';

const rows = rowsOf(roles, 'rol');

/** Custom roles of a response, compiled together. */
const findCustom = loaderOf<Role>(async (ctx, ids) => [...(await findCustomRoles(ctx, ids)).values()]);

/** The role. Null if it does not exist or is not visible to the caller. */
export async function findRole(ctx: Context, id: string): Promise<Role | null> {
  const role = findBuiltIn(id) ?? (ctx.unit.binding.organizationId ? await findCustom(ctx, id) : null);
  return role && ctx.unit.access.sees('role:read', role.projectId) ? role : null;
}

/** A role of the organization or of a project by its name. Organization roles come before project roles. */
export async function findRoleByName(ctx: Context, projectId: string | null, name: string): Promise<Role | null> {
  const builtIn = builtInRolesOf(projectId).find((role) => role.name.toLowerCase() === name.toLowerCase());
  const inScope = projectId ? eq(roles.projectId, projectId) : isNull(roles.projectId);
  const [found] = await (await db(ctx))
    .select({ id: roles.id })
    .from(roles)
    .where(and(eq(roles.organizationId, tenant(ctx)), inScope, sql`lower(${roles.name}) = lower(${name})`));
  const id = builtIn?.id ?? found?.id;
  return id ? await findRole(ctx, id) : null;
}

const builtInRolesOf = (projectId: string | null): Role[] =>
  ROLES.filter((role) => projectId === null || role.scope === 'project');

export async function getRole(ctx: Context, publicId: string): Promise<Role> {
  const id = fromPublicId('rol', publicId);
  const role = id && (await findRole(ctx, id));
  if (!role) throw notFound('Role');
  return role;
}

/** Runs after the guard, so that callers without the permission get FORBIDDEN. */
export async function getCustomRole(ctx: Context, publicId: string): Promise<Role> {
  const role = await getRole(ctx, publicId);
  if (role.builtIn !== null)
    throw invalid(userError('INVALID', 'id', `id: ${role.name} is a built-in role and cannot be changed.`));
  return role;
}

/** Built-in roles first. Reads the IDs of all custom roles, and compiles only those of the page. */
export async function listRoles(
  ctx: Context,
  projectId: string | null,
  { filter, ...args }: PageArgs & { filter?: SearchFilter | null | undefined },
): Promise<Page<Role>> {
  const search = filter?.search ?? '';
  const custom = await idsIn(ctx, projectId, search);
  const builtIn = builtInRolesOf(projectId).filter(({ name }) => name.toLowerCase().includes(search.toLowerCase()));
  const page = arrayPage([...builtIn, ...custom], ['roles', tenant(ctx), projectId, search], args);
  const ids = page.edges.map(({ node }) => node.id);
  const compiled = await findCustomRoles(
    ctx,
    ids.filter((id) => !findBuiltIn(id)),
  );
  const roleOf = (id: string): Role => (findBuiltIn(id) ?? compiled.get(id)) as Role;
  return { ...page, edges: page.edges.map(({ cursor, node }) => ({ cursor, node: roleOf(node.id) })) };
}

async function idsIn(ctx: Context, projectId: string | null, search: string): Promise<{ id: string }[]> {
  const inScope = projectId ? eq(roles.projectId, projectId) : isNull(roles.projectId);
  return await (await db(ctx))
    .select({ id: roles.id })
    .from(roles)
    .where(and(eq(roles.organizationId, tenant(ctx)), inScope, containing([roles.name], search)))
    .orderBy(asc(roles.name), asc(roles.id));
}

/** The principals that have each of these roles, in the organization or in a project that the caller can read. */
const holdersBy = (given: PgColumn, next: PgColumn) =>
  pagesOf<PrincipalRow>((ctx) => ({
    reader: principalReader,
    where: (role) =>
      and(
        eq(principals.organizationId, tenant(ctx)),
        ofVisibleKinds(ctx),
        sql`exists (select from ${assignments} where ${and(
          eq(assignments.organizationId, tenant(ctx)),
          eq(assignments.principalId, principals.id),
          inForce(ctx, given, next, role),
          or(isNull(assignments.projectId), inProjects(ctx, assignments.projectId, 'project_member:read')),
        )})`,
      ) as SQL,
    asked: (role) => [tenant(ctx), role],
    order: [{ column: principals.id, key: (row) => row.id }],
  }));

/** Matches current holders: after a role expires, the fallback role counts. */
function inForce(ctx: Context, given: PgColumn, next: PgColumn, role: SQL): SQL | undefined {
  const now = ctx.dependencies.clock();
  return or(
    and(sql`${given} = ${role}`, or(isNull(assignments.expiresAt), gt(assignments.expiresAt, now))),
    and(sql`${next} = ${role}`, lte(assignments.expiresAt, now)),
  );
}

const holdersOfCustom = holdersBy(assignments.roleId, assignments.fallbackRoleId);
const holdersOfBuiltIn = holdersBy(assignments.builtInRoleId, assignments.fallbackBuiltInRoleId);

export const listHolders = (ctx: Context, role: Role, args: PageArgs): Promise<Page<PrincipalRow>> =>
  (role.builtIn === null ? holdersOfCustom : holdersOfBuiltIn)(ctx, role.id, args);

/** The policies of custom roles, by name. */
const findPoliciesBy = batched(async (ctx, roleIds) => {
  const found = await (await db(ctx))
    .select({ roleId: rolePolicies.roleId, policy: policies })
    .from(rolePolicies)
    .innerJoin(
      policies,
      and(eq(policies.organizationId, rolePolicies.organizationId), eq(policies.id, rolePolicies.policyId)),
    )
    .where(and(eq(rolePolicies.organizationId, tenant(ctx)), isAnyOf(rolePolicies.roleId, roleIds)))
    .orderBy(policies.name, policies.id);
  return Map.groupBy(found, ({ roleId }) => roleId);
});

export const findPoliciesOf = async (ctx: Context, role: Role): Promise<PolicyRow[]> =>
  role.builtIn === null ? ((await findPoliciesBy(ctx, role.id)) ?? []).map(({ policy }) => policy) : [];

const Create = z.object({
  name: singleLine(100),
  description: multiLine(2000),
  policyIds: z.array(z.string()).min(1).max(50),
});

const looksBuiltIn = lookalikes(RESERVED_NAMES);

const notReserved = (_ctx: Context, name: string | undefined): void => {
  if (name !== undefined && looksBuiltIn(name))
    throw invalid(userError('TAKEN', 'name', `name: ${name} is the name of a built-in role, or looks like one.`));
};

/** Policies that a role of this scope can use: those of the organization and of the project. */
async function policiesFor(ctx: Context, publicIds: string[], projectId: string | null): Promise<string[]> {
  const ids = publicIds.map((id) => fromPublicId('pol', id) ?? tenant(ctx));
  const inScope = projectId
    ? or(isNull(policies.projectId), eq(policies.projectId, projectId))
    : isNull(policies.projectId);
  const found = await (await db(ctx))
    .select({ id: policies.id, projectId: policies.projectId })
    .from(policies)
    .where(and(eq(policies.organizationId, tenant(ctx)), isAnyOf(policies.id, ids), inScope))
    .for('share');
  // The role would disclose their statements.
  const known = new Set(found.filter((row) => ctx.unit.access.sees('policy:read', row.projectId)).map(({ id }) => id));
  const missing = ids.flatMap((id, at) =>
    known.has(id)
      ? []
      : [
          userError(
            'NOT_FOUND',
            ['policyIds', String(at)],
            `policyIds.${at}: there is no policy with this ID ${projectId ? 'in this project or its organization' : 'in the organization'}.`,
          ),
        ],
  );
  if (missing.length > 0) throw invalid(...missing);
  return [...new Set(ids)];
}

async function setPolicies(ctx: Context, roleId: string, policyIds: string[]): Promise<void> {
  const tx = await db(ctx);
  const organizationId = tenant(ctx);
  await tx
    .delete(rolePolicies)
    .where(and(eq(rolePolicies.organizationId, organizationId), eq(rolePolicies.roleId, roleId)));
  await tx.insert(rolePolicies).values(policyIds.map((policyId) => ({ organizationId, roleId, policyId })));
}

/** The current role. Throws NOT_HELD if it grants permissions that the caller does not have. */
async function compiled(ctx: Context, id: string): Promise<Role> {
  const role = (await findCustomRoles(ctx, [id])).get(id) as Role;
  requireHeld(ctx.unit.access, role.allow, role.projectId, 'A role with these policies');
  return role;
}

const snapshotOf = (role: Role, policyIds: string[]) => ({
  id: toPublicId('rol', role.id),
  projectId: role.projectId && toPublicId('prj', role.projectId),
  name: role.name,
  description: role.description,
  policyIds: policyIds.map((id) => toPublicId('pol', id)),
});

export async function createRole(ctx: Context, projectId: string | null, input: unknown): Promise<Role> {
  ctx.unit.access.requireFeature('customRoles');
  const { policyIds, ...given } = parse(Create, input);
  notReserved(ctx, given.name);
  // Locked before the policies, in the same order as in every change of access.
  await lockOrganization(ctx);
  await requireStill(ctx, 'role:create', projectId);
  const ids = await policiesFor(ctx, policyIds, projectId);
  const row = await rows.insert(ctx, { ...given, projectId, createdAt: ctx.dependencies.clock() });
  await setPolicies(ctx, row.id, ids);
  const role = await compiled(ctx, row.id);
  audit(ctx, { after: snapshotOf(role, ids) });
  return role;
}

export async function updateRole(
  ctx: Context,
  role: Role,
  { dryRun, ...input }: { dryRun?: boolean | null | undefined },
): Promise<AccessChanged<Role>> {
  ctx.unit.access.requireFeature('customRoles');
  const { policyIds, ...changes } = parse(Create.partial(), input);
  notReserved(ctx, changes.name);
  return await changeAccess(ctx, {
    permission: 'role:update',
    target: role.projectId,
    affected: () => holdersOf(ctx, [role.id]),
    dryRun: dryRun ?? false,
    apply: async () => {
      const locked = await rows.lock(ctx, role.id);
      const { name, description } = locked;
      // The role may have been renamed before the lock was acquired.
      const before = snapshotOf(
        { ...role, name, description },
        (await findPoliciesOf(ctx, role)).map(({ id }) => id),
      );
      const ids = policyIds && (await policiesFor(ctx, policyIds, role.projectId));
      await rows.update(ctx, locked, changes);
      if (ids) await setPolicies(ctx, role.id, ids);
      const after = await compiled(ctx, role.id);
      audit(ctx, {
        before,
        after: snapshotOf(after, ids ?? before.policyIds.map((id) => fromPublicId('pol', id) ?? '')),
      });
      return after;
    },
  });
}

interface DeleteInput {
  reassignTo?: string | null | undefined;
  dryRun?: boolean | null | undefined;
}

/** Deletes a role. Fails with IN_USE and the holders unless `reassignTo` names their new role. */
export async function deleteRole(ctx: Context, role: Role, input: DeleteInput): Promise<AccessChanged<string>> {
  return await changeAccess(ctx, {
    permission: 'role:delete',
    target: role.projectId,
    affected: () => holdersOf(ctx, [role.id]),
    dryRun: input.dryRun ?? false,
    apply: async () => {
      const locked = await rows.lock(ctx, role.id);
      await replace(ctx, role, input.reassignTo ?? null);
      return await rows.remove(ctx, locked);
    },
  });
}

async function replace(ctx: Context, role: Role, reassignTo: string | null): Promise<void> {
  const tx = await db(ctx);
  const here = eq(assignments.organizationId, tenant(ctx));
  const used = await tx
    .select()
    .from(assignments)
    .where(and(here, or(eq(assignments.roleId, role.id), eq(assignments.fallbackRoleId, role.id))));
  if (used.length === 0) return;
  if (reassignTo === null) throw await inUse(ctx, used);
  await auditPrincipals(
    ctx,
    used.map(({ principalId }) => principalId),
  );
  for (const scope of new Set(used.map(({ projectId }) => projectId))) {
    const next = await getAssignableRole(ctx, reassignTo, scope, 'reassignTo');
    if (next.id === role.id)
      throw invalid(userError('INVALID', 'reassignTo', 'reassignTo: must be another role than the deleted one.'));
    const at = and(here, scope === null ? isNull(assignments.projectId) : eq(assignments.projectId, scope));
    await tx
      .update(assignments)
      .set(roleColumns(next))
      .where(and(at, eq(assignments.roleId, role.id)));
    const { builtInRoleId: fallbackBuiltInRoleId, roleId: fallbackRoleId } = roleColumns(next);
    await tx
      .update(assignments)
      .set({ fallbackBuiltInRoleId, fallbackRoleId })
      .where(and(at, eq(assignments.fallbackRoleId, role.id)));
  }
}

async function inUse(ctx: Context, used: (typeof assignments.$inferSelect)[]) {
  // Assignments in projects that are not visible to the caller are neither listed nor counted.
  const visibleUses = used.filter(
    ({ projectId }) => projectId === null || ctx.unit.access.sees('project_member:read', projectId),
  );
  const ids = [...new Set(visibleUses.map(({ principalId }) => principalId))];
  const found = await Promise.all(ids.slice(0, 100).map((id) => findPrincipal(ctx, id)));
  const visible = found
    .filter((row) => row !== null)
    .filter((row) => ctx.unit.access.can(row.userId ? 'member:read' : 'service_account:read'));
  return invalid({
    ...userError(
      'IN_USE',
      'id',
      'Members or service accounts have this role. Give another role in reassignTo, or assign other roles to them first.',
    ),
    usedBy: visible.map((row) => ({ __typename: kindOf(row) === 'member' ? 'Member' : 'ServiceAccount', ...row })),
  });
}
