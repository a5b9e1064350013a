import { and, eq, isNull, or, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { canOnEvery } from '../access/access.ts';
import type { Permission } from '../access/catalog.ts';
import { NO_TEAMS, OWN_SERVICE, serviceOf } from '../access/ownership.ts';
import { type Context, tenant } from '../context.ts';
import { isAnyOf, isNoneOf } from '../db/array.ts';
import { readerOf } from '../db/reader.ts';
import { andThen, type MaybePromise } from '../lib/maybe-promise.ts';
import { services } from '../resources/service/table.ts';
import { loaderById } from './loader.ts';

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

const reader = readerOf<{ id: string; ownerId: string | null }>(services, {
  id: services.id,
  ownerId: services.ownerId,
});

/** The owners of services. One statement for all services of a response. */
const findOwned = loaderById(reader, services);

/** Whether the caller has the permission on the service. False if it does not exist. */
export const canOnService = (ctx: Context, serviceId: string, permission: Permission): MaybePromise<boolean> =>
  canOnEvery(ctx.unit.access, permission) ||
  andThen(findOwned(ctx, serviceId), (service) =>
    service === null ? false : ctx.unit.access.can(permission, serviceOf(service.ownerId)),
  );
