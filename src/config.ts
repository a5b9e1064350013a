import { z } from 'zod';
import { LOG_LEVELS, type LogLevel } from './lib/log.ts';
import type { Plan } from './lib/plans.ts';

const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  );
const integer = (min: number, max: number, standard: number) =>
  z.coerce.number().int().min(min).max(max).default(standard);

/** Several hosts are not supported. For a failover, use an address that moves, or a pooler. */
const hasOneHost = (url: string): boolean => !new URL(url).host.includes(',');

/** Every environment variable that Ambit reads. The descriptions are the table in `docs/configuration.md`. */
export const VARIABLES = {
  HOST: z.string().min(1).default('127.0.0.1').describe('Address to listen on. `0.0.0.0` listens on all addresses.'),
  PORT: integer(0, 65535, 4000).describe('Port to listen on.'),
  PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe(
      'URL at which clients reach Ambit. Also the issuer of its access tokens. Defaults to `http://localhost:PORT`.',
    ),
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .refine(hasOneHost, 'must name one host')
    .optional()
    .describe('URL of a PostgreSQL database, version 15 or later. Without it, Ambit starts an embedded server.'),
  MIGRATION_DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .refine(hasOneHost, 'must name one host')
    .optional()
    .describe('URL of the same database for the role that owns the tables. Defaults to `DATABASE_URL`.'),
  DATABASE_POOL: integer(2, 500, 10).describe(
    'Connections to the database for transactions. One more connection is for lookups. One organization uses at most half of the connections.',
  ),
  DATABASE_POOLER: z
    .enum(['none', 'transaction'])
    .default('none')
    .describe('`transaction` if `DATABASE_URL` leads to a connection pooler in transaction mode, such as PgBouncer.'),
  DATABASE_WAIT_MS: integer(100, 60_000, 5_000).describe(
    'Milliseconds that a request waits for a connection to the database.',
  ),
  DATABASE_LOCK_MS: integer(100, 60_000, 3_000).describe('Milliseconds that a database statement waits for a lock.'),
  REQUEST_TIMEOUT_MS: integer(1_000, 600_000, 30_000).describe(
    'Milliseconds after which a request is stopped and its response is sent.',
  ),
  DATA_DIR: z.string().min(1).default('.ambit').describe('Folder of the embedded server.'),
  STATEMENT_TIMEOUT_MS: integer(100, 600_000, 10_000).describe(
    'Milliseconds after which a database statement is cancelled.',
  ),
  CONNECTIONS: integer(10, 1_000_000, 10_000).describe('Maximum number of open client connections.'),
  CONNECTIONS_PER_ADDRESS: integer(1, 1_000_000, 1_000).describe(
    'Maximum number of open connections from one address. Does not apply to `TRUSTED_PROXIES`.',
  ),
  KEEP_ALIVE_TIMEOUT_MS: integer(1_000, 600_000, 65_000).describe(
    'Milliseconds without a request after which a connection is closed. Must be longer than the idle timeout of the load balancer.',
  ),
  WRITE_TIMEOUT_MS: integer(1_000, 600_000, 15_000).describe(
    'Milliseconds after which a response is aborted if the client does not read from it.',
  ),
  REQUEST_MEMORY_MB: integer(8, 65_536, 64).describe(
    'Megabytes of memory for requests in progress. Above this limit a new request gets status 503.',
  ),
  // With more, the text of a response could exceed the longest string of V8 before its bytes are counted.
  RESPONSE_LIMIT_MB: integer(1, 64, 10).describe(
    'Megabytes of the largest response. A larger one is replaced by the error `RESPONSE_TOO_LARGE`.',
  ),
  RESPONSE_MEMORY_MB: integer(8, 65_536, 64).describe(
    'Megabytes of memory for responses that clients read slowly. Above this limit the slowest responses are aborted.',
  ),
  ACCESS_TOKEN_MINUTES: integer(1, 60, 15).describe('Minutes for which an access token is valid.'),
  SESSION_DAYS: integer(1, 365, 30).describe('Days without a refresh after which a session expires.'),
  SIGN_IN_TRIES_PER_ACCOUNT: integer(1, 1000, 10).describe(
    'Maximum number of attempts to sign in to one account in 15 minutes.',
  ),
  SIGN_IN_TRIES_PER_ADDRESS: integer(1, 100_000, 100).describe(
    'Maximum number of attempts to sign in, to sign up or to use an invitation from one address in 15 minutes.',
  ),
  TRUSTED_PROXIES: list.describe(
    'Addresses or networks (CIDR) of proxies whose `X-Forwarded-For` is used, separated by commas.',
  ),
  CORS_ORIGINS: list.describe('Origins whose pages may call the API, separated by commas. Defaults to none.'),
  INTROSPECTION: z
    .enum(['public', 'signed-in'])
    .optional()
    .describe(
      'Who may read the schema by introspection. Defaults to `signed-in` in production, otherwise to `public`.',
    ),
  DEFAULT_PLAN: z.enum(['FREE', 'TEAM', 'ENTERPRISE']).default('ENTERPRISE').describe('Plan of a new organization.'),
  SMTP_URL: z
    .url({ protocol: /^smtps?$/ })
    .optional()
    .describe(
      'URL of the mail server, such as `smtp://user:password@host:587`. Without it, mail is logged instead of sent.',
    ),
  MAIL_FROM: z.string().default('Ambit <ambit@localhost>').describe('Sender of mail.'),
  INVITATION_URL: z
    .url()
    .optional()
    .describe('Page that accepts invitations. Ambit appends `?invitation=SECRET`. Defaults to the playground.'),
  LOG_LEVEL: z
    .enum(LOG_LEVELS)
    .default('info')
    .describe(
      'Lowest level of the entries that are logged to stderr, as JSON lines. `info` includes one line per request.',
    ),
  LOG_SQL: z
    .enum(['true', 'false'])
    .default('false')
    .describe('`true` logs each database statement, without its parameters.'),
  NODE_ENV: z
    .string()
    .default('development')
    .describe('`production` disables the demo organizations of the embedded server.'),
} as const;

export interface Config {
  host: string;
  port: number;
  publicUrl: string;
  databaseUrl: string | undefined;
  migrationUrl: string | undefined;
  pool: number;
  pooler: 'none' | 'transaction';
  databaseWaitMs: number;
  databaseLockMs: number;
  requestTimeoutMs: number;
  dataDir: string;
  statementTimeout: number;
  connections: { total: number; perAddress: number };
  keepAliveTimeout: number;
  writeTimeout: number;
  /** In bytes. */
  requestMemory: number;
  /** In bytes. */
  responseLimit: number;
  /** In bytes. */
  responseMemory: number;
  accessTokenMinutes: number;
  sessionDays: number;
  signInTries: { account: number; address: number };
  trustedProxies: string[];
  corsOrigins: string[];
  introspection: 'public' | 'signed-in';
  defaultPlan: Plan;
  smtpUrl: string | undefined;
  mailFrom: string;
  invitationUrl: string | undefined;
  logLevel: LogLevel;
  logSql: boolean;
  production: boolean;
}

export class ConfigError extends Error {}

/** Reads the configuration from the environment. Throws an error whose message is one line, with the variable. */
export function readConfig(environment: Record<string, string | undefined>): Config {
  // An empty variable counts as not set, as in `PORT= npm start`.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const result = z.object(VARIABLES).safeParse(given);
  if (!result.success) {
    const [issue] = result.error.issues;
    const name = String(issue?.path[0]);
    // The URL of a database or a mail server contains a password.
    const value = /(DATABASE|SMTP)_URL$/.test(name) ? '' : ` (it is ${JSON.stringify(given[name])})`;
    throw new ConfigError(`${name}: ${issue?.message}${value}`);
  }
  const env = result.data;
  if (env.DATABASE_POOLER === 'transaction' && !(env.DATABASE_URL && env.MIGRATION_DATABASE_URL))
    throw new ConfigError(
      'MIGRATION_DATABASE_URL: DATABASE_POOLER=transaction requires DATABASE_URL for the pooler and MIGRATION_DATABASE_URL for the database itself',
    );
  const production = env.NODE_ENV === 'production';
  return {
    host: env.HOST,
    port: env.PORT,
    publicUrl: env.PUBLIC_URL ?? `http://localhost:${env.PORT}`,
    databaseUrl: env.DATABASE_URL,
    migrationUrl: env.MIGRATION_DATABASE_URL ?? env.DATABASE_URL,
    pool: env.DATABASE_POOL,
    pooler: env.DATABASE_POOLER,
    databaseWaitMs: env.DATABASE_WAIT_MS,
    databaseLockMs: env.DATABASE_LOCK_MS,
    requestTimeoutMs: env.REQUEST_TIMEOUT_MS,
    dataDir: env.DATA_DIR,
    statementTimeout: env.STATEMENT_TIMEOUT_MS,
    connections: { total: env.CONNECTIONS, perAddress: env.CONNECTIONS_PER_ADDRESS },
    keepAliveTimeout: env.KEEP_ALIVE_TIMEOUT_MS,
    writeTimeout: env.WRITE_TIMEOUT_MS,
    requestMemory: env.REQUEST_MEMORY_MB * 1_000_000,
    responseLimit: env.RESPONSE_LIMIT_MB * 1_000_000,
    responseMemory: env.RESPONSE_MEMORY_MB * 1_000_000,
    accessTokenMinutes: env.ACCESS_TOKEN_MINUTES,
    sessionDays: env.SESSION_DAYS,
    signInTries: { account: env.SIGN_IN_TRIES_PER_ACCOUNT, address: env.SIGN_IN_TRIES_PER_ADDRESS },
    trustedProxies: env.TRUSTED_PROXIES,
    corsOrigins: env.CORS_ORIGINS,
    introspection: env.INTROSPECTION ?? (production ? 'signed-in' : 'public'),
    defaultPlan: env.DEFAULT_PLAN,
    smtpUrl: env.SMTP_URL,
    mailFrom: env.MAIL_FROM,
    invitationUrl: env.INVITATION_URL,
    logLevel: env.LOG_LEVEL,
    logSql: env.LOG_SQL === 'true',
    production,
  };
}
