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

/** The file of a command that npm does not install, or null. */
export function find(command: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), SERVER_FOLDER].filter(Boolean);
  return folders.map((folder) => join(folder, command)).find(isExecutable) ?? null;
}

/**
 * For `describe.skipIf(!has('pgbouncer'))('needs pgbouncer: …')`. The command must have the same name as its Debian
 * package, because `.ci/run` installs the packages by these names.
 */
export const has = (command: string): boolean => find(command) !== null;
