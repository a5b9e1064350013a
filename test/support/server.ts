import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { onTestFinished } from 'vitest';

export interface ServerProcess {
  address: string;
  /** Everything printed so far. */
  output(): string;
  /** Resolves with the exit code, or with the signal that ended the process. */
  ended: Promise<number | string>;
  /** Resolves when the server serves, and rejects when it ends before. */
  ready(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** Starts `node src/main.ts` with this environment and nothing else. It ends with the test at the latest. */
export async function startServer(env: Record<string, string>): Promise<ServerProcess> {
  const port = await freePort();
  const { PATH = '' } = process.env;
  const child = spawn('node', ['src/main.ts'], { env: { PATH, PORT: String(port), ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const died = ended.then(() => Promise.reject(new Error(`it ended: ${output}`)));
  died.catch(() => undefined);
  const ready = async (): Promise<void> => {
    while (!output.includes('Ambit is ready')) await Promise.race([once(child.stdout, 'data'), died]);
  };
  return { address: `http://127.0.0.1:${port}`, output: () => output, ended, ready };
}
