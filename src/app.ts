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
import type { DemoAccounts } from './http/playground/page.ts';
import { createPlayground } from './http/playground/playground.ts';
import { responseLimits } from './http/response-limit.ts';
import { createGraphql } from './http/yoga.ts';
import { createIdentity } from './identity/identity.ts';
import { createLastUses } from './identity/last-use.ts';
import { createLocalBuckets } from './lib/buckets.ts';
import type { AmbitError } from './lib/errors.ts';
import { createLog, type Log } from './lib/log.ts';
import { createMailer, type Mailer } from './lib/mail.ts';
import type { Redis } from './lib/redis.ts';
import { createSharedBuckets } from './lib/shared-buckets.ts';
import { createPlanner } from './planner/planner.ts';
import { createRequestCounts } from './resources/plan/request-counts.ts';
import { buildSchema } from './schema.ts';

export interface AppOptions {
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
  /** Writes the counted requests to the database. To be called before the pool ends. */
  writeCounts(): Promise<void>;
  /** Writes the last uses of credentials to the database. To be called before the pool ends. */
  writeUses(): Promise<void>;
}

/** Connects the layers. Opens no connection: the caller provides the database, the clock and the socket. */
export function createApp({
  pool,
  config,
  clock = () => new Date(),
  log = createLog(config.logLevel),
  mailer = createMailer(config, log),
  redis,
  writeCountsAfter,
  writeUsesAfter,
  schema = buildSchema(),
  demo = null,
  wrapAnswer = (answer) => answer,
  wrapExecute = (execute) => execute,
}: AppOptions): App {
  const now = (): number => clock().getTime();
  const localBuckets = createLocalBuckets(now);
  const requestCounts = createRequestCounts(pool, clock, log, writeCountsAfter);
  const lastUses = createLastUses(pool, clock, log, writeUsesAfter);
  const dependencies: Dependencies = {
    pool,
    config,
    clock,
    log,
    identity: createIdentity(pool, config, clock),
    mailer,
    buckets: redis ? createSharedBuckets(localBuckets, redis, now, log) : localBuckets,
    countRequests: requestCounts.add,
    recordUse: lastUses.record,
  };
  const deadlines = createDeadlines(config.requestTimeoutMs);
  const findPlan = createPlans();
  const execute = createExecute(responseLimits(config.responseLimit), findPlan);
  const { answer, explain } = createPlanner(findPlan, pool.renew);
  const graphql = createGraphql(schema, dependencies, {
    execute: wrapExecute(execute, answer),
    answer: wrapAnswer(answer, execute),
    explain: config.production ? undefined : explain,
  });
  return {
    dependencies,
    handler: createHandler(graphql, dependencies, { deadlines, playground: createPlayground(demo) }),
    stopRequests: deadlines.stopAll,
    writeCounts: requestCounts.write,
    writeUses: lastUses.write,
  };
}
