import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

/** The first version of Node that has everything Ambit uses. */
const NODE = 24;

const USAGE = `Usage:
  npm start                                  starts the server
  npm start -- create-owner EMAIL [NAME]     creates an account that may create organizations
  npm start -- migrate                       migrates the database
  npm start -- rotate-keys                   encrypts all stored secrets with ENCRYPTION_KEY
  npm start -- distribute                    distributes the database over the workers of a Citus cluster
  npm start -- doctor                        checks the configuration, the database and the mail server
`;

const COMMANDS: Record<string, () => Promise<unknown>> = {
  serve: () => import('./startup/serve.ts'),
  'create-owner': () => import('./startup/create-owner.ts'),
  migrate: () => import('./startup/migrate.ts'),
  'rotate-keys': () => import('./startup/rotate-keys.ts'),
  distribute: () => import('./startup/distribute.ts'),
  doctor: () => import('./startup/doctor.ts'),
};

if (Number.parseInt(process.versions.node, 10) < NODE) {
  process.stderr.write(`ambit: needs Node ${NODE} or later. npm start uses the Node that npm ci installed.\n`);
  process.exit(1);
}
const [name = 'serve'] = process.argv.slice(2);
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (!command) {
  process.stderr.write(`ambit: there is no command ${name}\n${USAGE}`);
  process.exit(1);
}
// Most of the time of a start is spent on compiling code, so compiled code is cached. If the folder cannot be written,
// there is no cache.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/ambit', import.meta.url)));
await command?.();
