import { sql } from 'drizzle-orm';
import type { Db } from '../db/client.ts';
import { evaluatePage } from '../resources/evaluation/job.ts';
import { createDemoEvents, createDemoIntegration } from './demo-events.ts';
import { createDemoHistory } from './demo-history.ts';
import { createDemoRubric } from './demo-rubric.ts';
import { createDemoServices, type Ids } from './demo-services.ts';

/**
 * Adds everything about services to a demo organization. `people` has the IDs of the members by e-mail address. Returns the
 * secret of the URL for events.
 */
export async function fillDemoOrganization(db: Db, organizationId: string, people: Ids, now: Date): Promise<string> {
  const ids = await createDemoServices(db, organizationId, people, now);
  const { id: integrationId, secret } = await createDemoIntegration(db, organizationId);
  const reporterId = people.get('admin@acme.test') ?? null;
  const checks = await createDemoRubric(db, ids, { integrationId, reporterId, now });
  const scope = { db, organizationId, now };
  await evaluatePage(scope, sql`true`, null);
  for (const { id, type } of checks) if (type === 'CUSTOM_EVENT') await createDemoEvents(scope, integrationId, id);
  await createDemoHistory(scope);
  return secret;
}
