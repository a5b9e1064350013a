import { readConfig } from '../config.ts';
import type { Embedded } from '../db/embedded.ts';
import { createLog } from '../lib/log.ts';
import { runCommand } from './command.ts';
import { migrate, startDatabase } from './database.ts';

/** Migrates the database without a start of the server. In a cluster, also distributes the tables that were added. */
async function migrateOnly(): Promise<string> {
  const config = readConfig(process.env);
  const log = createLog(config.logLevel);
  let embedded: Embedded | undefined;
  try {
    if (!config.databaseUrl) embedded = await startDatabase(config, { log });
    const applied = await migrate(config, embedded, log);
    if (applied === 0) return 'Nothing to do: the database has all migrations.';
    return `The database was migrated: ${applied} ${applied === 1 ? 'migration was' : 'migrations were'} missing.`;
  } finally {
    await embedded?.stop();
  }
}

runCommand(migrateOnly());
