import { and, eq, or } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import { serviceDependencies } from './table.ts';

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

/** The other services in these dependencies. */
export const othersIn = (dependencies: readonly Dependency[], ids: readonly string[]): string[] =>
  [...new Set(dependencies.flatMap(({ serviceId, dependsOnId }) => [serviceId, dependsOnId]))].filter(
    (id) => !ids.includes(id),
  );
