import { setTimeout as sleep } from 'node:timers/promises';
import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client';
import { PERMISSIONS } from '../../access/catalog.ts';
import type { Pool } from '../../db/pool.ts';
import type { Work } from '../../db/work.ts';
import type { JobCounts } from '../../jobs/status.ts';
import type { FinishedRequest, Trace } from '../trace.ts';
import { outcomeOf } from './outcome.ts';
import { BUCKETS, METRICS, type MetricName, type NameOf, SHARED } from './table.ts';

/** The values of all metrics of one process. They can be sent to another process. */
export type Measurements = MetricObjectWithValues<MetricValue<string>>[];

/** What the gauges read at each scrape. */
export interface MetricSources {
  pool: Pick<Pool, 'state' | 'totals'>;
  jobs(): Promise<JobCounts[]>;
  /** The number of entries of each cache. */
  caches: Record<string, () => number>;
  requestsInProgress(): number;
}

/** The metrics of one process. */
export interface Metrics {
  /** Counts a request that has ended. */
  count(finished: FinishedRequest, trace: Trace, work: Work): void;
  /** Sets what the gauges read. Until then they are missing. */
  watch(sources: MetricSources): void;
  measure(): Promise<Measurements>;
  /** The text of a scrape of this process. */
  scrape(): Promise<string>;
}

export interface MetricsOptions {
  version: string;
  /** The number of the process, if several processes share a port. It becomes the label `worker`. */
  worker?: number;
}

export function createMetrics({ version, worker }: MetricsOptions): Metrics {
  const own = new Registry();
  const shared = new Registry();
  if (worker !== undefined) own.setDefaultLabels({ worker: String(worker) });
  collectDefaultMetrics({ register: own });
  let sources: MetricSources | undefined;
  /** The numbers of jobs for the scrape in progress. */
  let jobs: JobCounts[] = [];

  const optionsOf = (name: MetricName) => ({
    name,
    help: METRICS[name].help,
    labelNames: [...METRICS[name].labels],
    registers: [SHARED.has(name) ? shared : own],
  });
  const counter = (name: NameOf<'counter'>): Counter => new Counter(optionsOf(name));
  const histogram = (name: NameOf<'histogram'>): Histogram => new Histogram({ ...optionsOf(name), buckets: BUCKETS });
  /** A metric whose values are read at each scrape. */
  const read = (Type: typeof Gauge | typeof Counter, name: MetricName, add: Read): void => {
    new Type({
      ...optionsOf(name),
      collect() {
        this.reset();
        if (sources) add(sources, (value, labels = {}) => this.inc(labels, value));
      },
    });
  };

  const requests = counter('ambit_http_requests_total');
  const requestDuration = histogram('ambit_http_request_duration_seconds');
  const operations = counter('ambit_operations_total');
  const operationDuration = histogram('ambit_operation_duration_seconds');
  const decisions = counter('ambit_decisions_total');
  const refusals = counter('ambit_refusals_total');
  const rateLimited = counter('ambit_rate_limited_requests_total');
  const statements = counter('ambit_database_statements_total');
  const waited = counter('ambit_database_wait_seconds_total');
  new Gauge(optionsOf('ambit_build_info')).set({ version, node: process.versions.node }, 1);
  read(Gauge, 'ambit_http_requests_in_progress', ({ requestsInProgress }, add) => add(requestsInProgress()));
  read(Gauge, 'ambit_cache_entries', ({ caches }, add) => {
    for (const [cache, size] of Object.entries(caches)) add(size(), { cache });
  });
  read(Gauge, 'ambit_jobs', (_sources, add) => {
    for (const { name: job, ...counts } of jobs)
      for (const state of ['queued', 'active', 'failed'] as const) add(counts[state], { job, state });
  });
  read(Gauge, 'ambit_jobs_waiting_seconds', (_sources, add) => {
    for (const { name: job, waitingSeconds } of jobs) add(waitingSeconds ?? 0, { job });
  });
  for (const [name, add] of Object.entries(POOL) as [MetricName, Read][])
    read(METRICS[name].type === 'gauge' ? Gauge : Counter, name, add);

  async function measure(): Promise<Measurements> {
    jobs = sources ? await countInTime(sources) : [];
    return [...(await own.getMetricsAsJSON()), ...(await shared.getMetricsAsJSON())] as Measurements;
  }
  return {
    count({ route, status, startedAt }, trace, work) {
      const seconds = (performance.now() - startedAt) / 1_000;
      requests.inc({ route, status: status ?? 'none' });
      requestDuration.observe({ route }, seconds);
      if (trace.rootField !== null) {
        operations.inc({ operation: trace.rootField, outcome: outcomeOf(status, trace.codes) });
        operationDuration.observe({ operation: trace.rootField }, seconds);
      }
      const { allowed, refused } = trace.decisions;
      if (allowed > 0) decisions.inc({ decision: 'allowed' }, allowed);
      if (refused > 0) decisions.inc({ decision: 'refused' }, refused);
      for (const { permission, reason } of trace.refusals) refusals.inc({ permission: knownOf(permission), reason });
      if (trace.codes.includes('RATE_LIMITED')) rateLimited.inc();
      if (work.statements > 0) statements.inc(work.statements);
      if (work.waitedMs > 0) waited.inc(work.waitedMs / 1_000);
    },
    watch(given) {
      sources = given;
    },
    measure,
    scrape: async () => await exposition([await measure()]),
  };
}

/** Milliseconds after which a scrape omits the numbers of jobs. */
const JOBS_TIMEOUT = 1_000;

/** The numbers of jobs. Empty if the database does not respond. */
async function countInTime(sources: MetricSources): Promise<JobCounts[]> {
  const timeout = new AbortController();
  const nothing = (): JobCounts[] => [];
  const late = sleep(JOBS_TIMEOUT, [], { signal: timeout.signal }).catch(nothing);
  const counts = await Promise.race([sources.jobs().catch(nothing), late]);
  timeout.abort();
  return counts;
}

type Add = (value: number, labels?: Record<string, string>) => void;
type Read = (sources: MetricSources, add: Add) => void;

/** The metrics of the pool. */
const POOL = {
  ambit_database_connections: ({ pool }, add) => {
    const { open, idle } = pool.state();
    add(idle, { state: 'idle' });
    add(open - idle, { state: 'busy' });
  },
  ambit_database_waiting_requests: ({ pool }, add) => add(pool.state().waiting),
  ambit_database_rejected_requests_total: ({ pool }, add) => add(pool.totals.rejected),
  ambit_database_connection_failures_total: ({ pool }, add) => add(pool.totals.connectionFailures),
  ambit_database_connections_lost_total: ({ pool }, add) => add(pool.totals.connectionsLost),
  ambit_database_transactions_total: ({ pool }, add) => {
    for (const [mode, ends] of Object.entries(pool.totals.transactions))
      for (const [end, number] of Object.entries(ends)) add(number, { mode: mode.replace(' ', '_'), end });
  },
} satisfies Partial<Record<MetricName, Read>>;

/** Limits the number of label values, in case that an error has a name which is not in the catalog. */
const knownOf = (permission: unknown): string => (PERMISSIONS.has(String(permission)) ? String(permission) : 'none');

/** The text of a scrape of these processes. */
export function exposition(processes: readonly Measurements[]): Promise<string> {
  const registry = new Registry();
  for (const [name, all] of Map.groupBy(processes.flat(), (metric) => metric.name)) {
    const values = new Map(all.flatMap((metric) => metric.values.map((value) => [keyOf(value), value] as const)));
    // The average of no values is NaN, which JSON turns into null between processes.
    const numbers = [...values.values()].map((value) => ({ ...value, value: value.value ?? Number.NaN }));
    const merged = { ...all[0], name, values: numbers };
    registry.registerMetric({ ...merged, get: async () => merged } as never);
  }
  return registry.metrics();
}

/** Metrics of different processes differ in the label `worker`. Those that all processes share have the same key. */
const keyOf = ({ labels, metricName }: MetricValue<string> & { metricName?: string }): string =>
  JSON.stringify([metricName, Object.entries(labels).toSorted()]);
