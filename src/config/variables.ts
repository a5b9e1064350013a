import { z } from 'zod';
import { LOG_LEVELS } from '../lib/log.ts';
import { isNetwork } from '../lib/network.ts';
import { RATE_LIMIT_NAMES, rateLimit } from '../lib/rate-limits.ts';
import { choice, databaseUrl, encryptionKey, integer, list, optionalChoice, text, variable } from './variable.ts';

/** A browser sends scheme, host and port without a path, so an entry with one would never match. */
const isOrigin = (origin: string): boolean =>
  /^https?:/.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin;

/** A domain of an e-mail address. An internationalized one is given in ASCII, such as `xn--bcher-kva.example`. */
const isDomain = (domain: string): boolean =>
  domain.length <= 253 && /^([a-z\d-]{1,63}\.)*[a-z\d-]{1,63}$/i.test(domain);

/** The characters of a bearer token (RFC 6750, section 2.1). */
const METRICS_TOKEN = /^[\w.~+/=-]{16,200}$/;

/** The rate limits that `RATE_LIMITS` can change. */
const CHANGEABLE = new Set<string>(RATE_LIMIT_NAMES.filter((name) => !rateLimit(name).variable));

const isRateLimit = (change: string): boolean => {
  const [name = '', points = '', ...rest] = change.split('=');
  return CHANGEABLE.has(name) && /^[1-9]\d{0,8}$/.test(points) && rest.length === 0;
};

/** Every environment variable that Ambit reads. The descriptions are the table in `docs/configuration.md`. */
export const VARIABLES = {
  HOST: text('127.0.0.1', 'Address to listen on. `0.0.0.0` listens on all addresses.'),
  PORT: integer(0, 65535, 4000, 'Port to listen on.'),
  ROLE: choice(
    ['all', 'api', 'worker'],
    'all',
    'What the process does. `api` serves requests and runs no background jobs. `worker` runs jobs, and serves only `/health/live` and `/health/ready`. `all` does both. `api` and `worker` require `DATABASE_URL`.',
  ),
  WORKERS: integer(
    1,
    64,
    1,
    'Processes that serve requests and run jobs. With more than 1, another process starts them. `DATABASE_POOL`, `CONNECTIONS` and the limits in megabytes apply to each of them.',
  ),
  PUBLIC_URL: variable(
    z.url({ protocol: /^https?$/ }).optional(),
    'a URL such as https://ambit.example.com',
    'URL at which clients reach Ambit. Also the issuer of its access tokens. Defaults to `http://localhost:PORT`.',
  ),
  DATABASE_URL: databaseUrl(
    'URL of a PostgreSQL database, version 15 or later. Without it, Ambit starts an embedded server.',
  ),
  MIGRATION_DATABASE_URL: databaseUrl(
    'URL of the same database for the role that owns the tables. Defaults to `DATABASE_URL`.',
  ),
  DATABASE_POOL: integer(
    2,
    500,
    10,
    'Connections to the database for transactions. One more connection is for lookups. One organization uses at most half of the connections.',
  ),
  DATABASE_POOLER: choice(
    ['none', 'transaction'],
    'none',
    '`transaction` if `DATABASE_URL` leads to a connection pooler in transaction mode, such as PgBouncer.',
  ),
  DATABASE_WAIT_MS: integer(100, 60_000, 5_000, 'Milliseconds that a request waits for a connection to the database.'),
  DATABASE_LOCK_MS: integer(100, 60_000, 3_000, 'Milliseconds that a database statement waits for a lock.'),
  REQUEST_TIMEOUT_MS: integer(
    1_000,
    600_000,
    30_000,
    'Milliseconds after which a request is stopped and its response is sent.',
  ),
  DATA_DIR: text('.ambit', 'Folder of the embedded server.'),
  STATEMENT_TIMEOUT_MS: integer(100, 600_000, 10_000, 'Milliseconds after which a database statement is cancelled.'),
  CONNECTIONS: integer(10, 1_000_000, 10_000, 'Maximum number of open client connections.'),
  CONNECTIONS_PER_ADDRESS: integer(
    1,
    1_000_000,
    1_000,
    'Maximum number of open connections from one address. Does not apply to `TRUSTED_PROXIES`.',
  ),
  KEEP_ALIVE_TIMEOUT_MS: integer(
    1_000,
    600_000,
    65_000,
    'Milliseconds without a request after which a connection is closed. Must be longer than the idle timeout of the load balancer.',
  ),
  WRITE_TIMEOUT_MS: integer(
    1_000,
    600_000,
    15_000,
    'Milliseconds after which a response is aborted if the client does not read from it.',
  ),
  REQUEST_MEMORY_MB: integer(
    8,
    65_536,
    64,
    'Megabytes of memory for requests in progress. Above this limit a new request gets status 503.',
  ),
  // With more, the text of a response could exceed the longest string of V8 before its bytes are counted.
  RESPONSE_LIMIT_MB: integer(
    1,
    64,
    10,
    'Megabytes of the largest response. A larger one is replaced by the error `RESPONSE_TOO_LARGE`.',
  ),
  RESPONSE_MEMORY_MB: integer(
    8,
    65_536,
    64,
    'Megabytes of memory for responses that clients read slowly. Above this limit the slowest responses are aborted.',
  ),
  ENCRYPTION_KEY: encryptionKey(
    'Key that [encrypts stored secrets](credentials.md#secrets-at-rest): 32 random bytes in base64 or hexadecimal digits, such as the output of `openssl rand -base64 32`. Required in production.',
  ),
  ENCRYPTION_KEY_PREVIOUS: encryptionKey(
    'The previous `ENCRYPTION_KEY`. Decrypts secrets until `rotate-keys` has encrypted them with `ENCRYPTION_KEY`.',
  ),
  ACCESS_TOKEN_MINUTES: integer(1, 60, 15, 'Minutes for which an access token is valid.'),
  SESSION_DAYS: integer(1, 365, 30, 'Days without a refresh after which a session expires.'),
  SIGN_IN_TRIES_PER_ACCOUNT: integer(
    1,
    1000,
    10,
    'Maximum number of failed attempts to sign in to one account from one network in 15 minutes.',
  ),
  SIGN_IN_TRIES_PER_ADDRESS: integer(
    1,
    100_000,
    100,
    'Maximum number of attempts to sign in, to sign up or to use an invitation from one network in 15 minutes. A network is an IPv4 address, or the first 64 bits of an IPv6 address.',
  ),
  TRUSTED_PROXIES: variable(
    list(isNetwork),
    'IP addresses or networks such as 10.0.0.0/8, separated by commas',
    'Addresses or networks (CIDR) of proxies whose `X-Forwarded-For` is used, separated by commas.',
  ),
  CORS_ORIGINS: variable(
    list(isOrigin),
    'origins without a path or a slash at the end, such as https://app.example.com, separated by commas',
    'Origins whose pages may call the API, separated by commas. Defaults to none.',
  ),
  INTROSPECTION: optionalChoice(
    ['public', 'signed-in'],
    'Who may read the schema, by introspection and at `/schema.graphql`. Defaults to `signed-in` in production, otherwise to `public`.',
  ),
  DEFAULT_PLAN: choice(['FREE', 'TEAM', 'ENTERPRISE'], 'ENTERPRISE', 'Plan of a new organization.'),
  SMTP_URL: variable(
    z.url({ protocol: /^smtps?$/ }).optional(),
    'a URL such as smtp://user:password@host:587',
    'URL of the mail server, such as `smtp://user:password@host:587`. Without it, mail is logged instead of sent.',
  ),
  MAIL_FROM: text('Ambit <ambit@localhost>', 'Sender of mail.'),
  CONTACT_MAIL_DOMAINS: variable(
    list(isDomain).transform((domains) => domains.map((domain) => domain.toLowerCase())),
    'domains such as example.com, separated by commas',
    'E-mail domains, separated by commas. [Reminders of campaigns](campaigns.md#reminders) are sent to addresses of members and of these domains only. Does not include their subdomains. Defaults to none.',
  ),
  INVITATION_URL: variable(
    z.url({ protocol: /^https?$/ }).optional(),
    'a URL such as https://app.example.com/join',
    'Page that accepts invitations. Ambit appends `?invitation=SECRET`. Defaults to the playground.',
  ),
  LOG_LEVEL: choice(
    LOG_LEVELS,
    'info',
    'Lowest level of the entries that are logged to stderr, as JSON lines. `info` includes one line per request.',
  ),
  LOG_SQL: choice(['true', 'false'], 'false', '`true` logs each database statement, without its parameters.'),
  METRICS_PORT: variable(
    z.string().regex(/^\d+$/).transform(Number).pipe(z.number().min(0).max(65_535)).optional(),
    'an integer from 0 to 65535',
    'Port of `/metrics` for [Prometheus](operations.md#metrics). It serves nothing else. Defaults to none.',
  ),
  METRICS_HOST: text('127.0.0.1', 'Address on which `METRICS_PORT` listens.'),
  METRICS_TOKEN: variable(
    z.string().regex(METRICS_TOKEN).optional(),
    'a text of 16 to 200 letters, digits and the characters - . _ ~ + / =',
    'Bearer token that `/metrics` requires. Without `METRICS_PORT`, `/metrics` is served on `PORT` if there is a token.',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: variable(
    z.url({ protocol: /^https?$/ }).optional(),
    'a URL such as http://localhost:4318',
    'URL of a collector that receives [traces](operations.md#traces) with OTLP over HTTP, such as `http://localhost:4318`. Without it, nothing is traced.',
  ),
  SIGN_UP: optionalChoice(
    ['open', 'invited'],
    'Who may create an account. `open`: everybody. `invited`: only people with an invitation. Defaults to `invited` in production, otherwise to `open`.',
  ),
  RATE_LIMITS: variable(
    list(isRateLimit),
    `changes of rate limits such as projectsPerPerson=1000, separated by commas, of ${[...CHANGEABLE].join(', ')}`,
    'Changes of [rate limits](plans-and-limits.md#rate-limits), such as `projectsPerPerson=1000`, separated by commas.',
  ),
  ANONYMOUS_REQUESTS_PER_MINUTE: integer(
    1,
    1_000_000_000,
    1_200,
    'Maximum number of requests without a valid credential from one network in a minute. A network is an IPv4 address, or the first 64 bits of an IPv6 address.',
  ),
  PLAN_REQUESTS_PERCENT: integer(
    1,
    100_000,
    100,
    'Percentage of the requests per minute of each [plan](plans-and-limits.md#plans) that is allowed on this server. `200` doubles the limits.',
  ),
  REDIS_URL: variable(
    z.url({ protocol: /^rediss?$/ }).optional(),
    'a URL such as redis://user:password@host:6379',
    'URL of a Redis or Valkey server, in which all nodes count requests per minute together. Without it, each process counts its own requests.',
  ),
  NODE_ENV: choice(
    ['development', 'production', 'test'],
    'development',
    '`production` disables the demo organizations of the embedded server, requires `ENCRYPTION_KEY`, and changes the defaults of `SIGN_UP` and `INTROSPECTION`.',
  ),
} as const;
