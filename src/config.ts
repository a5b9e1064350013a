import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { VARIABLES } from './config/variables.ts';
import { createEncryption, type Encryption } from './lib/encryption.ts';
import type { LogLevel } from './lib/log.ts';
import type { Plan } from './lib/plans.ts';
import { type RateLimitPoints, rateLimitPoints } from './lib/rate-limits.ts';

export interface Config {
  host: string;
  port: number;
  role: 'all' | 'api' | 'worker';
  /** The number of processes that serve requests. */
  workers: number;
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
  encryptionKey: KeyObject | undefined;
  encryptionKeyPrevious: KeyObject | undefined;
  accessTokenMinutes: number;
  sessionDays: number;
  rateLimits: RateLimitPoints;
  /** Maximum number of requests without a valid credential from one network in a minute. */
  anonymousRequestsPerMinute: number;
  /** The percentage of each plan's requests per minute that is allowed. */
  planRequestsPercent: number;
  redisUrl: string | undefined;
  trustedProxies: string[];
  corsOrigins: string[];
  introspection: 'public' | 'signed-in';
  defaultPlan: Plan;
  smtpUrl: string | undefined;
  mailFrom: string;
  invitationUrl: string | undefined;
  /** In lower case. */
  contactMailDomains: string[];
  logLevel: LogLevel;
  logSql: boolean;
  /** The port is undefined without `METRICS_PORT`. */
  metrics: { host: string; port: number | undefined; token: string | undefined };
  tracesEndpoint: string | undefined;
  signUp: 'open' | 'invited';
  production: boolean;
}

export class ConfigError extends Error {}

/** The URL of a database, of Redis, of a mail server or of a collector can contain a password. */
const SECRET = /(DATABASE|REDIS|SMTP)_URL$|^ENCRYPTION_KEY|^METRICS_TOKEN$|^OTEL_EXPORTER_OTLP_ENDPOINT$/;

type Name = keyof typeof VARIABLES;

function problemOf(name: Name, value: string | undefined): string {
  const { expected } = VARIABLES[name].meta() ?? {};
  return `${name}: must be ${expected}${SECRET.test(name) ? '' : `, not ${JSON.stringify(value)}`}`;
}

/** Requirements that concern several variables. */
function findConflicts(given: Record<string, string | undefined>): string[] {
  const { DATABASE_POOLER: pooler, DATABASE_URL: url, MIGRATION_DATABASE_URL: migration, ROLE: role = 'all' } = given;
  if ((role === 'api' || role === 'worker') && !url)
    return [`ROLE: ${role} requires DATABASE_URL, because other processes cannot use the embedded server`];
  if (pooler === 'transaction' && !(url && migration))
    return [
      'MIGRATION_DATABASE_URL: DATABASE_POOLER=transaction requires DATABASE_URL for the pooler and MIGRATION_DATABASE_URL for the database itself',
    ];
  if (given['ENCRYPTION_KEY_PREVIOUS'] && !given['ENCRYPTION_KEY'])
    return ['ENCRYPTION_KEY_PREVIOUS: requires ENCRYPTION_KEY, the key that replaces it'];
  return migration && !url ? ['MIGRATION_DATABASE_URL: requires DATABASE_URL, the URL of the same database'] : [];
}

/** Reads the configuration from the environment. Throws an error with one line for each variable that is not valid. */
export function readConfig(environment: Record<string, string | undefined>): Config {
  // An empty variable counts as not set, as in `PORT= npm start`.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const result = z.object(VARIABLES).safeParse(given);
  const names = new Set(result.error?.issues.map(({ path }) => path[0] as Name));
  const problems = [...[...names].map((name) => problemOf(name, given[name])), ...findConflicts(given)];
  if (!result.success || problems.length > 0) throw new ConfigError(problems.join('\n'));
  const env = result.data;
  const production = env.NODE_ENV === 'production';
  return {
    host: env.HOST,
    port: env.PORT,
    role: env.ROLE,
    workers: env.WORKERS,
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
    encryptionKey: env.ENCRYPTION_KEY,
    encryptionKeyPrevious: env.ENCRYPTION_KEY_PREVIOUS,
    accessTokenMinutes: env.ACCESS_TOKEN_MINUTES,
    sessionDays: env.SESSION_DAYS,
    rateLimits: rateLimitPoints({
      ...Object.fromEntries(
        env.RATE_LIMITS.map((change) => change.split('=')).map(([name, points]) => [name, Number(points)]),
      ),
      signInPerAccountAndNetwork: env.SIGN_IN_TRIES_PER_ACCOUNT,
      attemptsPerNetwork: env.SIGN_IN_TRIES_PER_ADDRESS,
    }),
    anonymousRequestsPerMinute: env.ANONYMOUS_REQUESTS_PER_MINUTE,
    planRequestsPercent: env.PLAN_REQUESTS_PERCENT,
    redisUrl: env.REDIS_URL,
    trustedProxies: env.TRUSTED_PROXIES,
    corsOrigins: env.CORS_ORIGINS,
    introspection: env.INTROSPECTION ?? (production ? 'signed-in' : 'public'),
    defaultPlan: env.DEFAULT_PLAN,
    smtpUrl: env.SMTP_URL,
    mailFrom: env.MAIL_FROM,
    invitationUrl: env.INVITATION_URL,
    contactMailDomains: env.CONTACT_MAIL_DOMAINS,
    logLevel: env.LOG_LEVEL,
    logSql: env.LOG_SQL === 'true',
    metrics: { host: env.METRICS_HOST, port: env.METRICS_PORT, token: env.METRICS_TOKEN },
    tracesEndpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT,
    signUp: env.SIGN_UP ?? (production ? 'invited' : 'open'),
    production,
  };
}

/**
 * The encryption of stored secrets. The private keys that sign access tokens are such secrets, so a server in production
 * does not start without a key.
 */
export function encryptionOf({
  production,
  encryptionKey,
  encryptionKeyPrevious,
}: Pick<Config, 'production' | 'encryptionKey' | 'encryptionKeyPrevious'>): Encryption {
  if (production && !encryptionKey)
    throw new ConfigError(
      'ENCRYPTION_KEY: required with NODE_ENV=production, because the keys that sign access tokens are stored encrypted; make one with "openssl rand -base64 32"',
    );
  return createEncryption(encryptionKey, encryptionKeyPrevious);
}
