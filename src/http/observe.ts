import type { IncomingMessage } from 'node:http';
import type { Work } from '../db/work.ts';
import type { Log } from '../lib/log.ts';
import type { Tracing } from '../lib/tracing.ts';
import type { Metrics } from './metrics/metrics.ts';
import { type FinishedRequest, organizationOf, outcomeTextOf, requestEntry, type Trace } from './trace.ts';

/** Begins to observe a request. The result is called when the request has ended. */
export type Observe = (req: IncomingMessage, path: string, work: Work) => Observed;
export type Observed = (finished: Omit<FinishedRequest, 'traceId'>, trace: Trace, work: Work) => void;

export interface Observers {
  metrics?: Metrics | null | undefined;
  tracing?: Tracing | null | undefined;
}

/** Health checks and scrapes are not traced, because load balancers and Prometheus send many of them. */
const isTraced = (path: string): boolean => !path.startsWith('/health/') && path !== '/metrics';

/** Records each request in the log, in the metrics, and as a span. */
export const createObserve =
  (log: Log, { metrics, tracing }: Observers = {}): Observe =>
  ({ method = '', headers }, path, work) => {
    const span = tracing && isTraced(path) ? tracing.startRequest(method, headers) : null;
    work.tracer = span?.tracer;
    return (given, trace, ended) => {
      const finished = { ...given, traceId: span?.traceId ?? null };
      log(requestEntry(finished, trace, ended));
      metrics?.count(finished, trace, ended);
      span?.end({
        requestId: given.requestId,
        route: given.route,
        status: given.status,
        outcome: outcomeTextOf(given.status, trace.codes),
        organization: organizationOf(trace.actor),
      });
    };
  };
