import { and, eq, isNull, type SQL } from 'drizzle-orm';
import { isAnyOf } from '../db/array.ts';
import type { Db } from '../db/client.ts';
import type { Plan } from '../lib/plans.ts';
import { policies } from '../resources/policy/table.ts';
import { assignments, rolePolicies, roles } from '../resources/role/table.ts';
import type { Grants, Role } from './model.ts';
import { compileRole, findBuiltIn } from './roles.ts';

type AssignmentRow = typeof assignments.$inferSelect;

const NEVER = Number.POSITIVE_INFINITY;

/** Compiled roles of the version of the organization's access that the transaction sees. */
export interface RoleCache {
  get(id: string): Role | undefined;
  set(id: string, role: Role): void;
}

/**
 * What principals hold now, by principal: of those that are given, or of all. Two statements, however many they are,
 * or one when all roles are kept. Runs in a transaction that is bound to the organization.
 */
export async function loadGrants(
  db: Db,
  organizationId: string,
  plan: Plan,
  now: Date,
  principalIds?: readonly string[],
  kept?: RoleCache,
): Promise<Map<string, Grants>> {
  const rows = await db
    .select()
    .from(assignments)
    .where(
      and(
        eq(assignments.organizationId, organizationId),
        principalIds && isAnyOf(assignments.principalId, principalIds),
      ),
    );
  const custom = await loadUnkept(db, organizationId, rolesOf(rows), kept);
  const byPrincipal = Map.groupBy(rows, (row) => row.principalId);
  return new Map([...byPrincipal].map(([principal, own]) => [principal, grantsOf(own, custom, plan, now)]));
}

async function loadUnkept(db: Db, organizationId: string, ids: string[], kept?: RoleCache): Promise<Map<string, Role>> {
  const known = new Map(ids.flatMap((id) => (kept?.get(id) ? [[id, kept.get(id) as Role] as const] : [])));
  const loaded = await loadRoles(
    db,
    organizationId,
    ids.filter((id) => !known.has(id)),
  );
  for (const [id, role] of loaded) kept?.set(id, role);
  return new Map([...known, ...loaded]);
}

const rolesOf = (rows: AssignmentRow[]): string[] => [
  ...new Set(rows.flatMap((row) => [row.roleId, row.fallbackRoleId]).filter((id) => id !== null)),
];

/** Custom roles, compiled: those that are given, or all of the organization. */
export async function loadRoles(db: Db, organizationId: string, ids?: readonly string[]): Promise<Map<string, Role>> {
  if (ids?.length === 0) return new Map();
  const where: SQL | undefined = ids && isAnyOf(roles.id, ids);
  const rows = await db
    .select({ role: roles, policy: policies })
    .from(roles)
    .leftJoin(
      rolePolicies,
      and(eq(rolePolicies.organizationId, roles.organizationId), eq(rolePolicies.roleId, roles.id)),
    )
    .leftJoin(policies, and(eq(policies.organizationId, roles.organizationId), eq(policies.id, rolePolicies.policyId)))
    .where(and(eq(roles.organizationId, organizationId), where))
    .orderBy(roles.id, policies.id);
  const byRole = Map.groupBy(rows, (row) => row.role.id);
  return new Map(
    [...byRole].map(([id, joined]) => {
      const { name, description, projectId } = (joined[0] as (typeof rows)[number]).role;
      const own = joined.flatMap(({ policy }) =>
        policy ? [{ name: policy.name, statements: policy.statements }] : [],
      );
      return [id, compileRole({ id, name, description, projectId, policies: own })];
    }),
  );
}

function grantsOf(rows: AssignmentRow[], custom: Map<string, Role>, plan: Plan, now: Date): Grants {
  const pick = (builtInId: string | null, customId: string | null): Role | null =>
    (builtInId && findBuiltIn(builtInId)) || (customId && custom.get(customId)) || null;
  const organization = rows.find((row) => row.projectId === null);
  const given = organization && pick(organization.builtInRoleId, organization.roleId);
  if (!organization || !given) throw new Error('a principal has no organization role');
  const over = organization.expiresAt !== null && organization.expiresAt <= now;
  const fallback = pick(organization.fallbackBuiltInRoleId, organization.fallbackRoleId);
  return {
    plan,
    role: over && fallback ? fallback : given,
    expired: over && organization.expiresAt ? { role: given, at: organization.expiresAt } : null,
    projects: new Map(
      rows.flatMap((row) => (row.projectId ? [[row.projectId, pick(row.builtInRoleId, row.roleId)]] : [])),
    ),
    validUntil: organization.expiresAt && !over ? organization.expiresAt.getTime() : NEVER,
  };
}

/** The assignment that stands for the whole organization. */
export const inOrganization = isNull(assignments.projectId);
