import { readConfig } from '../config.ts';
import type { Distribution } from '../db/distribute.ts';
import { createLog } from '../lib/log.ts';
import { runCommand } from './command.ts';
import { distribute, migrate } from './database.ts';
import { createProgress } from './progress.ts';

/** Distributes the database over the workers of a Citus cluster. */
async function distributeOnly(): Promise<string> {
  const config = readConfig(process.env);
  if (!config.migrationUrl)
    throw new Error(
      'DATABASE_URL: must be the URL of a database on the coordinator of a Citus cluster, because the embedded server cannot be part of a cluster',
    );
  const { log, end } = process.stderr.isTTY
    ? createProgress(process.stderr)
    : { log: createLog(config.logLevel), end: () => undefined };
  process.once('SIGINT', () => {
    end();
    process.stderr.write('ambit: interrupted; PostgreSQL rolls the distribution back, unless it was complete\n');
    process.exit(130);
  });
  try {
    await migrate(config, undefined, log);
    return describe(await distribute(config, log));
  } finally {
    end();
  }
}

function describe({ added, total, nodes, hasReconnected }: Distribution): string {
  if (added.length === 0) return `Nothing to do: all ${total} tables are part of the cluster.`;
  const where = nodes === 1 ? 'one node' : `${nodes} nodes`;
  const next = hasReconnected
    ? 'Running servers have reconnected and need no restart.'
    : 'Restart the running servers: the owner of the tables was not allowed to close their connections.';
  return [
    `${added.length} of ${total} tables were added to the cluster. The rows of organizations are on ${where}.`,
    next,
    'Next: back up all nodes together, see docs/scale.md.',
  ].join('\n');
}

runCommand(distributeOnly());
