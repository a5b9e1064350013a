import { type Context, enqueueJob, tenant } from '../../context.ts';

/** What has to be evaluated. Without `serviceIds` all services, and without `checkIds` all checks. */
export interface Affected {
  readonly serviceIds?: readonly string[];
  /** With an empty list, only the levels are computed again. */
  readonly checkIds?: readonly string[];
}

/** Evaluates services in a job, soon after the mutation is committed. For changes that concern more than one service. */
export async function evaluateLater(ctx: Context, { serviceIds, checkIds }: Affected): Promise<void> {
  if (serviceIds?.length === 0) return;
  await enqueueJob(ctx, 'evaluate', {
    organizationId: tenant(ctx),
    serviceIds: serviceIds ? [...serviceIds] : null,
    checkIds: checkIds ? [...checkIds] : null,
  });
}
