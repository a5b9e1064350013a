import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { freePort } from '../support/run.ts';
import { createPostgres, type Postgres, type PostgresOptions } from './postgres.ts';
import { type NetworkProxy, startProxy } from './proxy.ts';
import { type Server, startServer } from './server.ts';
import { POOLS } from './sizes.ts';
import { createWorld, type World } from './world.ts';

/** A server with its own database. */
export interface Target {
  readonly pool: number;
  readonly database: string;
  readonly world: World;
  readonly proxy: NetworkProxy | null;
  server: Server;
  /** Whether clients send requests to it. False while it starts. */
  isListed: boolean;
  /** Starts the server again on the same port. Kills it first if it still runs. */
  restart(): Promise<void>;
}

export interface Stage {
  readonly postgres: Postgres;
  /** One for each pool size. They share one PostgreSQL server, so its faults affect all of them. */
  readonly targets: readonly Target[];
}

export interface StageOptions extends Partial<PostgresOptions> {
  pools?: number[];
  /** Puts a proxy between each server and the database. */
  isProxied?: boolean;
  env?: Record<string, string>;
}

/** PostgreSQL and the servers, until the test file ends. */
export async function createStage({
  pools = POOLS,
  isProxied = false,
  env,
  ...options
}: StageOptions = {}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'ambit-faults-'));
  const postgres = await createPostgres({ folder, ...options });
  const targets: Target[] = [];
  const close = async (): Promise<void> => {
    for (const { server, proxy } of targets) {
      server.signal('SIGKILL');
      proxy?.close();
    }
    await postgres.stop('immediate');
    await rm(folder, { recursive: true, force: true });
  };
  afterAll(close);
  await postgres.start();
  const made = await Promise.allSettled(pools.map((pool) => createTarget(postgres, pool, { isProxied, env })));
  for (const result of made) if (result.status === 'fulfilled') targets.push(result.value);
  const failed = made.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
  if (failed) {
    // Vitest runs no hooks if there are no tests.
    await close();
    throw failed.reason;
  }
  return { postgres, targets };
}

type TargetOptions = { isProxied: boolean; env: Record<string, string> | undefined };

async function createTarget(postgres: Postgres, pool: number, { isProxied, env = {} }: TargetOptions): Promise<Target> {
  const database = `faults_${pool}`;
  await postgres.ask('postgres', (sql) => sql.unsafe(`create database ${database}`));
  const proxy = isProxied ? await startProxy(postgres.port) : null;
  const options = { port: await freePort(), databaseUrl: postgres.url(database, proxy?.port), pool, env };
  const server = await startServer(options);
  const target: Target = {
    ...{ pool, database, proxy, server, isListed: true },
    world: await createWorld(server.address),
    async restart() {
      target.server.signal('SIGKILL');
      await target.server.ended;
      target.isListed = false;
      target.server = await startServer(options);
      target.isListed = true;
    },
  };
  return target;
}
