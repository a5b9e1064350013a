import type { Config } from '../../config.ts';
import { checkClock } from './clock.ts';
import { checkCluster } from './cluster.ts';
import { examineConfiguration } from './configuration.ts';
import { type Database, NoDatabaseError, openDatabase } from './connection.ts';
import { checkDatabase, checkMigrations, checkRuntimeConnection } from './database.ts';
import { checkDirectories } from './directories.ts';
import { checkEncryption } from './encryption.ts';
import { type Check, type Finding, fail, type Result, runCheck, sentence, warn } from './finding.ts';
import { checkJobs } from './jobs.ts';
import { checkMail } from './mail.ts';
import { checkRedis } from './redis.ts';
import { checkRoles } from './roles.ts';
import { checkRowLevelSecurity } from './row-level-security.ts';

/** Maximum number of milliseconds for the comparison of the directories. */
const DIRECTORIES_DEADLINE = 60_000;
/** Maximum number of milliseconds for the start of the embedded server, also after a crash. */
const START_DEADLINE = 60_000;

const CONFIGURATION = 'configuration';
const DATABASE = 'database';

/** The checks of an open database. The first one is about the connection itself. */
const databaseChecks = (config: Config, { sql, runtimeUrl }: Database): Check[] => [
  { name: DATABASE, run: () => checkDatabase(sql, config) },
  { name: 'requests', run: () => checkRuntimeConnection(runtimeUrl, config) },
  { name: 'migrations', run: () => checkMigrations(sql) },
  { name: 'roles', run: () => checkRoles(sql, config) },
  { name: 'row-level security', run: () => checkRowLevelSecurity(sql) },
  {
    name: 'directories',
    deadlineMs: DIRECTORIES_DEADLINE,
    run: () => checkDirectories(sql, DIRECTORIES_DEADLINE),
  },
  { name: 'cluster', run: () => checkCluster(sql) },
  { name: 'encryption', run: () => checkEncryption(sql, runtimeUrl, config) },
  { name: 'jobs', run: () => checkJobs(sql) },
  { name: 'clock', run: () => checkClock(sql) },
];

/** The checks that need no database. */
const otherChecks = (config: Config, invalid: ReadonlySet<string>): Check[] => [
  {
    name: 'redis',
    run: async () => (invalid.has('REDIS_URL') ? [notChecked('REDIS_URL is not valid')] : await checkRedis(config)),
  },
  {
    name: 'mail',
    deadlineMs: 20_000,
    run: async () => (invalid.has('SMTP_URL') ? [notChecked('SMTP_URL is not valid')] : await checkMail(config)),
  },
];

const notChecked = (reason: string): Finding => warn(`Not checked, because ${reason}.`);

/** The length of the longest name of a check. */
export const NAME_WIDTH = 'row-level security'.length;

/** Runs all checks. Calls `onResult` for each one, always in the same order, as soon as its result is known. */
export async function examine(
  environment: Record<string, string | undefined>,
  onResult: (result: Result) => void,
): Promise<void> {
  const { config, invalid, findings } = examineConfiguration(environment);
  onResult({ name: CONFIGURATION, findings });
  const others = otherChecks(config, invalid).map(runCheck);
  await examineDatabase(config, invalid, onResult);
  for (const result of others) onResult(await result);
}

async function examineDatabase(
  config: Config,
  invalid: ReadonlySet<string>,
  onResult: (result: Result) => void,
): Promise<void> {
  const variable = ['DATABASE_URL', 'MIGRATION_DATABASE_URL'].find((name) => invalid.has(name));
  if (variable) return onResult({ name: DATABASE, findings: [notChecked(`${variable} is not valid`)] });
  let database: Database | undefined;
  const opened = await runCheck({
    name: DATABASE,
    deadlineMs: START_DEADLINE,
    run: async () => {
      database = await openDatabase(config);
      return [];
    },
    describe: (error) => [whyClosed(error, config)],
  });
  if (!database) return onResult(opened);
  try {
    // All checks start now. The directories may take long, and must not delay the results before them.
    const running = databaseChecks(config, database).map(runCheck);
    for (const result of running) onResult(await result);
  } finally {
    await database.close();
  }
}

function whyClosed(error: unknown, { databaseUrl, dataDir }: Config): Finding {
  if (error instanceof NoDatabaseError)
    return warn(
      `There is no embedded database in ${dataDir} yet, and DATABASE_URL is not set. The first start creates it.`,
    );
  if (!databaseUrl) return fail(sentence(error));
  return fail(
    `The database cannot be reached: ${sentence(error)} Correct DATABASE_URL and MIGRATION_DATABASE_URL, or start it.`,
  );
}
