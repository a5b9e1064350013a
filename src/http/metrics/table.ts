/** A metric: its type, its labels, and the sentence that Prometheus shows. */
export interface MetricDefinition {
  type: 'counter' | 'gauge' | 'histogram';
  labels: readonly string[];
  help: string;
}

/**
 * Every metric of Ambit's own, by name. The table in `docs/operations.md` is generated from it. Each label has a limited
 * number of values, whatever clients send.
 */
export const METRICS = {
  ambit_http_requests_total: {
    type: 'counter',
    labels: ['route', 'status'],
    help: 'HTTP requests. The route of an unknown path is `none`. The status is `none` if the client disconnected.',
  },
  ambit_http_request_duration_seconds: {
    type: 'histogram',
    labels: ['route'],
    help: 'Time from the head of an HTTP request to the end of its response.',
  },
  ambit_http_requests_in_progress: {
    type: 'gauge',
    labels: [],
    help: 'HTTP requests without a complete response.',
  },
  ambit_operations_total: {
    type: 'counter',
    labels: ['operation', 'outcome'],
    help: 'GraphQL operations that are valid against the schema. The operation is its root field, or `several` if it has different ones. The outcome is `OK`, the most severe error code of the response, `FAILED`, or `DISCONNECTED`.',
  },
  ambit_operation_duration_seconds: {
    type: 'histogram',
    labels: ['operation'],
    help: 'Time from the head of the HTTP request of a GraphQL operation to the end of the response.',
  },
  ambit_decisions_total: {
    type: 'counter',
    labels: ['decision'],
    help: 'Access decisions for requests: `allowed` or `refused`. A decision about many objects of a list counts once. A list omits refused objects, so a refused decision is not always an error.',
  },
  ambit_refusals_total: {
    type: 'counter',
    labels: ['permission', 'reason'],
    help: 'FORBIDDEN errors in responses, by the refused permission and the reason. The permission is `none` if the error names none.',
  },
  ambit_rate_limited_requests_total: {
    type: 'counter',
    labels: [],
    help: 'Requests with the error RATE_LIMITED.',
  },
  ambit_database_statements_total: {
    type: 'counter',
    labels: [],
    help: 'Database statements of requests, without COMMIT and ROLLBACK.',
  },
  ambit_database_wait_seconds_total: {
    type: 'counter',
    labels: [],
    help: 'Time that requests waited for a database connection.',
  },
  ambit_database_transactions_total: {
    type: 'counter',
    labels: ['mode', 'end'],
    help: 'Database transactions, by mode (`read_only` or `read_write`) and by how they were ended (`commit` or `rollback`).',
  },
  ambit_database_connections: {
    type: 'gauge',
    labels: ['state'],
    help: 'Open connections of the pool: `idle` or `busy`. `DATABASE_POOL` is the maximum of both together.',
  },
  ambit_database_waiting_requests: {
    type: 'gauge',
    labels: [],
    help: 'Requests that wait for a database connection.',
  },
  ambit_database_rejected_requests_total: {
    type: 'counter',
    labels: [],
    help: 'Requests that got no database connection in time, or were refused because too many requests were waiting.',
  },
  ambit_database_connection_failures_total: {
    type: 'counter',
    labels: [],
    help: 'Failed attempts to connect to the database.',
  },
  ambit_database_connections_lost_total: {
    type: 'counter',
    labels: [],
    help: 'Database connections that were lost.',
  },
  ambit_jobs: {
    type: 'gauge',
    labels: ['job', 'state'],
    help: 'Background jobs in the database, by kind and state: `queued`, including those that are retried later, `active`, or `failed`, which are not retried. Missing while the database does not respond.',
  },
  ambit_jobs_waiting_seconds: {
    type: 'gauge',
    labels: ['job'],
    help: 'Time since the oldest queued job of a kind could have started. 0 if none waits.',
  },
  ambit_cache_entries: {
    type: 'gauge',
    labels: ['cache'],
    help: 'Entries of a cache: `documents` are parsed GraphQL documents, `credentials` are actors by credential.',
  },
  ambit_build_info: {
    type: 'gauge',
    labels: ['version', 'node'],
    help: 'Always 1. The labels are the versions of Ambit and Node.',
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;

/** The names of the metrics of this type. */
export type NameOf<Type extends MetricDefinition['type']> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never;
}[MetricName];

/** Metrics that each process reports with the same values. In the scrape of several processes they occur once. */
export const SHARED: ReadonlySet<MetricName> = new Set<MetricName>([
  'ambit_build_info',
  'ambit_jobs',
  'ambit_jobs_waiting_seconds',
]);

/** Upper bounds of the buckets of durations, in seconds. */
export const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
