import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { DEMO_PASSWORD } from '../../src/startup/demo.ts';
import { long } from './size.ts';

/** A running `npm start`. */
export interface Run {
  process: ChildProcess;
  address: string;
  port: number;
  /** Everything printed so far. */
  output(): string;
  /** Resolves with the exit code, or with the signal that ended the process. */
  ended: Promise<number | string>;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** What the short form adds to the command of a start: see quick-start.ts. A long run starts Ambit exactly as users do. */
export const QUICK_START = long ? [] : ['--import', fileURLToPath(import.meta.resolve('./quick-start.ts'))];

/** Starts Ambit as users do. `PORT` defaults to a free port. */
export async function startAmbit(env: Record<string, string>): Promise<Run> {
  const port = Number(env['PORT'] ?? (await freePort()));
  const { PATH = '' } = process.env;
  const child = spawn('node', [...QUICK_START, 'src/main.ts'], {
    env: { PATH, PORT: String(port), ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal);
  return { process: child, port, address: `http://localhost:${port}`, output: () => output, ended };
}

export async function waitUntilReady(server: Run): Promise<void> {
  const dead = server.ended.then(() => Promise.reject(new Error(`it ended: ${server.output()}`)));
  dead.catch(() => undefined);
  while (!server.output().includes('Ambit is ready'))
    await Promise.race([once(server.process.stdout as never, 'data'), dead]);
}

export async function signIn(address: string, email = 'admin@acme.test'): Promise<string | undefined> {
  const query = `mutation { signIn(input: { email: "${email}", password: "${DEMO_PASSWORD}" }) { session { accessToken } errors { code } } }`;
  const response = await fetch(`${address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  const { data } = (await response.json()) as { data: { signIn: { session: { accessToken: string } | null } } };
  return data.signIn.session?.accessToken;
}

export async function queryServer(address: string, token: string, query: string): Promise<unknown> {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(`${address}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) });
  return response.json();
}

/** Runs a command with a line on stdin. Returns the exit code and the output. */
export async function runCommand(env: Record<string, string>, args: string[], line = ''): Promise<[unknown, string]> {
  const child = spawn('node', [...QUICK_START, 'src/main.ts', ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(`${line}\n`);
  const [code] = await once(child, 'close');
  return [code, output];
}
