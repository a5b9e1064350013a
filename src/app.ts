import type { RequestListener } from 'node:http';
import type { GraphQLSchema } from 'graphql';
import { type Config, encryptionOf } from './config.ts';
import type { Dependencies } from './context.ts';
import type { Pool } from './db/pool.ts';
import type { Answer } from './executor/answer.ts';
import { createExecute, type Execute } from './executor/execute.ts';
import { createPlans } from './executor/plans.ts';
import { createDeadlines } from './http/deadline.ts';
import { createHandler } from './http/handler.ts';
import { createHealthHandler } from './http/health.ts';
import { createMetricsRoute, type MetricsRoute } from './http/metrics/route.ts';
import { createObserve, type Observers } from './http/observe.ts';
import type { DemoAccounts } from './http/playground/page.ts';
import { createPlayground } from './http/playground/playground.ts';
import { responseLimits } from './http/response-limit.ts';
import { withRootSpan } from './http/root-spans.ts';
import { createGraphql } from './http/yoga.ts';
import { createIdentity } from './identity/identity.ts';
import { createLastUses } from './identity/last-use.ts';
import { createJobs } from './jobs/jobs.ts';
import { createLocalBuckets } from './lib/buckets.ts';
import type { AmbitError } from './lib/errors.ts';
import { createEventEvaluator, type EventEvaluator } from './lib/event-rules/evaluator.ts';
import { createSchemaValidator, type SchemaValidator } from './lib/json-schema/validator.ts';
import { createLog, type Log } from './lib/log.ts';
import { createMailer, type Mailer } from './lib/mail.ts';
import type { Redis } from './lib/redis.ts';
import { createSharedBuckets } from './lib/shared-buckets.ts';
import { createPlanner } from './planner/planner.ts';
import { createEventRefusals } from './resources/integration/refusals.ts';
import { createRequestCounts } from './resources/plan/request-counts.ts';
import { buildSchema } from './schema.ts';

export interface DependencyOptions {
  pool: Pool;
  config: Config;
  clock?: () => Date;
  log?: Log;
  /** Defaults to the configured SMTP server. */
  mailer?: Mailer;
  /** Counts requests for all nodes. Without it, this node counts its own. */
  redis?: Redis | undefined;
  /** Milliseconds after which counted requests are written to the database. */
  writeCountsAfter?: number;
  /** Milliseconds between the first recorded use of a credential and the write of the uses. */
  writeUsesAfter?: number;
  /** Milliseconds between the first refused event of an integration and the write of the audit events. */
  writeRefusalsAfter?: number;
  /** What records requests in addition to the log. */
  observers?: ObserverOptions;
  /** Defaults to one with the ordinary limits of time and memory. */
  schemaValidator?: SchemaValidator;
  /** Defaults to one with the ordinary limits of time and memory. */
  eventEvaluator?: EventEvaluator;
}

export interface ObserverOptions extends Observers {
  /** The text of `/metrics`. Defaults to the metrics of this process. */
  scrape?: () => Promise<string>;
}

export interface AppOptions extends DependencyOptions {
  schema?: GraphQLSchema;
  /** Accounts that the playground offers. */
  demo?: DemoAccounts | null;
  /** Replaces the planned answers, for example to compare them with those of the resolvers. */
  wrapAnswer?: (answer: Answer, execute: Execute) => Answer;
  /** Replaces the execution by resolvers, for the same comparison. */
  wrapExecute?: (execute: Execute, answer: Answer) => Execute;
}

export interface App {
  handler: RequestListener;
  dependencies: Dependencies;
  /** Stops the requests in progress. A field that has not finished fails with this error. */
  stopRequests(reason: AmbitError): void;
}

/** What requests and jobs need. Opens no connection: the caller provides the database, the clock and the socket. */
export function createDependencies({
  pool,
  config,
  clock = () => new Date(),
  log = createLog(config.logLevel),
  mailer = createMailer(config, log),
  redis,
  writeCountsAfter,
  writeUsesAfter,
  writeRefusalsAfter,
  schemaValidator = createSchemaValidator(),
  eventEvaluator = createEventEvaluator(),
}: DependencyOptions): Dependencies {
  const encryption = encryptionOf(config);
  const now = (): number => clock().getTime();
  const localBuckets = createLocalBuckets(now);
  return {
    pool,
    config,
    clock,
    log,
    encryption,
    identity: createIdentity(pool, config, clock, encryption),
    mailer,
    jobs: createJobs(pool),
    buckets: redis ? createSharedBuckets(localBuckets, redis, now, log) : localBuckets,
    requestCounts: createRequestCounts(pool, clock, log, writeCountsAfter),
    lastUses: createLastUses(pool, clock, log, writeUsesAfter),
    eventRefusals: createEventRefusals(pool, clock, log, writeRefusalsAfter),
    schemaValidator,
    eventEvaluator,
  };
}

/** Connects the layers. */
export function createApp({
  schema = buildSchema(),
  demo = null,
  observers = {},
  wrapAnswer = (answer) => answer,
  wrapExecute = (execute) => execute,
  ...options
}: AppOptions): App {
  const dependencies = createDependencies(options);
  const { config, log, pool } = dependencies;
  const deadlines = createDeadlines(config.requestTimeoutMs);
  const findPlan = createPlans();
  const execute = createExecute(
    responseLimits(config.responseLimit),
    findPlan,
    observers.tracing ? withRootSpan : undefined,
  );
  const { answer, explain } = createPlanner(findPlan, pool.renew);
  const graphql = createGraphql(schema, dependencies, {
    execute: wrapExecute(execute, answer),
    answer: wrapAnswer(answer, execute),
    explain: config.production ? undefined : explain,
  });
  observers.metrics?.watch({
    pool,
    jobs: dependencies.jobs.counts,
    requestsInProgress: deadlines.size,
    caches: { documents: graphql.documents.size, credentials: dependencies.identity.cachedActors },
  });
  return {
    dependencies,
    handler: createHandler(graphql, dependencies, {
      deadlines,
      playground: createPlayground(demo),
      observe: createObserve(log, observers),
      metrics: metricsRoute(config, observers),
    }),
    stopRequests: deadlines.stopAll,
  };
}

/** `/metrics` on the port of the API. It is never public there. */
function metricsRoute(
  { metrics: { port, token } }: Config,
  { metrics, scrape = metrics?.scrape }: ObserverOptions,
): MetricsRoute | null {
  return port === undefined && token !== undefined && scrape ? createMetricsRoute(scrape, token) : null;
}

/** For a process that runs jobs and serves no requests but health checks and metrics. */
export function createWorkerApp({ observers = {}, ...options }: DependencyOptions): App {
  const dependencies = createDependencies(options);
  const { config, jobs, pool } = dependencies;
  observers.metrics?.watch({ pool, jobs: jobs.counts, requestsInProgress: () => 0, caches: {} });
  return {
    dependencies,
    handler: createHealthHandler(pool, metricsRoute(config, observers)),
    stopRequests: () => undefined,
  };
}
