import { and, eq, isNull, lte, or } from 'drizzle-orm';
import { z } from 'zod';
import { aliasText, multiLine, parse, singleLine } from '../../lib/input.ts';
import { evaluateBatch } from '../evaluation/evaluate.ts';
import type { Scope } from '../evaluation/scope.ts';
import { requireNotFuture } from '../service/deploy.ts';
import { services } from '../service/table.ts';
import { endEvents, type QueuedEvent } from './events.ts';
import { lockServices, servicesByAlias } from './services.ts';
import { suggestServices } from './suggest.ts';

/** Other fields of a payload are ignored, because other systems define them. */
const Deploy = z.object({
  service: aliasText,
  deployedAt: z
    .string()
    .pipe(z.iso.datetime({ offset: true, error: 'must be a time such as 2026-01-31T12:00:00Z' }))
    .transform((text) => new Date(text))
    .nullish(),
  version: singleLine(200).nullish(),
  description: multiLine(2_000),
});

export interface Deploy {
  /** An alias. */
  readonly service: string;
  readonly at: Date;
  readonly version: string | null;
  readonly description: string | null;
}

/** Checks a payload of type DEPLOY that arrived at this time. Throws an error with all user errors. */
export function parseDeploy(payload: unknown, receivedAt: Date): Deploy {
  const { service, deployedAt, version, description } = parse(Deploy, payload);
  const at = deployedAt ?? receivedAt;
  requireNotFuture(at, receivedAt);
  return { service, at, version: version ?? null, description: description ?? null };
}

interface DeployEvent extends Deploy {
  readonly id: string;
  readonly integrationId: string;
}

/** Records deploys as `recordDeploy` does, and evaluates their services. An unknown alias becomes a suggestion. */
export async function processDeploys(scope: Scope, events: readonly QueuedEvent[]): Promise<void> {
  if (events.length === 0) return;
  const { db, organizationId, now } = scope;
  const deploys = events.map(
    ({ id, integrationId, payload, createdAt }): DeployEvent => ({
      ...parseDeploy(JSON.parse(payload), createdAt),
      id,
      integrationId,
    }),
  );
  const found = await servicesByAlias(
    scope,
    deploys.map(({ service }) => service),
  );
  await lockServices(scope, new Set(found.values()));
  for (const deploy of deploys) {
    const serviceId = found.get(deploy.service);
    if (serviceId !== undefined) await record(scope, serviceId, deploy);
  }
  const unknown = deploys.filter(({ service }) => !found.has(service));
  await suggestServices(
    scope,
    unknown.map(({ integrationId, service }) => ({ integrationId, alias: service })),
  );
  if (found.size > 0 && !(await evaluateBatch(scope, [...new Set(found.values())].sort())))
    throw new Error('a level is being changed; the job is retried');
  const end = (those: readonly DeployEvent[], error: string | null): Promise<void> =>
    endEvents(
      db,
      organizationId,
      those.map(({ id }) => id),
      { error, now },
    );
  await end(
    deploys.filter(({ service }) => found.has(service)),
    null,
  );
  await end(unknown, 'No service has the alias.');
}

/** An earlier deploy than the last one changes nothing. */
async function record({ db, organizationId, now }: Scope, serviceId: string, deploy: Deploy): Promise<void> {
  await db
    .update(services)
    .set({
      lastDeployAt: deploy.at,
      lastDeployVersion: deploy.version,
      lastDeployDescription: deploy.description,
      updatedAt: now,
    })
    .where(
      and(
        eq(services.organizationId, organizationId),
        eq(services.id, serviceId),
        or(isNull(services.lastDeployAt), lte(services.lastDeployAt, deploy.at)),
      ),
    );
}
