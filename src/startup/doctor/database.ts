import type { Sql } from 'postgres';
import type { Config } from '../../config.ts';
import { assertUsable } from '../../db/client.ts';
import { isJobSchemaCurrent } from '../../db/job-schema.ts';
import { countMissingMigrations } from '../../db/migrate.ts';
import { clientOptions } from '../database.ts';
import { amount, type Finding, fail, ok, sentence, warn } from './finding.ts';

/** The first version of PostgreSQL that is supported. */
const MIN_VERSION = 15;
/** Milliseconds of a round trip above which there is a warning. */
const SLOW = 10;
const ROUND_TRIPS = 9;

/** Connects as the migration role: version, round trip, number of connections. */
export async function checkDatabase(sql: Sql, { workers, pool }: Config): Promise<Finding[]> {
  const [server] = await sql`
    select current_setting('server_version_num')::int / 10000 as major, current_setting('server_version') as version,
      current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as connections`;
  const { major, version, connections } = server as { major: number; version: string; connections: number };
  const milliseconds = await medianRoundTrip(sql);
  const found = `PostgreSQL ${version.split(' ', 1)[0]}, ${milliseconds.toFixed(1)} ms per round trip`;
  const needed = workers * (pool + 1);
  if (major < MIN_VERSION) return [fail(`${found}. Upgrade to version ${MIN_VERSION} or later.`)];
  return [
    milliseconds <= SLOW ? ok(`${found}.`) : warn(`${found}. Requests need several. Run Ambit near the database.`),
    ...(needed > connections
      ? [
          warn(
            `This node opens up to ${needed} connections, and the database allows ${connections}. Lower DATABASE_POOL or WORKERS, or raise max_connections.`,
          ),
        ]
      : []),
  ];
}

async function medianRoundTrip(sql: Sql): Promise<number> {
  const times: number[] = [];
  for (let number = 0; number < ROUND_TRIPS; number += 1) {
    const before = performance.now();
    await sql`select 1`;
    times.push(performance.now() - before);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(ROUND_TRIPS / 2)] ?? 0;
}

/** Connects as requests do, through the pooler if there is one. */
export async function checkRuntimeConnection(url: string, config: Config): Promise<Finding[]> {
  return await assertUsable(clientOptions(url, config, () => undefined)).then(
    () => [ok('Requests can connect, and row-level security applies to them.')],
    (error: unknown) => [fail(`Requests cannot use DATABASE_URL: ${sentence(error)} See docs/deployment.md.`)],
  );
}

export async function checkMigrations(sql: Sql): Promise<Finding[]> {
  const missing = await countMissingMigrations(sql);
  if (missing === 0)
    return (await isJobSchemaCurrent(sql))
      ? [ok('The database has all migrations.')]
      : [fail('The tables of the job queue are missing or old. Run: npm start -- migrate')];
  return [fail(`${amount(missing, 'migration')} missing. Run: npm start -- migrate`)];
}
