import { audit, type Context } from '../../context.ts';
import type { Change, Hooks } from '../../data/hooks.ts';
import { toPublicId } from '../../lib/ids.ts';
import { isWebUrl } from '../../lib/web-url.ts';
import { evaluateLater } from '../evaluation/enqueue.ts';
import { evaluateServices } from '../evaluation/evaluate.ts';
import { deleteResultsOf } from '../evaluation/service-deletion.ts';
import { type PreparedProperties, writePrepared } from '../service-property/write.ts';
import { aroundServices, requireOwners } from '../team/access.ts';
import { dependenciesOf, lockDependencies, othersIn } from './neighbours.ts';
import type { services } from './table.ts';

export type ServiceRow = typeof services.$inferSelect;

export const serviceHooks: Hooks<ServiceRow> = {
  around: aroundServices,
  afterWrite: async (ctx, changes, properties: PreparedProperties | null) => {
    await requireOwners(ctx, changes);
    const ids = changes.map(({ after }) => after.id);
    if (properties) await writePrepared(ctx, ids, properties);
    await evaluateServices(ctx, ids);
    await evaluateNeighbours(ctx, changes.filter(concernsNeighbours));
  },
  beforeDelete: async (ctx, { id }) => {
    const dependencies = await dependenciesOf(ctx, [id]);
    // Their dependencies on the service are deleted with it.
    const dependents = dependencies.filter(({ dependsOnId }) => dependsOnId === id);
    audit(ctx, {
      touched: dependents.map(({ serviceId }) => ({ id: toPublicId('svc', serviceId), projectId: null })),
    });
    await evaluateLater(ctx, { serviceIds: othersIn(dependencies, [id]) });
  },
  sendAfterDelete: (ctx, { id }) => deleteResultsOf(ctx, id),
};

/** Whether an existing service gets or loses a name or an alias. */
const isRenamed = ({ before, after, items }: Change<ServiceRow>): boolean =>
  before !== null && (before.name !== after.name || items.some(({ part }) => part.name === 'aliases'));

/** Filters can compare the names and aliases of the services that a service needs, and of those that need it. */
const concernsNeighbours = (change: Change<ServiceRow>): boolean =>
  isRenamed(change) || change.items.some(({ part }) => part.name === 'dependencies');

async function evaluateNeighbours(ctx: Context, changes: readonly Change<ServiceRow>[]): Promise<void> {
  if (changes.length === 0) return;
  const ids = changes.map(({ after }) => after.id);
  await lockDependencies(
    ctx,
    changes.filter(isRenamed).map(({ after }) => after.id),
  );
  const removed = changes.flatMap(({ items }) =>
    items.flatMap(({ part, remove }) => (part.name === 'dependencies' ? remove : [])),
  );
  const others = othersIn(await dependenciesOf(ctx, ids), ids);
  const former = removed.map(({ dependsOnId }) => dependsOnId as string);
  await evaluateLater(ctx, { serviceIds: [...new Set([...others, ...former])] });
}

/** An index has the URL and the name of a link. PostgreSQL limits its entries to 2,704 bytes. */
const MAX_URL_BYTES = 2_000;

/** The reason why the URL of a link is refused. */
export function refuseUrl({ url }: { url: string }): { column: string; message: string } | null {
  const refused = (message: string) => ({ column: 'url', message });
  if (!isWebUrl(url)) return refused('must be an http or https URL');
  return Buffer.byteLength(url) > MAX_URL_BYTES ? refused(`must have at most ${MAX_URL_BYTES} bytes in UTF-8`) : null;
}
