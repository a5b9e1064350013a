import { and, eq, isNull, or, sql } from 'drizzle-orm';
import { isAnyOf } from '../db/array.ts';
import type { Db } from '../db/client.ts';
import { queryRows } from '../db/reader.ts';
import type { Plan } from '../lib/plans.ts';
import { policies } from '../resources/policy/table.ts';
import { assignments, rolePolicies, roles } from '../resources/role/table.ts';
import { type CompiledPolicy, compilePolicy, compileStatements, customRole } from './compile.ts';
import type { Grants, Role } from './model.ts';
import { NO_TEAMS } from './ownership.ts';
import {
  type AssignmentRow,
  dependsOnTeams,
  END_OF_TIME,
  grantsWithRoles,
  rolesByPrincipal,
} from './principal-roles.ts';
import { loadTeams, type TeamsByPrincipal } from './teams.ts';

/** The rows from which the grants of principals are computed, together with the plan and the time. */
export interface AccessRows {
  assignments: readonly AssignmentRow[];
  /** The custom roles of these assignments. */
  roles: ReadonlyMap<string, Role>;
  /** Of the principals with a role that depends on them. */
  teams: TeamsByPrincipal;
}

export type GrantsById = ReadonlyMap<string, Grants>;

/** Custom roles and their policies in one version of the organization's access: the version that the transaction sees. */
export interface AccessCache {
  roles: ById<Role>;
  policies: ById<CompiledPolicy>;
}

interface ById<Value> {
  get(id: string): Value | undefined;
  set(id: string, value: Value): void;
}

/**
 * The assignments of these principals or, by default, of all, with their custom roles. One statement. Custom roles that
 * are not cached take a second one, with their policies. If a role depends on the teams of its principal, two more are sent
 * together. The transaction must be bound to the organization. With a scope,
 * a project or null for the organization, only the roles that count there are read.
 */
export async function loadAssignments(
  db: Db,
  organizationId: string,
  principalIds?: readonly string[],
  cache?: AccessCache,
  scope?: string | null,
): Promise<AccessRows> {
  const rows = await db
    .select()
    .from(assignments)
    .where(
      and(
        eq(assignments.organizationId, organizationId),
        principalIds && isAnyOf(assignments.principalId, principalIds),
        scope === undefined
          ? undefined
          : or(isNull(assignments.projectId), scope ? eq(assignments.projectId, scope) : undefined),
      ),
    );
  const custom = await loadRoles(db, organizationId, customRoleIds(rows), cache);
  return { assignments: rows, roles: custom, teams: await loadTeamsIn(db, organizationId, rows, custom) };
}

async function loadTeamsIn(
  db: Db,
  organizationId: string,
  rows: readonly AssignmentRow[],
  custom: ReadonlyMap<string, Role>,
): Promise<TeamsByPrincipal> {
  const dependent = rows.filter(
    ({ projectId, roleId, fallbackRoleId }) =>
      projectId === null && dependsOnTeams({ roleId: roleId ?? '', fallbackId: fallbackRoleId }, custom),
  );
  const ids = dependent.map(({ principalId }) => principalId);
  return ids.length > 0 ? await loadTeams(db, organizationId, ids) : new Map();
}

const customRoleIds = (rows: AssignmentRow[]): string[] => [
  ...new Set(rows.flatMap((row) => [row.roleId, row.fallbackRoleId]).filter((id) => id !== null)),
];

/** The grants of each principal under this plan at this time. */
const grantsAt = ({ assignments: rows, roles: custom, teams }: AccessRows, plan: Plan, time: Date): GrantsById =>
  new Map([...rolesByPrincipal(rows, teams)].map(([id, held]) => [id, grantsWithRoles(held, custom, plan, time)]));

/** The grants of one principal. Undefined if it has none, because it does not exist. */
export const grantsOfPrincipal = (rows: AccessRows, id: string, plan: Plan, time: Date): Grants | undefined =>
  grantsAt({ ...rows, assignments: rows.assignments.filter((row) => row.principalId === id) }, plan, time).get(id);

/** The grants of each principal now and after all roles have expired, on any plan. */
export const grantsOfAllOverTime = (rows: AccessRows, now: Date): GrantsById[] =>
  [now, END_OF_TIME].map((time) => grantsAt(rows, 'ENTERPRISE', time));

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
  teams: NO_TEAMS,
  validUntil: Number.POSITIVE_INFINITY,
});

/** The current grants of these principals or, by default, of all. */
export const loadGrants = async (
  db: Db,
  organizationId: string,
  plan: Plan,
  now: Date,
  principalIds?: readonly string[],
  cache?: AccessCache,
  scope?: string | null,
): Promise<GrantsById> => grantsAt(await loadAssignments(db, organizationId, principalIds, cache, scope), plan, now);

/** The custom roles with these ids. Each policy is read and compiled once, however many of the roles have it. */
export const loadRoles = (
  db: Db,
  organizationId: string,
  ids: readonly string[],
  cache?: AccessCache,
): Promise<Map<string, Role>> =>
  cachedOr(cache?.roles, ids, async (missing) => {
    const read = await readRoles(db, organizationId, missing);
    const rows = new Map(read.policies.map((row) => [row.id, row]));
    const compiled = await cachedOr(cache?.policies, [...rows.keys()], (uncompiled) =>
      uncompiled.map((id) => [id, compilePolicy(rows.get(id) as PolicyRow)]),
    );
    const policiesOf = (row: RoleRow): CompiledPolicy[] => row.policyIds.flatMap((id) => compiled.get(id) ?? []);
    return read.roles.map((row) => [row.id, customRole(row, compileStatements(row.statements), policiesOf(row))]);
  });

/** The cached values, and those that `load` returns for the other ids, which are cached then. */
async function cachedOr<Value>(
  cache: ById<Value> | undefined,
  ids: readonly string[],
  load: (missing: readonly string[]) => Promise<[string, Value][]> | [string, Value][],
): Promise<Map<string, Value>> {
  const found = new Map<string, Value>();
  for (const id of ids) {
    const cached = cache?.get(id);
    if (cached) found.set(id, cached);
  }
  const missing = ids.filter((id) => !found.has(id));
  for (const [id, value] of missing.length > 0 ? await load(missing) : []) {
    cache?.set(id, value);
    found.set(id, value);
  }
  return found;
}

type RoleRow = Pick<typeof roles.$inferSelect, 'id' | 'name' | 'description' | 'projectId' | 'statements'> & {
  policyIds: string[];
};
type PolicyRow = Pick<typeof policies.$inferSelect, 'id' | 'name' | 'statements'>;

/** Reads roles and their policies in one statement. A join would return a policy once for each role that has it. */
async function readRoles(
  db: Db,
  organizationId: string,
  ids: readonly string[],
): Promise<{ roles: RoleRow[]; policies: PolicyRow[] }> {
  const used = sql`select ${rolePolicies.roleId}, ${rolePolicies.policyId} from ${rolePolicies}
    where ${rolePolicies.organizationId} = ${organizationId} and ${isAnyOf(rolePolicies.roleId, ids)}`;
  const roleRow = sql`json_build_object('id', ${roles.id}, 'name', ${roles.name}, 'description', ${roles.description},
    'projectId', ${roles.projectId}, 'statements', ${roles.statements}, 'policyIds', coalesce(own.ids, '[]'))`;
  const policyRow = sql`json_build_object('id', ${policies.id}, 'name', ${policies.name}, 'statements', ${policies.statements})`;
  const [row] = await queryRows<{ roles: RoleRow[]; policies: PolicyRow[] }>(
    db,
    sql`with used as materialized (${used})
      select
        (select coalesce(json_agg(${roleRow} order by ${roles.id}), '[]') from ${roles}
          left join (select role_id, json_agg(policy_id order by policy_id) as ids from used group by role_id) as own
            on own.role_id = ${roles.id}
          where ${roles.organizationId} = ${organizationId} and ${isAnyOf(roles.id, ids)}) as roles,
        (select coalesce(json_agg(${policyRow}), '[]') from ${policies}
          where ${policies.organizationId} = ${organizationId}
            and ${policies.id} in (select policy_id from used)) as policies`,
  );
  return row ?? { roles: [], policies: [] };
}
