import { and, eq, isNull, or, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { canOnEvery } from '../access/access.ts';
import type { Permission } from '../access/catalog.ts';
import { NO_TEAMS, OWN_SERVICE } from '../access/ownership.ts';
import { type Context, tenant } from '../context.ts';
import { isAnyOf, isNoneOf } from '../db/array.ts';
import { services } from '../resources/service/table.ts';

/**
 * The condition that a column, the owner of a service, is a team on whose services the caller has the permission. Undefined
 * if the caller has it on every service. It is SQL, so that counts and pages reveal nothing about hidden services.
 */
export function ownedBy(ctx: Context, owner: PgColumn, permission: Permission): SQL | undefined {
  const { access } = ctx.unit;
  if (canOnEvery(access, permission)) return undefined;
  const teams = access.effective?.grants.teams ?? NO_TEAMS;
  if (access.can(permission)) return or(isNull(owner), isNoneOf(owner, teams));
  return access.can(permission, OWN_SERVICE) && teams.size > 0 ? isAnyOf(owner, teams) : sql`false`;
}

/** The same for a column with the ID of a service. */
export function ofServices(ctx: Context, serviceId: PgColumn, permission: Permission): SQL | undefined {
  const where = ownedBy(ctx, services.ownerId, permission);
  if (!where) return undefined;
  const found = and(eq(services.organizationId, tenant(ctx)), where);
  return sql`${serviceId} in (select ${services.id} from ${services} where ${found})`;
}
