import { type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import { isAnyOf } from '../db/array.ts';
import type { Db } from '../db/client.ts';
import { queryRows } from '../db/reader.ts';
import { policies } from '../resources/policy/table.ts';
import { assignments, rolePolicies, roles } from '../resources/role/table.ts';
import { teamMembers, teams } from '../resources/team/table.ts';

/** The teams of principals with all child teams, by principal. Principals without a team are missing. */
export type TeamsByPrincipal = ReadonlyMap<string, ReadonlySet<string>>;

interface OwnTeamsRow {
  /** Separated by commas. */
  teams: string;
  principals: string;
}

interface TreeRow {
  root: string;
  teams: string;
}

/**
 * Reads the teams of these principals. PostgreSQL groups the principals that belong to the same teams: they share one set.
 * The transaction must be bound to the organization.
 */
export async function loadTeams(
  db: Db,
  organizationId: string,
  principalIds: readonly string[],
): Promise<TeamsByPrincipal> {
  const own = sql`${teamMembers.organizationId} = ${organizationId} and ${isAnyOf(teamMembers.principalId, principalIds)}`;
  const [members, trees] = await Promise.all([
    queryRows<OwnTeamsRow>(db, ownTeams(own)),
    queryRows<TreeRow>(db, childTeams(organizationId, own)),
  ]);
  const byRoot = new Map(trees.map(({ root, teams: all }) => [root, all.split(',')]));
  const found = new Map<string, ReadonlySet<string>>();
  for (const row of members) {
    const all = new Set(row.teams.split(',').flatMap((root) => byRoot.get(root) ?? []));
    for (const principal of row.principals.split(',')) found.set(principal, all);
  }
  return found;
}

const ownTeams = (own: SQL): SQL => sql`
  select teams, string_agg(principal::text, ',') as principals from (
    select ${teamMembers.principalId} as principal,
      string_agg(${teamMembers.teamId}::text, ',' order by ${teamMembers.teamId}) as teams
    from ${teamMembers} where ${own} group by ${teamMembers.principalId}
  ) as member group by teams`;

/** Each of the teams with itself and all of its child teams. `union` ends the recursion, also if the tree had a cycle. */
const childTeams = (organizationId: string, own: SQL): SQL => sql`
  with recursive tree (root, id) as (
    select ${teamMembers.teamId}, ${teamMembers.teamId} from ${teamMembers} where ${own}
    union
    select tree.root, ${teams.id} from tree
      join ${teams} on ${teams.organizationId} = ${organizationId} and ${teams.parentId} = tree.id
  )
  select root::text as root, string_agg(id::text, ',') as teams from tree group by root`;

/**
 * The principals whose role, now or as a fallback, has a statement that depends on their teams. A change of the teams of
 * others changes no access. The transaction must be bound to the organization.
 */
export async function findDependents(db: Db, organizationId: string): Promise<string[]> {
  const found = await queryRows<{ id: string }>(
    db,
    sql`with conditional as materialized (
        select ${policies.id} as id from ${policies}
        where ${policies.organizationId} = ${organizationId} and ${hasCondition(policies.statements)}
      ), dependent as materialized (
        select ${roles.id} as id from ${roles}
        where ${roles.organizationId} = ${organizationId} and ${hasCondition(roles.statements)}
        union
        select ${rolePolicies.roleId} from ${rolePolicies}
        where ${rolePolicies.organizationId} = ${organizationId} and ${rolePolicies.policyId} in (select id from conditional)
      )
      select distinct ${assignments.principalId} as id from ${assignments}
      where ${assignments.organizationId} = ${organizationId} and ${assignments.projectId} is null
        and (${assignments.roleId} in (select id from dependent)
          or ${assignments.fallbackRoleId} in (select id from dependent))`,
  );
  return found.map(({ id }) => id);
}

const hasCondition = (statements: SQLWrapper): SQL => sql`${statements} @? '$[*].ifOwned'`;
