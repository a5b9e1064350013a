import { Agent } from 'node:http';
import type { Sql } from 'postgres';
import { afterAll } from 'vitest';
import { fromPublicId } from '../../src/lib/ids.ts';
import { codesOf, type Json, send } from '../faults/client.ts';
import { type Server, startServer } from '../faults/server.ts';
import { freePort } from '../support/run.ts';
import { createProxiedDatabase, type ProxiedDatabase, workerOf } from './proxied.ts';

/** Two servers on one distributed database, and two organizations on each of its first two workers. */
export interface Stage extends ProxiedDatabase {
  servers: Server[];
  /** The organizations of each worker. */
  tenants: [Tenant[], Tenant[]];
  ask: Ask;
}

export interface Tenant {
  id: string;
  slug: string;
  email: string;
  /** An API token with write access. */
  token: string;
}

/** The response to an operation. */
export interface Answer {
  data: Json;
  /** The error codes, or the reason why there is no response. */
  codes: string[];
  startedAt: number;
  endedAt: number;
}

/** Sends an operation to one of the servers. */
export type Ask = (query: string, options?: { token?: string | undefined; server?: number }) => Promise<Answer>;

/** The issuer of the access tokens of both servers. */
const PUBLIC_URL = 'http://ambit.test';
export const PASSWORD = 'correct horse battery';
/** Milliseconds after which the test gives up. Longer than REQUEST_TIMEOUT_MS. */
const DEADLINE = 40_000;
const MAX_TENANTS = 40;

export async function createStage(env: Record<string, string> = {}): Promise<Stage> {
  const database = await createProxiedDatabase();
  const start = async (): Promise<Server> =>
    startServer({
      port: await freePort(),
      databaseUrl: database.url,
      pool: 6,
      env: { SIGN_UP: 'open', PUBLIC_URL, ...env },
    });
  // The first one migrates.
  const servers = [await start(), await start()];
  const agent = new Agent({ keepAlive: true });
  afterAll(() => {
    agent.destroy();
    for (const server of servers) server.signal('SIGKILL');
  });
  const ask: Ask = async (query, { token, server = 0 } = {}) => {
    const startedAt = performance.now();
    const address = servers[server]?.address ?? '';
    const reply = await send({ agent, address, operation: { query }, deadline: DEADLINE, ...(token && { token }) });
    const codes = reply.failed ? [reply.failed] : codesOf(reply);
    return { data: reply.body?.data, codes, startedAt, endedAt: performance.now() };
  };
  return { ...database, servers, tenants: await createTenants(ask, database), ask };
}

async function createTenants(ask: Ask, { root, workers }: ProxiedDatabase): Promise<[Tenant[], Tenant[]]> {
  const tenants: [Tenant[], Tenant[]] = [[], []];
  for (let number = 1; tenants.some(({ length }) => length < 2); number += 1) {
    if (number > MAX_TENANTS) throw new Error('all organizations are stored on one worker');
    const tenant = await createTenant(ask, `tenant-${number}`);
    const port = await workerOf(root, fromPublicId('org', tenant.id) ?? '');
    tenants[port === workers[0]?.port ? 0 : 1].push(tenant);
  }
  return tenants;
}

/** Sends a mutation that must succeed, and returns its payload. */
export async function mustAnswer(asked: Promise<Answer>): Promise<Json> {
  const { data, codes } = await asked;
  if (codes.length > 0) throw new Error(`${codes}: ${JSON.stringify(data)}`);
  return Object.values(data)[0];
}

const signUp = (email: string): string =>
  `mutation { signUp(input: { email: "${email}", name: "Owner", password: "${PASSWORD}" }) { session { accessToken } errors { code } } }`;

export const signIn = ({ email }: { email: string }, slug?: string): string =>
  `mutation { signIn(input: { email: "${email}", password: "${PASSWORD}" ${slug ? `, organizationSlug: "${slug}"` : ''} }) { session { accessToken refreshToken } errors { code } } }`;

/** The access token of a new account. */
export const createAccount = async (ask: Ask, email: string): Promise<string> =>
  (await mustAnswer(ask(signUp(email)))).session.accessToken;

async function createTenant(ask: Ask, slug: string): Promise<Tenant> {
  const email = `owner@${slug}.test`;
  const founder = await createAccount(ask, email);
  const create = `mutation { createOrganization(input: { name: "${slug}", slug: "${slug}" }) { organization { id } errors { code } } }`;
  const { organization } = await mustAnswer(ask(create, { token: founder }));
  const { session } = await mustAnswer(ask(signIn({ email })));
  const createToken = 'mutation { createApiToken(input: { name: "load", access: WRITE }) { secret errors { code } } }';
  const { secret } = await mustAnswer(ask(createToken, { token: session.accessToken }));
  return { id: organization.id, slug, email, token: secret };
}

/** The rows with these names, on whatever worker they are. */
export const storedCategories = async (root: Sql, names: readonly string[]): Promise<Set<string>> =>
  new Set(
    (await root`select name from categories where name = any(${[...names]})`).map((row) => row['name'] as string),
  );
