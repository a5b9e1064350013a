import { count, eq, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import type { TenantTable } from '../../data/rows.ts';
import { arrayParam } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import { type AmbitError, invalid, userError } from '../../lib/errors.ts';
import { limitText, ROLE_LIMITS } from '../../lib/limits.ts';
import { rolePolicies, roles } from '../role/table.ts';
import { policies } from './table.ts';

// The limits on numbers of rows must be checked under the lock of the organization.

export const limitExceeded = (path: string | string[], message: string): AmbitError =>
  invalid(userError('LIMIT_EXCEEDED', path, message));

export const requireRoomForRole = (ctx: Context): Promise<void> => requireRoom(ctx, roles, 'roles', 'custom roles');
export const requireRoomForPolicy = (ctx: Context): Promise<void> => requireRoom(ctx, policies, 'policies', 'policies');

async function requireRoom(ctx: Context, table: TenantTable, limit: 'roles' | 'policies', noun: string): Promise<void> {
  const [all] = await (await db(ctx))
    .select({ total: count() })
    .from(table)
    .where(eq(table.organizationId, tenant(ctx)));
  if ((all?.total ?? 0) >= ROLE_LIMITS[limit])
    throw limitExceeded([], `An organization and its projects have at most ${limitText(limit)} ${noun} in total.`);
}

interface LargeRole {
  name: string;
  project_id: string | null;
}

const patternsIn = (statements: unknown) =>
  sql`(select coalesce(sum(jsonb_array_length(coalesce(statement -> 'ifOwned', statement -> 'permissions'))), 0) from jsonb_array_elements(${statements}) as statement)`;

/** One of these roles that has too many patterns, in its own statements and in its policies. */
export async function findLargeRole(ctx: Context, roleIds: readonly string[]): Promise<LargeRole | null> {
  const [organization, ids] = [tenant(ctx), arrayParam(roleIds)];
  const used = sql`select ${rolePolicies.policyId} from ${rolePolicies}
    where ${rolePolicies.organizationId} = ${organization} and ${rolePolicies.roleId} = any(${ids})`;
  // The patterns of a policy are counted once, not once for each of its roles.
  const sizes = sql`select ${policies.id} as id, ${patternsIn(policies.statements)} as patterns from ${policies}
    where ${policies.organizationId} = ${organization} and ${policies.id} in (${used})`;
  const [large] = await queryRows<LargeRole>(
    await db(ctx),
    sql`with sizes as materialized (${sizes})
      select ${roles.name}, ${roles.projectId} from ${roles}
      left join ${rolePolicies}
        on ${rolePolicies.organizationId} = ${roles.organizationId} and ${rolePolicies.roleId} = ${roles.id}
      left join sizes on sizes.id = ${rolePolicies.policyId}
      where ${roles.organizationId} = ${organization} and ${roles.id} = any(${ids})
      group by ${roles.organizationId}, ${roles.id}
      having ${patternsIn(roles.statements)} + coalesce(sum(sizes.patterns), 0) > ${ROLE_LIMITS.patternsPerRole}
      order by ${roles.id} limit 1`,
  );
  return large ?? null;
}
