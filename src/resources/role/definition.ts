import { and, eq, isNull, or } from 'drizzle-orm';
import { PERMISSIONS } from '../../access/catalog.ts';
import { requireHeldRole } from '../../access/escalation.ts';
import type { Role } from '../../access/model.ts';
import { type Context, db, tenant } from '../../context.ts';
import { rowsOf } from '../../data/rows.ts';
import { isAnyOf } from '../../db/array.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { fromPublicId } from '../../lib/ids.ts';
import { limitText, ROLE_LIMITS } from '../../lib/limits.ts';
import { findLargeRole, limitExceeded } from '../policy/limits.ts';
import { policies, type Statement } from '../policy/table.ts';
import { findCustomRoles } from '../principal/access.ts';
import { compiledRole, findRole, findStatementsOf } from './service.ts';
import { rolePolicies, roles } from './table.ts';

export const roleRows = rowsOf(roles, 'rol');

/** What a custom role consists of. */
export interface Definition {
  statements: Statement[];
  policyIds: string[];
}

export const EMPTY: Definition = { statements: [], policyIds: [] };

/** Those of these policies that the caller can read and a role of this scope can use: of the organization and of the project. */
async function usablePolicies(ctx: Context, ids: string[], projectId: string | null): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const inScope = projectId
    ? or(isNull(policies.projectId), eq(policies.projectId, projectId))
    : isNull(policies.projectId);
  const found = await (await db(ctx))
    .select({ id: policies.id, projectId: policies.projectId })
    .from(policies)
    .where(and(eq(policies.organizationId, tenant(ctx)), isAnyOf(policies.id, ids), inScope))
    .for('share');
  // The role would disclose the statements of the others.
  return new Set(found.filter((row) => ctx.unit.access.can('policy:read', row.projectId)).map(({ id }) => id));
}

/** The ids of the policies, without repetitions. Throws unless a role of this scope can use all of them. */
export async function policiesFor(ctx: Context, publicIds: string[], projectId: string | null): Promise<string[]> {
  const ids = publicIds.map((id) => fromPublicId('pol', id) ?? tenant(ctx));
  const usable = await usablePolicies(ctx, ids, projectId);
  const place = projectId ? 'in this project or its organization' : 'in the organization';
  const missing = [...ids.keys()]
    .filter((at) => !usable.has(ids[at] as string))
    .map((at) =>
      userError('NOT_FOUND', ['policyIds', String(at)], `policyIds.${at}: there is no policy with this ID ${place}.`),
    );
  if (missing.length > 0) throw invalid(...missing);
  return [...new Set(ids)];
}

export async function policyIdsOf(ctx: Context, roleId: string): Promise<string[]> {
  const found = await (await db(ctx))
    .select({ id: rolePolicies.policyId })
    .from(rolePolicies)
    .where(and(eq(rolePolicies.organizationId, tenant(ctx)), eq(rolePolicies.roleId, roleId)))
    .orderBy(rolePolicies.policyId);
  return found.map(({ id }) => id);
}

/** The definition of the role to copy. That of a built-in role is the list of its permissions, which never grows. */
export async function copyOf(ctx: Context, publicId: string, projectId: string | null): Promise<Definition> {
  const id = fromPublicId('rol', publicId);
  const source = id && (await findRole(ctx, id));
  if (!source) throw invalid(userError('NOT_FOUND', 'copyOf', 'copyOf: there is no role with this ID.'));
  if (source.builtIn !== null) return builtInCopy(await compiledRole(ctx, source), projectId);
  const [statements, policyIds] = [await findStatementsOf(ctx, source), await policyIdsOf(ctx, source.id)];
  const usable = await usablePolicies(ctx, policyIds, projectId);
  const readable = statements.length === 0 || ctx.unit.access.can('policy:read', source.projectId);
  if (!readable || policyIds.some((policy) => !usable.has(policy)))
    throw invalid(
      userError('INVALID', 'copyOf', `copyOf: statements or policies of the role ${source.name} cannot be used here.`),
    );
  return { statements, policyIds };
}

/** Permissions on the organization have no effect in a role of a project. */
function builtInCopy({ allow }: Role, projectId: string | null): Definition {
  const permissions = [...allow].filter(
    (name) => projectId === null || PERMISSIONS.get(name)?.level !== 'organization',
  );
  const statements: Statement[] = [];
  for (let at = 0; at < permissions.length; at += ROLE_LIMITS.patternsPerStatement)
    statements.push({ effect: 'ALLOW', permissions: permissions.slice(at, at + ROLE_LIMITS.patternsPerStatement) });
  return { statements, policyIds: [] };
}

/** Throws unless the role has statements or policies, and no more of them than the limits. */
export function checkDefinition({ statements, policyIds }: Definition): void {
  if (statements.length + policyIds.length === 0)
    throw invalid(userError('REQUIRED', 'statements', 'statements: a role must have statements or policies.'));
  // Each list of an input has this limit. Together with a copied list they could exceed it.
  if (statements.length > ROLE_LIMITS.statementsPerPolicy)
    throw limitExceeded('statements', `statements: a role has at most ${limitText('statementsPerPolicy')} statements.`);
  if (policyIds.length > ROLE_LIMITS.policiesPerRole)
    throw limitExceeded('policyIds', `policyIds: a role has at most ${limitText('policiesPerRole')} policies.`);
}

export async function addPolicies(ctx: Context, roleId: string, policyIds: string[]): Promise<void> {
  const organizationId = tenant(ctx);
  if (policyIds.length > 0)
    await (await db(ctx))
      .insert(rolePolicies)
      .values(policyIds.map((policyId) => ({ organizationId, roleId, policyId })));
}

export async function setPolicies(ctx: Context, roleId: string, policyIds: string[]): Promise<void> {
  await (await db(ctx))
    .delete(rolePolicies)
    .where(and(eq(rolePolicies.organizationId, tenant(ctx)), eq(rolePolicies.roleId, roleId)));
  await addPolicies(ctx, roleId, policyIds);
}

/** The current role. Throws NOT_HELD if it grants permissions that the caller does not have. */
export async function requireHeldRoleById(ctx: Context, id: string, action: string): Promise<Role> {
  const role = (await findCustomRoles(ctx, [id])).get(id) as Role;
  requireHeldRole(ctx.unit.access, role, role.projectId, action);
  return role;
}

/** Throws if the role has too many patterns. Called after its statements and policies are written. */
export async function requireSmall(ctx: Context, roleId: string): Promise<void> {
  if (await findLargeRole(ctx, [roleId]))
    throw limitExceeded(
      'statements',
      `statements: a role and its policies have at most ${limitText('patternsPerRole')} patterns in total.`,
    );
}
