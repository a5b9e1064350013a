import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { signIn, startAmbit, waitUntilReady } from '../support/run.ts';

// `npm run test:clients`: generates code from the printed schema and from a server, compiles it with the TypeScript of the
// clients, and runs each client against the server.

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const DATA_DIR = `${FOLDER}generated/data`;
const SDL = '../../schema.graphql';

const run = (command: string, args: string[], env: Record<string, string> = {}): string => {
  const options = { cwd: FOLDER, env: { ...process.env, ...env }, stdio: 'pipe', encoding: 'utf8' } as const;
  try {
    return execFileSync(`${FOLDER}node_modules/.bin/${command}`, args, options);
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(' ')}\n${stdout}\n${stderr}`);
  }
};

/** The command of the documentation that writes the type of all permissions. */
function writePermissionType(address: string): void {
  const docs = readFileSync(`${FOLDER}../../docs/clients.md`, 'utf8');
  const [, command] = /^(curl .+src\/permission\.ts)$/m.exec(docs) ?? [];
  if (!command) throw new Error('docs/clients.md has no command that writes src/permission.ts');
  const here = command
    .replace('http://localhost:4000', address)
    .replace('src/permission.ts', 'generated/permission.ts');
  execFileSync('sh', ['-c', here], { cwd: FOLDER });
}

function generate(address: string, from: 'file' | 'server'): void {
  const url = `${address}/graphql`;
  run('graphql-codegen', ['--config', 'codegen.ts'], { AMBIT_SCHEMA: from === 'file' ? SDL : url });
  run('genql', [...(from === 'file' ? ['--schema', SDL] : ['--endpoint', url]), '--output', 'generated/genql']);
  run('gql.tada', ['generate-schema', from === 'file' ? SDL : url, '--output', 'generated/tada.graphql']);
  run('gql.tada', ['generate-output', '--output', 'generated/tada.d.ts']);
}

rmSync(`${FOLDER}generated`, { recursive: true, force: true });
mkdirSync(`${FOLDER}generated`);
writeFileSync(`${FOLDER}generated/tada.graphql`, '');
const server = await startAmbit({ DATA_DIR });
try {
  await waitUntilReady(server);
  const { address } = server;
  const token = (await signIn(address, 'read@acme.test')) ?? '';
  writePermissionType(address);
  for (const from of ['file', 'server'] as const) {
    generate(address, from);
    run('tsc', ['--project', '.']);
    process.stdout.write(`Generated from the ${from}:\n${run('jiti', ['src/run.ts', `${address}/graphql`, token])}`);
  }
} finally {
  server.process.kill('SIGINT');
  await server.ended;
}
