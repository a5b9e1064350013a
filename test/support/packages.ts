import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Folder in which Debian installs servers. Only root's PATH contains it. */
const SERVER_FOLDER = '/usr/sbin';

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Packages whose commands are not in PATH, because Debian installs several versions beside each other. */
const FILES: Record<string, string> = { 'postgresql-15': '/usr/lib/postgresql/15/bin/postgres' };

/** The file of a command that npm does not install, or null. */
export function find(command: string): string | null {
  const file = FILES[command];
  if (file) return isExecutable(file) ? file : null;
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), SERVER_FOLDER].filter(Boolean);
  return folders.map((folder) => join(folder, command)).find(isExecutable) ?? null;
}

/**
 * For `describe.skipIf(!has('pgbouncer'))('needs pgbouncer: …')`. The command must have the same name as its Debian
 * package, because `.ci/run` installs the packages by these names. Others are in `FILES`, and in `.ci/run`.
 */
export const has = (command: string): boolean => find(command) !== null;
