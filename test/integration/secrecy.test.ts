import { afterAll, expect, test } from 'vitest';
import { createMetrics } from '../../src/http/metrics/metrics.ts';
import { createTracing } from '../../src/http/open-telemetry.ts';
import { newSecret } from '../../src/lib/secret.ts';
import { dumpRows } from '../enforcement/support.ts';
import { startApi } from '../support/api.ts';
import { startCollector } from '../support/collector.ts';
import { parseMetrics, sumOf } from '../support/metrics.ts';
import { until } from '../support/until.ts';
import { createOrganization, mutate } from '../support/world.ts';
import { createIntegration, secretIn, sendEvent } from './support.ts';

const TOKEN = 'a-token-for-prometheus';
const collector = await startCollector();
process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = collector.url;
process.env['OTEL_BSP_SCHEDULE_DELAY'] = '20';
const tracing = createTracing('1.2.3', () => undefined);
afterAll(() => tracing.stop());
const statements: string[] = [];
const api = await startApi({
  ways: {},
  config: { metrics: { host: '127.0.0.1', port: undefined, token: TOKEN } },
  observers: { metrics: createMetrics({ version: '1.2.3' }), tracing },
});
api.hooks.onStatement = (text) => void statements.push(text);
const { owner, id: organization } = await createOrganization(api, 'acme');

const scrape = async (): Promise<string> =>
  await (await fetch(`${api.address}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })).text();

/** Everything that the server has written, except responses. */
async function written(): Promise<string> {
  await api.app.dependencies.eventRefusals.write();
  return JSON.stringify([api.logged, api.requests, collector.text(), await scrape(), await dumpRows(api), statements]);
}

const routeOf = (type: string): string => `/integrations/${type}/:secret`;

test('the secret of an integration is in no log, trace, metric, audit event, row or statement', async () => {
  const custom = await createIntegration(api, owner);
  const deploy = await createIntegration(api, owner, 'DEPLOY');
  const unknown = newSecret('ambit_int_');
  const before = api.requests.length;
  await custom.send({ a: 1 }, { headers: { 'x-request-id': 'sent-1', 'idempotency-key': 'k' } });
  await custom.send('no JSON');
  await custom.send({ a: 2 }, { headers: { 'idempotency-key': 'k' } });
  await custom.send({}, { method: 'GET' });
  await custom.send({}, { path: 'deploy' });
  await custom.send({}, { secret: unknown });
  await custom.send({}, { secret: `${custom.secret}/more?x=${custom.secret}` });
  await deploy.send({ service: 'a service' });
  await mutate(owner, 'updateIntegration', { id: custom.id, enabled: false });
  await custom.send();
  await api.root.unsafe('alter table integration_events rename column payload to away');
  const failed = await deploy.send({ service: 'checkout' });
  await api.root.unsafe('alter table integration_events rename column away to payload');
  expect(failed).toMatchObject({ status: 500, code: 'INTERNAL' });
  expect(failed.message).not.toContain('ambit_int_');
  const rotated = await mutate(owner, 'rotateIntegrationSecret', { id: deploy.id }, 'url');
  await mutate(owner, 'deleteIntegration', { id: deploy.id });
  await sendEvent(api, rotated.url);
  await until(() => api.requests.slice(before).filter(({ route }) => route !== '/graphql').length === 11);
  await until(() => collector.text().includes('sent-1'));
  const text = await written();
  for (const secret of [custom.secret, deploy.secret, unknown, secretIn(rotated.url)]) {
    expect(text).not.toContain(secret);
    // Neither a part of it.
    expect(text).not.toContain(secret.slice(10, 42));
  }
  const routes = new Set(api.requests.slice(before).map(({ route }) => route));
  expect(routes).toEqual(new Set(['/graphql', '/metrics', routeOf('custom-event'), routeOf('deploy')]));
  expect(text).toContain('receiveEvent');
});

test('the log entry of an event has the organization, and that of an unknown secret has none', async () => {
  const { send } = await createIntegration(api, owner);
  await send({}, { headers: { 'x-request-id': 'logged-1' } });
  await send({}, { headers: { 'x-request-id': 'logged-2' }, secret: newSecret('ambit_int_') });
  await send('no JSON', { headers: { 'x-request-id': 'logged-3' } });
  const entryOf = async (requestId: string) => {
    const find = () => api.requests.find((entry) => entry['requestId'] === requestId);
    await until(() => find() !== undefined);
    return find();
  };
  const common = { route: routeOf('custom-event'), principal: null };
  expect(await entryOf('logged-1')).toMatchObject({ ...common, organization, status: 202, outcome: 'OK' });
  expect(await entryOf('logged-2')).toMatchObject({ ...common, organization: null, status: 404, outcome: 'NOT_FOUND' });
  expect(await entryOf('logged-3')).toMatchObject({ ...common, organization, status: 400, outcome: 'BAD_REQUEST' });
});

test('events are counted by route, and an unknown path below it is not a route', async () => {
  const { send } = await createIntegration(api, owner);
  const countOf = async (labels: Record<string, string>) =>
    sumOf(parseMetrics(await scrape()), 'ambit_http_requests_total', labels);
  const accepted = { route: routeOf('custom-event'), status: '202' };
  const before = [await countOf(accepted), await countOf({ route: 'none' })];
  await send();
  await fetch(`${api.address}/integrations/other/${newSecret('ambit_int_')}`, { method: 'POST' });
  await until(async () => (await countOf(accepted)) === Number(before[0]) + 1);
  await until(async () => (await countOf({ route: 'none' })) === Number(before[1]) + 1);
});
