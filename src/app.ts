import type { RequestListener } from 'node:http';
import type { GraphQLSchema } from 'graphql';
import { engine } from './access/engine.ts';
import type { Config } from './config.ts';
import type { Parts } from './context.ts';
import type { Pool } from './db/pool.ts';
import type { AmbitError } from './errors.ts';
import { createDeadlines } from './http/deadline.ts';
import { createHandler } from './http/handler.ts';
import { createGraphql } from './http/yoga.ts';
import { createIdentity } from './identity/identity.ts';
import { createLog, type Log } from './log.ts';
import { createMailer, type Mailer } from './mail.ts';
import { buildSchema } from './schema.ts';

export interface AppOptions {
  pool: Pool;
  config: Config;
  clock?: () => Date;
  log?: Log;
  /** Sends over the configured SMTP server unless told. */
  mailer?: Mailer;
  schema?: GraphQLSchema;
}

export interface App {
  handler: RequestListener;
  parts: Parts;
  /** Stops the requests in progress. A field that has not finished fails with this error. */
  stopRequests(reason: AmbitError): void;
}

/** Wires the layers and opens nothing: whoever calls owns the database, the clock and the socket. */
export function createApp({
  pool,
  config,
  clock = () => new Date(),
  log = createLog(config.logLevel),
  mailer = createMailer(config, log),
  schema = buildSchema(),
}: AppOptions): App {
  const parts: Parts = { pool, config, clock, log, identity: createIdentity(pool, config, clock), engine, mailer };
  const deadlines = createDeadlines(config.requestTimeoutMs);
  return {
    parts,
    handler: createHandler(createGraphql(schema, parts), parts, { deadlines }),
    stopRequests: deadlines.stopAll,
  };
}
