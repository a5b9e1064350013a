import { and, asc, eq } from 'drizzle-orm';
import { isAnyOf } from '../../db/array.ts';
import type { Scope } from '../evaluation/scope.ts';
import { serviceAliases, services } from '../service/table.ts';

/** The IDs of the services with these aliases, by alias. */
export async function servicesByAlias(
  { db, organizationId }: Pick<Scope, 'db' | 'organizationId'>,
  aliases: Iterable<string>,
): Promise<Map<string, string>> {
  const { alias, serviceId } = serviceAliases;
  const rows = await db
    .select({ alias, serviceId })
    .from(serviceAliases)
    .where(and(eq(serviceAliases.organizationId, organizationId), isAnyOf(alias, aliases)));
  return new Map(rows.map((row) => [row.alias, row.serviceId]));
}

/** Locks services in the order of their IDs, as an evaluation does it. Returns the IDs of those that still exist. */
export async function lockServices({ db, organizationId }: Scope, ids: Iterable<string>): Promise<Set<string>> {
  const rows = await db
    .select({ id: services.id })
    .from(services)
    .where(and(eq(services.organizationId, organizationId), isAnyOf(services.id, ids)))
    .orderBy(asc(services.id))
    .for('no key update');
  return new Set(rows.map(({ id }) => id));
}
