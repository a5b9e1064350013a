import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect as dial, type Socket } from 'node:net';
import type { GraphQLSchema } from 'graphql';
import type { Sql } from 'postgres';
import { afterAll, expect, inject } from 'vitest';
import { type App, type AppOptions, createApp } from '../../src/app.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { type ClientOptions, connect } from '../../src/db/client.ts';
import type { Pool } from '../../src/db/pool.ts';
import type { Log } from '../../src/lib/log.ts';
import { RATE_LIMIT_NAMES, type RateLimitPoints } from '../../src/lib/rate-limits.ts';
import type { Redis } from '../../src/lib/redis.ts';
import { buildSchema } from '../../src/schema.ts';
import { compareWays } from './compare-ways.ts';
import { cloneDatabase, type TestDatabase } from './database.ts';
import { watchShards } from './shards.ts';

// biome-ignore lint/suspicious/noExplicitAny: each test knows the type of its response
export type Json = any;

export interface ApiResponse {
  data: Json;
  errors: Json[] | undefined;
  status: number;
  headers: Headers;
}

export interface Caller {
  /** Sends one operation over HTTP. */
  query(document: string, variables?: Record<string, unknown>): Promise<ApiResponse>;
  token: string | undefined;
}

export interface Api extends TestDatabase {
  app: App;
  /** The pool that the server runs on: the runtime role. */
  pool: Pool;
  /** Runs single statements on the pool. */
  sql: Sql;
  /** Hooks into the pool's connections, which a test may set. */
  hooks: Hooks;
  address: string;
  /** A caller with this token. Without a token, an anonymous caller. */
  as(token?: string): Caller;
  /** Entries that the server logged, without the entries of requests. */
  logged: Record<string, unknown>[];
  /** Entries of requests that the server logged. */
  requests: Record<string, unknown>[];
  /** Moves the server's clock. */
  advance(milliseconds: number): void;
}

export interface Hooks {
  /** Called with each statement that is sent. */
  onStatement?: (text: string) => void;
  /** Opens the sockets of new connections. */
  dial?: () => Socket;
}

/** Servers of one test file share the schema, because it never changes and takes 30 ms to build. */
let built: GraphQLSchema | undefined;

function sharedSchema(): GraphQLSchema {
  built ??= buildSchema();
  return built;
}

export interface ApiOptions {
  config?: Partial<Config>;
  schema?: GraphQLSchema;
  /** Replaces the comparison of planned answers with those of the resolvers. */
  ways?: Partial<Pick<AppOptions, 'wrapAnswer' | 'wrapExecute'>>;
  pool?: number;
  client?: Partial<ClientOptions>;
  /** Connects to a Redis server, which the servers share. */
  redis?: Redis;
  /** Milliseconds after which counted requests are written. Defaults to never. */
  writeCountsAfter?: number;
  observers?: AppOptions['observers'];
  /** Milliseconds after which the last uses of credentials are written. Defaults to never. */
  writeUsesAfter?: number;
  /** Milliseconds after which refused events are audited. Defaults to never. */
  writeRefusalsAfter?: number;
  /** Runs on this database instead of a new one, as a second node does. */
  database?: TestDatabase;
}

/** Every test signs in from the same address. */
const UNLIMITED: Partial<Config> = {
  rateLimits: Object.fromEntries(RATE_LIMIT_NAMES.map((name) => [name, 1_000_000])) as RateLimitPoints,
  anonymousRequestsPerMinute: 1_000_000,
  planRequestsPercent: 100_000,
};

/** A test that observes statements must not see those that write the counts of requests. */
const NEVER = 2 ** 31 - 1;

/** With a key, the tests also run servers in production. */
export const ENCRYPTION_KEY = Buffer.from('a key for tests '.repeat(2)).toString('base64');
const STANDARD = readConfig({ ENCRYPTION_KEY });

/** With this media type, the status tells whether the operation was executed. */
const ACCEPT = 'application/graphql-response+json, application/json;q=0.9';

/** Starts the real server on a new database. Tests call it over HTTP. */
export async function startApi({
  config,
  schema = sharedSchema(),
  ways,
  pool: size = 10,
  client,
  observers = {},
  database,
  redis,
  writeCountsAfter = NEVER,
  writeUsesAfter = NEVER,
  writeRefusalsAfter = NEVER,
}: ApiOptions = {}): Promise<Api> {
  const own = database ?? (await cloneDatabase());
  const logged: Record<string, unknown>[] = [];
  const requests: Record<string, unknown>[] = [];
  const log: Log = (entry) => void (entry['message'] === 'request' ? requests : logged).push(entry);
  const hooks: Hooks = {};
  const { hostname, port } = new URL(own.url);
  const shards = inject('engine') === 'citus' ? watchShards(own) : undefined;
  const pool = connect({
    url: own.url,
    pool: size,
    statementTimeout: 20_000,
    log,
    onStatement: (text) => hooks.onStatement?.(text),
    dial: () => hooks.dial?.() ?? shards?.dial() ?? dial({ host: hostname, port: Number(port), noDelay: true }),
    ...client,
  });
  const differences: string[] = [];
  const isObserved = (): boolean => hooks.onStatement !== undefined || hooks.dial !== undefined;
  const both = compareWays(
    (difference) => differences.push(difference),
    () => !isObserved(),
  );
  afterAll(() => expect(differences.join('\n\n'), 'planned answers differ from those of the resolvers').toBe(''));
  let ahead = 0;
  const full: Config = { ...STANDARD, publicUrl: 'http://ambit.test', ...UNLIMITED, ...config };
  const app = createApp({
    pool,
    config: full,
    clock: () => new Date(Date.now() + ahead),
    log,
    schema,
    writeCountsAfter,
    writeUsesAfter,
    writeRefusalsAfter,
    redis,
    observers,
    ...(ways ?? both),
  });
  afterAll(() => pool.end());
  afterAll(() => app.dependencies.schemaValidator.stop());
  afterAll(() => app.dependencies.eventEvaluator.stop());
  const address = await listen(shards?.wrap(app.handler) ?? app.handler);
  if (shards)
    afterAll(async () =>
      expect(await shards.ofSeveral(), 'statements use the shards of several organizations').toEqual([]),
    );

  const as = (token?: string): Caller => callerAt(address, token);
  const advance = (milliseconds: number): void => {
    ahead += milliseconds;
  };
  return { ...own, app, pool, sql: pool.sql, hooks, address, as, logged, requests, advance };
}

/** Serves until the test file ends, and returns the address. */
export async function listen(handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A caller of the server at this address. */
export const callerAt = (address: string, token?: string): Caller => ({
  token,
  async query(document, variables) {
    const response = await fetch(`${address}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: ACCEPT,
        ...(token && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query: document, variables }),
    });
    const { data, errors } = (await response.json()) as Json;
    return { data, errors, status: response.status, headers: response.headers };
  },
});
