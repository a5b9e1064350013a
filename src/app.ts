import type { RequestListener } from 'node:http';
import type { GraphQLSchema } from 'graphql';
import type { Sql } from 'postgres';
import { engine } from './access/engine.ts';
import type { Config } from './config.ts';
import type { Parts } from './context.ts';
import { createHandler } from './http/handler.ts';
import { createGraphql } from './http/yoga.ts';
import { createIdentity } from './identity/identity.ts';
import { createMailer, type Mailer } from './mail.ts';
import { buildSchema } from './schema.ts';

export interface AppOptions {
  sql: Sql;
  config: Config;
  clock?: () => Date;
  log?: (entry: Record<string, unknown>) => void;
  /** Sends over the configured SMTP server unless told. */
  mailer?: Mailer;
  schema?: GraphQLSchema;
}

export interface App {
  handler: RequestListener;
  parts: Parts;
}

export const logToStderr = (entry: Record<string, unknown>): void => {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), ...entry })}\n`);
};

/** Wires the layers and opens nothing: whoever calls owns the database, the clock and the socket. */
export function createApp({
  sql,
  config,
  clock = () => new Date(),
  log = logToStderr,
  mailer = createMailer(config, log),
  schema = buildSchema(),
}: AppOptions): App {
  const parts: Parts = { sql, config, clock, log, identity: createIdentity(sql, config, clock), engine, mailer };
  return { parts, handler: createHandler(createGraphql(schema, parts), parts) };
}
