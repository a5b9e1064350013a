import type { Sql, TransactionSql } from 'postgres';
import { JOB_NAMES, JOB_SCHEMA, type JobName, policyOf, queueOptions } from '../lib/jobs.ts';
import { jobExecutor, withoutTransaction } from './job-executor.ts';

/** The version of the tables that the installed pg-boss needs. Known here, so that a start need not load pg-boss. */
export const JOB_SCHEMA_VERSION = 43;

/**
 * What the runtime role may do with the tables of pg-boss. It has no right on any other table of the schema, and creates
 * neither tables nor queues. These tables have no row-level security: jobs of all organizations are in one queue, a process
 * that runs jobs reads them before it is bound to an organization, and they contain ids only.
 */
export const JOB_GRANTS: Record<string, readonly string[]> = {
  // Used in a statement for dead letters.
  job: ['INSERT'],
  job_common: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  job_dependency: ['SELECT', 'DELETE'],
  queue: ['SELECT', 'UPDATE'],
  version: ['SELECT', 'UPDATE'],
};

/**
 * Creates or migrates the tables of pg-boss, and creates the queues. Returns whether something was missing. Otherwise only
 * reads, because in a Citus cluster a server must be able to start while a worker is down.
 */
export async function migrateJobSchema(sql: Sql): Promise<boolean> {
  const version = await installedVersion(sql);
  const isOld = version < JOB_SCHEMA_VERSION;
  const changed = isOld ? JOB_NAMES : await changedQueues(sql);
  if (!isOld && changed.length === 0) return false;
  // All or nothing, also with the queues and the grants.
  await sql.begin(async (tx) => {
    if (isOld) await installTables(tx, version);
    await setQueues(tx, changed);
  });
  return true;
}

/** Whether `migrateJobSchema` has nothing to do. */
export const isJobSchemaCurrent = async (sql: Sql): Promise<boolean> =>
  (await installedVersion(sql)) >= JOB_SCHEMA_VERSION && (await changedQueues(sql)).length === 0;

/** 0 if pg-boss is not installed. */
async function installedVersion(sql: Sql): Promise<number> {
  const [existing] = await sql`select from pg_tables where schemaname = ${JOB_SCHEMA} and tablename = 'version'`;
  if (!existing) return 0;
  const [row] = await sql`select version from ${sql(JOB_SCHEMA)}.version`;
  return row?.['version'] ?? 0;
}

/** The columns of a queue by the option that sets them. */
const COLUMNS = {
  retryLimit: 'retry_limit',
  retryDelay: 'retry_delay',
  retryDelayMax: 'retry_delay_max',
  retryBackoff: 'retry_backoff',
  expireInSeconds: 'expire_seconds',
  heartbeatSeconds: 'heartbeat_seconds',
  deleteAfterSeconds: 'deletion_seconds',
  retentionSeconds: 'retention_seconds',
} as const satisfies Record<keyof ReturnType<typeof queueOptions>, string>;

/** The queues that are missing or have other options. */
async function changedQueues(sql: Sql): Promise<JobName[]> {
  const rows = await sql`select * from ${sql(JOB_SCHEMA)}.queue`;
  const byName = new Map(rows.map((row) => [row['name'], row]));
  return JOB_NAMES.filter((name) => {
    const options = queueOptions(name);
    return Object.entries(COLUMNS).some(
      ([option, column]) => byName.get(name)?.[column] !== options[option as keyof typeof COLUMNS],
    );
  });
}

async function installTables(tx: TransactionSql, version: number): Promise<void> {
  const { getConstructionPlans, getMigrationPlans } = await import('pg-boss');
  const script = version === 0 ? getConstructionPlans(JOB_SCHEMA) : getMigrationPlans(JOB_SCHEMA, version);
  await tx.unsafe(withoutTransaction(script));
  const schema = tx(JOB_SCHEMA);
  await tx`revoke all on all functions in schema ${schema} from public`;
  await tx`grant usage on schema ${schema} to ambit_runtime`;
  await tx`grant execute on function ${schema}.job_now() to ambit_runtime`;
  for (const [table, rights] of Object.entries(JOB_GRANTS))
    await tx.unsafe(`grant ${rights.join(', ')} on ${JOB_SCHEMA}.${table} to ambit_runtime`);
}

/** OID of the type text. */
const TEXT = 25;

async function setQueues(tx: TransactionSql, names: readonly JobName[]): Promise<void> {
  const { PgBoss } = await import('pg-boss');
  // As text, because Drizzle's migrator changes how the connection sends JSON.
  const toJson = (value: object): unknown => tx.typed(JSON.stringify(value) as never, TEXT);
  const send = ((text: string, values: never[], options: object) =>
    tx.unsafe(withoutTransaction(text), values, options)) as Sql['unsafe'];
  const boss = new PgBoss({
    schema: JOB_SCHEMA,
    db: jobExecutor(send, { toJson }),
    migrate: false,
    createSchema: false,
  });
  for (const name of names) {
    await boss.createQueue(name, { ...queueOptions(name), policy: policyOf(name) });
    await boss.updateQueue(name, queueOptions(name));
  }
}
