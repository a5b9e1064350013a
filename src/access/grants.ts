import { and, eq, type SQL } from 'drizzle-orm';
import { isAnyOf } from '../db/array.ts';
import type { Db } from '../db/client.ts';
import type { Plan } from '../lib/plans.ts';
import { policies } from '../resources/policy/table.ts';
import { assignments, rolePolicies, roles } from '../resources/role/table.ts';
import type { Grants, Role } from './model.ts';
import { CREATOR, compileRole, findBuiltIn } from './roles.ts';

export type AssignmentRow = typeof assignments.$inferSelect;

/** The rows from which the grants of principals are computed, together with the plan and the time. */
export interface AccessRows {
  assignments: readonly AssignmentRow[];
  /** The custom roles of these assignments. */
  roles: ReadonlyMap<string, Role>;
}

export type GrantsById = ReadonlyMap<string, Grants>;

/** Compiled custom roles of one version of the organization's access: the version that the transaction sees. */
export interface RoleCache {
  get(id: string): Role | undefined;
  set(id: string, role: Role): void;
}

const NEVER = Number.POSITIVE_INFINITY;

/** Later than the expiry of every role. */
export const END_OF_TIME = new Date(8_640_000_000_000_000);

/**
 * The assignments of these principals or, by default, of all, with their custom roles. One statement, and a second one
 * if there are custom roles that are not cached. The transaction must be bound to the organization.
 */
export async function loadAssignments(
  db: Db,
  organizationId: string,
  principalIds?: readonly string[],
  cache?: RoleCache,
): Promise<AccessRows> {
  const rows = await db
    .select()
    .from(assignments)
    .where(
      and(
        eq(assignments.organizationId, organizationId),
        principalIds && isAnyOf(assignments.principalId, principalIds),
      ),
    );
  return { assignments: rows, roles: await loadUncached(db, organizationId, customRoleIds(rows), cache) };
}

async function loadUncached(
  db: Db,
  organizationId: string,
  ids: string[],
  cache?: RoleCache,
): Promise<Map<string, Role>> {
  const cached = new Map(
    ids.flatMap((id): [string, Role][] => {
      const role = cache?.get(id);
      return role ? [[id, role]] : [];
    }),
  );
  const loaded = await loadRoles(
    db,
    organizationId,
    ids.filter((id) => !cached.has(id)),
  );
  for (const [id, role] of loaded) cache?.set(id, role);
  return new Map([...cached, ...loaded]);
}

const customRoleIds = (rows: AssignmentRow[]): string[] => [
  ...new Set(rows.flatMap((row) => [row.roleId, row.fallbackRoleId]).filter((id) => id !== null)),
];

/** The grants of each principal under this plan at this time. */
export function grantsAt({ assignments: rows, roles: custom }: AccessRows, plan: Plan, time: Date): GrantsById {
  const byPrincipal = Map.groupBy(rows, (row) => row.principalId);
  return new Map([...byPrincipal].map(([id, own]) => [id, grantsOf(own, custom, plan, time)]));
}

/** The grants of one principal. Undefined if it has none, because it does not exist. */
export const grantsOfPrincipal = (rows: AccessRows, id: string, plan: Plan, time: Date): Grants | undefined =>
  grantsAt({ ...rows, assignments: rows.assignments.filter((row) => row.principalId === id) }, plan, time).get(id);

/** Everything that a principal can come to hold without a further change: now and after its role has expired, on any plan. */
export const grantsOverTime = (rows: AccessRows, id: string, now: Date): Grants[] =>
  [now, END_OF_TIME]
    .map((time) => grantsOfPrincipal(rows, id, 'ENTERPRISE', time))
    .filter((grants) => grants !== undefined);

/** The grants of a principal with these roles that no plan suspends and that do not expire. */
export const grantsOfRoles = (role: Role, projects: ReadonlyMap<string, Role>): Grants => ({
  plan: 'ENTERPRISE',
  role,
  expired: null,
  projects,
  validUntil: NEVER,
});

/** The current grants of these principals or, by default, of all. */
export const loadGrants = async (
  db: Db,
  organizationId: string,
  plan: Plan,
  now: Date,
  principalIds?: readonly string[],
  cache?: RoleCache,
): Promise<GrantsById> => grantsAt(await loadAssignments(db, organizationId, principalIds, cache), plan, now);

/** The custom roles with these ids or, by default, all of the organization. */
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

function grantsOf(rows: readonly AssignmentRow[], custom: ReadonlyMap<string, Role>, plan: Plan, time: Date): Grants {
  const pick = (builtInId: string | null, customId: string | null): Role | null =>
    (builtInId && findBuiltIn(builtInId)) || (customId && custom.get(customId)) || null;
  const organization = rows.find((row) => row.projectId === null);
  const assigned = organization && pick(organization.builtInRoleId, organization.roleId);
  if (!organization || !assigned) throw new Error('a principal has no organization role');
  const { expiresAt } = organization;
  const isExpired = expiresAt !== null && expiresAt <= time;
  const fallback = pick(organization.fallbackBuiltInRoleId, organization.fallbackRoleId);
  return {
    plan,
    role: isExpired && fallback ? fallback : assigned,
    expired: isExpired ? { role: assigned, at: expiresAt } : null,
    projects: new Map(
      rows.flatMap((row) =>
        row.projectId && !row.inactive
          ? [[row.projectId, row.ofCreator ? CREATOR : pick(row.builtInRoleId, row.roleId)]]
          : [],
      ),
    ),
    validUntil: expiresAt && !isExpired ? expiresAt.getTime() : NEVER,
  };
}
