import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startCollector } from './support/collector.ts';
import { cloneDatabase } from './support/database.ts';
import { parseMetrics, type Sample, sumOf } from './support/metrics.ts';
import { findChildren } from './support/processes.ts';
import { freePort, type Run, startAmbit, waitUntilReady } from './support/run.ts';
import { until } from './support/until.ts';

const folder = await mkdtemp(join(tmpdir(), 'ambit-metrics-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

const TOKEN = 'a-token-for-prometheus';

async function scrape(address: string, token?: string): Promise<Sample[]> {
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const response = await fetch(`${address}/metrics`, { headers });
  expect(response.status).toBe(200);
  return parseMetrics(await response.text());
}

const statusOf = async (url: string, init: RequestInit = {}): Promise<number> => (await fetch(url, init)).status;

const query = ({ address }: Run): Promise<Response> =>
  fetch(`${address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: '{"query":"{ viewer { user { id } } }"}',
  });

const workersOf = (samples: Sample[]): string[] =>
  [...new Set(samples.flatMap(({ labels }) => labels['worker'] ?? []))].toSorted();

test('a port of its own serves the metrics of all processes and nothing else, also those of a replaced one', async () => {
  const { url } = await cloneDatabase();
  const port = await freePort();
  const server = await startAmbit({ WORKERS: '2', DATABASE_URL: url, METRICS_PORT: String(port) });
  await waitUntilReady(server);
  const metrics = `http://127.0.0.1:${port}`;
  for (let at = 0; at < 10; at += 1) expect((await query(server)).status).toBe(200);
  const counted = (samples: Sample[], labels = {}) =>
    sumOf(samples, 'ambit_operations_total', { operation: 'viewer', outcome: 'OK', ...labels });
  await until(async () => counted(await scrape(metrics)) === 10);
  const samples = await scrape(metrics);
  expect(workersOf(samples)).toEqual(['1', '2']);
  expect(counted(samples, { worker: '1' }) + counted(samples, { worker: '2' })).toBe(10);
  expect(counted(samples, { worker: '1' })).toBeGreaterThan(0);
  expect(counted(samples, { worker: '2' })).toBeGreaterThan(0);
  expect(samples.filter(({ name }) => name === 'ambit_build_info')).toHaveLength(1);
  expect(samples.filter(({ name }) => name === 'process_start_time_seconds')).toHaveLength(2);

  const body = JSON.stringify({ query: '{ __typename }' });
  const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
  expect(await statusOf(`${metrics}/graphql`, post)).toBe(404);
  expect(await statusOf(`${server.address}/graphql`, post)).toBe(200);
  expect(await statusOf(`${metrics}/health/live`)).toBe(404);
  expect(await statusOf(`${metrics}/metrics`, { method: 'POST' })).toBe(404);
  expect(await statusOf(`${server.address}/metrics`)).toBe(404);

  const [worker = 0] = await findChildren(server.process.pid ?? 0, 'main.ts');
  process.kill(worker, 'SIGKILL');
  await until(async () => counted(await scrape(metrics)) < 10);
  await until(async () => workersOf(await scrape(metrics)).length === 2);
  server.process.kill('SIGTERM');
  expect(await server.ended).toBe(0);
});

test('with a token, a scrape of the port of the API returns the metrics of all processes', async () => {
  const { url } = await cloneDatabase();
  const server = await startAmbit({ WORKERS: '2', DATABASE_URL: url, METRICS_TOKEN: TOKEN });
  await waitUntilReady(server);
  await until(async () => workersOf(await scrape(server.address, TOKEN)).length === 2);
  expect(await statusOf(`${server.address}/metrics`)).toBe(401);
  server.process.kill('SIGTERM');
  expect(await server.ended).toBe(0);
});

test('with one process, a port of its own requires the token if there is one, and a port in use ends the start', async () => {
  const { url } = await cloneDatabase();
  const port = await freePort();
  const server = await startAmbit({ DATABASE_URL: url, METRICS_PORT: String(port), METRICS_TOKEN: TOKEN });
  await waitUntilReady(server);
  expect(await statusOf(`http://127.0.0.1:${port}/metrics`)).toBe(401);
  expect(workersOf(await scrape(`http://127.0.0.1:${port}`, TOKEN))).toEqual([]);
  expect(await statusOf(`${server.address}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })).toBe(404);
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port: used } = taken.address() as { port: number };
  const refused = await startAmbit({ DATABASE_URL: url, METRICS_PORT: String(used), DATA_DIR: join(folder, 'data') });
  expect(await refused.ended).toBe(1);
  expect(refused.output()).toBe(
    `ambit: METRICS_PORT: ${used} on 127.0.0.1 is in use by another process; set METRICS_PORT to a free port\n`,
  );
  taken.close();
  server.process.kill('SIGTERM');
  expect(await server.ended).toBe(0);
});

test('a stop sends the spans that the collector has not yet, and does not wait for a collector that hangs', async () => {
  const { url } = await cloneDatabase();
  const collector = await startCollector();
  const hanging = await startCollector(null);
  const [sending, waiting] = await Promise.all(
    [collector, hanging].map((one) =>
      startAmbit({
        DATABASE_URL: url,
        OTEL_EXPORTER_OTLP_ENDPOINT: one.url,
        // Longer than this test runs, so that only the stop sends spans and ends the wait for the collector.
        OTEL_BSP_SCHEDULE_DELAY: '600000',
        OTEL_BSP_EXPORT_TIMEOUT: '600000',
        OTEL_EXPORTER_OTLP_TIMEOUT: '600000',
      }),
    ),
  );
  for (const server of [sending, waiting] as Run[]) {
    await waitUntilReady(server);
    expect((await query(server)).status).toBe(200);
    server.process.kill('SIGTERM');
    expect(await server.ended).toBe(0);
  }
  expect(collector.spans.map(({ name }) => name)).toContain('POST /graphql');
  expect(collector.resource).toMatchObject({ 'service.name': 'ambit' });
  expect(hanging.spans.map(({ name }) => name)).toContain('POST /graphql');
});
