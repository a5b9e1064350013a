import { and, eq } from 'drizzle-orm';
import { audit, type Context, db, tenant } from '../../context.ts';
import type { Hooks } from '../../data/hooks.ts';
import { toPublicId } from '../../lib/ids.ts';
import { isWebUrl } from '../../lib/web-url.ts';
import { aroundServices, requireOwners } from '../team/access.ts';
import { serviceDependencies, type services } from './table.ts';

export type ServiceRow = typeof services.$inferSelect;

export const serviceHooks: Hooks<ServiceRow> = {
  around: aroundServices,
  afterWrite: requireOwners,
  beforeDelete: async (ctx, { id }) => {
    const touched = (await dependentsOf(ctx, id)).map((one) => ({ id: toPublicId('svc', one), projectId: null }));
    audit(ctx, { touched });
  },
};

/** The IDs of the services that need the service. The dependencies are deleted with it. */
async function dependentsOf(ctx: Context, id: string): Promise<string[]> {
  const rows = await (await db(ctx))
    .select({ id: serviceDependencies.serviceId })
    .from(serviceDependencies)
    .where(and(eq(serviceDependencies.organizationId, tenant(ctx)), eq(serviceDependencies.dependsOnId, id)));
  return rows.map((row) => row.id);
}

/** The reason why the URL of a link is refused. */
export const refuseUrl = ({ url }: { url: string }): { column: string; message: string } | null =>
  isWebUrl(url) ? null : { column: 'url', message: 'must be an http or https URL' };
