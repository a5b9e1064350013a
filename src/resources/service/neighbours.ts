import { and, asc, eq, or } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import { serviceDependencies, services } from './table.ts';

export interface Dependency {
  serviceId: string;
  dependsOnId: string;
}

/** The dependencies of these services, and those of other services on them. */
export const dependenciesOf = async (ctx: Context, ids: readonly string[]): Promise<Dependency[]> =>
  (await db(ctx))
    .select({ serviceId: serviceDependencies.serviceId, dependsOnId: serviceDependencies.dependsOnId })
    .from(serviceDependencies)
    .where(
      and(
        eq(serviceDependencies.organizationId, tenant(ctx)),
        or(isAnyOf(serviceDependencies.serviceId, ids), isAnyOf(serviceDependencies.dependsOnId, ids)),
      ),
    );

/**
 * Waits for transactions that have added dependencies on these services and still see their former aliases, so that the caller
 * finds these dependencies. Other transactions that add one wait for the caller, and then see the new aliases.
 */
export async function lockDependencies(ctx: Context, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await (await db(ctx))
    .select({ id: services.id })
    .from(services)
    .where(and(eq(services.organizationId, tenant(ctx)), isAnyOf(services.id, ids)))
    .orderBy(asc(services.id))
    .for('update');
}

/** The other services in these dependencies. */
export const othersIn = (dependencies: readonly Dependency[], ids: readonly string[]): string[] =>
  [...new Set(dependencies.flatMap(({ serviceId, dependsOnId }) => [serviceId, dependsOnId]))].filter(
    (id) => !ids.includes(id),
  );
