import { eq } from 'drizzle-orm';
import type { Db } from '../db/client.ts';
import { addSecrets } from '../identity/secrets.ts';
import { newId } from '../lib/ids.ts';
import { hashSecret, hintOf, newSecret } from '../lib/secret.ts';
import type { Scope } from '../resources/evaluation/scope.ts';
import { processCustomEvents } from '../resources/integration/custom-events.ts';
import type { EvaluatedEvent } from '../resources/integration/event-checks.ts';
import { integrationEvents, integrations } from '../resources/integration/table.ts';
import { SERVICES } from './demo-catalog.ts';
import { aliasOf } from './demo-services.ts';

interface DemoIntegration {
  readonly id: string;
  /** The secret of the URL for events. Only its hash is stored. */
  readonly secret: string;
}

/** Creates an integration of type CUSTOM_EVENT with a random secret. */
export async function createDemoIntegration(db: Db, organizationId: string): Promise<DemoIntegration> {
  const [id, secret] = [newId(), newSecret('ambit_int_')];
  const hash = hashSecret(secret);
  await db.insert(integrations).values({
    ...{ organizationId, id, hash, hint: hintOf(secret) },
    ...{ name: 'Vulnerability scanner', type: 'CUSTOM_EVENT' as const },
  });
  await addSecrets(db, organizationId, [hash]);
  return { id, secret };
}

/** The payload that the vulnerability scanner sends about a service. */
const scanOf = (service: string, critical: number) => ({ service, vulnerabilities: { critical, high: critical + 1 } });

/** An event for the banner. With it, the service passes a check that it fails in the demo. */
export const DEMO_EVENT = scanOf('payment', 0);

/** Critical vulnerabilities by alias. No service has the last alias, so it becomes a suggestion. */
const SCANS: readonly (readonly [alias: string, critical: number])[] = [
  ...SERVICES.filter(({ lifecycle }, at) => lifecycle === 'ga' && at % 9 !== 8).map(
    ({ name }, at) => [aliasOf(name), name === 'Payment' ? 2 : at % 7 === 6 ? 1 : 0] as const,
  ),
  ['gift-cards', 0],
];

/** Stores processed events about the services, with the results of the check. */
export async function createDemoEvents(scope: Scope, integrationId: string, checkId: string): Promise<void> {
  const { db, organizationId, now } = scope;
  const events = SCANS.map(([alias, critical]) => ({
    id: newId(),
    payload: JSON.stringify(scanOf(alias, critical)),
    result: {
      ...{ checkId, alias, status: critical === 0 ? ('PASSED' as const) : ('FAILED' as const) },
      message: `Critical vulnerabilities: **${critical}**.`,
    },
  }));
  await db.insert(integrationEvents).values(
    events.map(({ id, payload }) => ({
      ...{ organizationId, integrationId, id, payload, createdAt: now },
      size: Buffer.byteLength(payload),
    })),
  );
  const evaluated = events.map(
    ({ id, result }): EvaluatedEvent => ({ id, integrationId, results: [result], errors: [] }),
  );
  await processCustomEvents(scope, evaluated);
  await db.update(integrations).set({ lastEventAt: now }).where(eq(integrations.organizationId, organizationId));
}
