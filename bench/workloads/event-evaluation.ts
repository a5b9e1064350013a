import postgres, { type Sql } from 'postgres';
import { connect } from '../../src/db/client.ts';
import type { Pool } from '../../src/db/pool.ts';
import { inTransaction } from '../../src/db/transaction.ts';
import type { Job } from '../../src/jobs/job.ts';
import { createEventEvaluator } from '../../src/lib/event-rules/evaluator.ts';
import { newId } from '../../src/lib/ids.ts';
import { createProcessEvents } from '../../src/resources/integration/process-job.ts';
import { withDatabase } from '../harness/database.ts';
import { report } from '../harness/report.ts';
import { inTurn } from '../harness/rounds.ts';
import type { Organization } from '../harness/seed.ts';

const SERVICES = 1_000;
/** Events of one round. Each is about another service, and changes its result. */
const EVENTS = 1_000;

const RULES = {
  serviceSelector: '.service',
  successCondition: '.findings | all(.severity != "critical")',
  resultMessage: '{{ payload.findings.size }} findings of **{{ alias }}** in build {{ payload.build }}',
};

export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    const amounts = { organizations: 1, members: 10, checks: 10 };
    const database = await server.create('bench_event_evaluation', amounts);
    const [organization] = database.organizations as [Organization];
    const root = postgres(database.url, { max: 1, onnotice: () => undefined });
    const pool = connect({ url: database.runtimeUrl, pool: 2, statementTimeout: 60_000 });
    const eventEvaluator = createEventEvaluator();
    const integration = await fill(root, organization);
    const process = createProcessEvents({ clock: () => new Date(), eventEvaluator, log: () => undefined } as never);
    let round = 0;
    const measure = async (): Promise<number> => {
      await queue(root, organization, integration, ++round);
      const begin = performance.now();
      await process(jobOf(pool, organization.id));
      return EVENTS / ((performance.now() - begin) / 1_000);
    };
    const name = 'one check, each event changes a result';
    // The thread does not keep the process running.
    const timer = setInterval(() => undefined, 1_000);
    const outcomes = await inTurn([{ name, measure }]);
    clearInterval(timer);
    await requireAll(root, integration);
    await Promise.all([pool.end(), root.end(), eventEvaluator.stop()]);
    await report({
      workload: 'event-evaluation',
      what: `custom events of one organization evaluated by one job, with ${SERVICES.toLocaleString('en')} services, beside PostgreSQL`,
      unit: 'events/s',
      higherIsBetter: true,
      outcomes,
      targets: [{ of: name, atLeast: 300 }],
      notes: ['A payload has 1 kB. The job runs two programs of jq and a template for each event.'],
    });
  });

/** An organization with services and one check. Returns the ID of the integration. */
async function fill(sql: Sql, { id, categoryIds, levelIds }: Organization): Promise<string> {
  await sql`delete from checks where organization_id = ${id}`;
  const services = Array.from({ length: SERVICES }, (_, at) => ({ id: newId(), alias: `service-${at}` }));
  for (const { id: service, alias } of services) {
    await sql`insert into services (organization_id, id, name) values (${id}, ${service}, ${alias})`;
    await sql`insert into service_aliases (organization_id, id, service_id, alias)
      values (${id}, ${newId()}, ${service}, ${alias})`;
  }
  const integration = newId();
  await sql`insert into integrations (organization_id, id, name, type, hash, hint)
    values (${id}, ${integration}, 'Scanner', 'CUSTOM_EVENT', 'hash', 'hint')`;
  await sql`insert into checks (organization_id, id, name, type, category_id, level_id, integration_id, enabled, settings)
    values (${id}, ${newId()}, 'No critical findings', 'CUSTOM_EVENT', ${categoryIds[0] ?? ''}, ${levelIds[0] ?? ''},
      ${integration}, true, ${JSON.stringify(RULES)}::text::jsonb)`;
  await sql`vacuum (analyze)`;
  return integration;
}

/** Stores events that are not processed yet. */
async function queue(sql: Sql, { id }: Organization, integration: string, round: number): Promise<void> {
  const rows = Array.from({ length: EVENTS }, (_, at) => {
    const severity = (at + round) % 2 === 0 ? 'critical' : 'low';
    const findings = Array.from({ length: 10 }, (_, n) => ({ id: `CVE-2026-${n}`, severity, text: 'x'.repeat(50) }));
    const payload = JSON.stringify({ service: `service-${at % SERVICES}`, build: round, findings });
    return {
      ...{ organization_id: id, id: newId(), integration_id: integration, payload, size: payload.length },
      status: 'QUEUED',
    };
  });
  await sql`insert into integration_events ${sql(rows)}`;
}

/** Fails if an event was not processed. */
async function requireAll(sql: Sql, integration: string): Promise<void> {
  const [row] = await sql`select count(*)::int as total from integration_events
    where integration_id = ${integration} and status <> 'PROCESSED'`;
  if (row?.['total'] !== 0) throw new Error(`${row?.['total']} events were not processed`);
}

const jobOf = (pool: Pool, organizationId: string) =>
  ({
    payload: { organizationId },
    signal: new AbortController().signal,
    transaction: (work) => inTransaction(pool, { organizationId, userId: null }, work, 'read write'),
  }) as Job<'process-events'>;
