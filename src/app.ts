import type { RequestListener } from 'node:http';
import type { GraphQLSchema } from 'graphql';
import type { Config } from './config.ts';
import type { Dependencies } from './context.ts';
import type { Pool } from './db/pool.ts';
import type { Answer } from './executor/answer.ts';
import { createExecute, type Execute } from './executor/execute.ts';
import { createPlans } from './executor/plans.ts';
import { createDeadlines } from './http/deadline.ts';
import { createHandler } from './http/handler.ts';
import { createMetricsRoute } from './http/metrics/route.ts';
import { createObserve, type Observers } from './http/observe.ts';
import type { DemoAccounts } from './http/playground/page.ts';
import { createPlayground } from './http/playground/playground.ts';
import { responseLimits } from './http/response-limit.ts';
import { withRootSpan } from './http/root-spans.ts';
import { createGraphql } from './http/yoga.ts';
import { createIdentity } from './identity/identity.ts';
import type { AmbitError } from './lib/errors.ts';
import { createLog, type Log } from './lib/log.ts';
import { createMailer, type Mailer } from './lib/mail.ts';
import { createPlanner } from './planner/planner.ts';
import { buildSchema } from './schema.ts';

export interface AppOptions {
  pool: Pool;
  config: Config;
  clock?: () => Date;
  log?: Log;
  /** Defaults to the configured SMTP server. */
  mailer?: Mailer;
  schema?: GraphQLSchema;
  /** Accounts that the playground offers. */
  demo?: DemoAccounts | null;
  /** What records requests in addition to the log. */
  observers?: Observers & {
    /** The text of `/metrics`. Defaults to the metrics of this process. */
    scrape?: () => Promise<string>;
  };
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

/** Connects the layers. Opens no connection: the caller provides the database, the clock and the socket. */
export function createApp({
  pool,
  config,
  clock = () => new Date(),
  log = createLog(config.logLevel),
  mailer = createMailer(config, log),
  schema = buildSchema(),
  demo = null,
  observers = {},
  wrapAnswer = (answer) => answer,
  wrapExecute = (execute) => execute,
}: AppOptions): App {
  const dependencies: Dependencies = {
    pool,
    config,
    clock,
    log,
    identity: createIdentity(pool, config, clock),
    mailer,
  };
  const deadlines = createDeadlines(config.requestTimeoutMs);
  const findPlan = createPlans();
  const { metrics, tracing, scrape = metrics?.scrape } = observers;
  const execute = createExecute(responseLimits(config.responseLimit), findPlan, tracing ? withRootSpan : undefined);
  const { answer, explain } = createPlanner(findPlan, pool.renew);
  const graphql = createGraphql(schema, dependencies, {
    execute: wrapExecute(execute, answer),
    answer: wrapAnswer(answer, execute),
    explain: config.production ? undefined : explain,
  });
  metrics?.watch({
    pool,
    requestsInProgress: deadlines.size,
    caches: { documents: graphql.documents.size, credentials: dependencies.identity.cachedActors },
  });
  return {
    dependencies,
    handler: createHandler(graphql, dependencies, {
      deadlines,
      playground: createPlayground(demo),
      observe: createObserve(log, observers),
      metrics: servesMetrics(config) && scrape ? createMetricsRoute(scrape, config.metrics.token) : null,
    }),
    stopRequests: deadlines.stopAll,
  };
}

/** Whether `/metrics` is on the port of the API. It is never public there. */
const servesMetrics = ({ metrics: { port, token } }: Config): boolean => port === undefined && token !== undefined;
