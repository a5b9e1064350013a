import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where Debian installs servers; it is in root's PATH alone. */
const SERVERS = '/usr/sbin';

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
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), SERVERS].filter(Boolean);
  return folders.map((folder) => join(folder, command)).find(isExecutable) ?? null;
}

/**
 * For `describe.skipIf(!has('pgbouncer'))('needs pgbouncer: …')`. The command has the name of its Debian package:
 * `.ci/run` installs what these lines name.
 */
export const has = (command: string): boolean => find(command) !== null;
