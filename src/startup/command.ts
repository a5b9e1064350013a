import type { Config } from '../config.ts';
import { connect } from '../db/client.ts';
import type { Embedded } from '../db/embedded.ts';
import type { Pool } from '../db/pool.ts';
import { createLog, errorLines } from '../lib/log.ts';
import { migrate, runtimeOptions, startDatabase } from './database.ts';

/** Calls `run` with the migrated database. Without DATABASE_URL, starts the embedded server until `run` has ended. */
export async function withDatabase<T>(config: Config, run: (pool: Pool) => Promise<T>): Promise<T> {
  const log = createLog('warn');
  let embedded: Embedded | undefined;
  let pool: Pool | undefined;
  try {
    if (!config.databaseUrl) embedded = await startDatabase(config, { log });
    await migrate(config, embedded, log);
    pool = connect(await runtimeOptions(config, embedded, log));
    return await run(pool);
  } finally {
    await pool?.end();
    await embedded?.stop();
  }
}

/** Prints the result of a command. If it fails, prints the error, and the process will exit with code 1. */
export function runCommand(result: Promise<string>): void {
  result.then(
    (message) => process.stdout.write(`${message}\n`),
    (error: unknown) => {
      process.stderr.write(errorLines(error));
      process.exitCode = 1;
    },
  );
}
