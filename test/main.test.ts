import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readConfig } from '../src/config.ts';
import { DEMO_ACCOUNTS } from '../src/startup/demo.ts';
import { cloneDatabase } from './support/database.ts';
import { ask, type Run, ready, run as runIn, signIn } from './support/run.ts';
import { long } from './support/size.ts';

const folder = await mkdtemp(join(tmpdir(), 'ambit-main-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (env: Record<string, string> = {}): Promise<Run> => runIn({ DATA_DIR: join(folder, 'data'), ...env });

/** A stopped database server removes its lock file. A killed one does not. */
const databaseIsDown = (): boolean => !existsSync(join(folder, 'data/pgdata/postmaster.pid'));

/** Runs the printed curl command in a shell. */
async function runPrintedCommand(server: Run): Promise<string> {
  const line = server
    .output()
    .split('\n')
    .find((text) => text.includes('curl'));
  const shell = spawn('sh', ['-c', line ?? 'false']);
  let answer = '';
  shell.stdout.on('data', (chunk) => (answer += chunk));
  await once(shell, 'close');
  return answer;
}

test('a first start creates a demo, the printed curl command works, and a second start keeps the data', async () => {
  const first = await run();
  await ready(first);
  for (const { email } of DEMO_ACCOUNTS) {
    expect(first.output()).toContain(email);
    expect(await signIn(first.address, email)).toBeDefined();
  }
  const token = (await signIn(first.address)) ?? '';
  expect(await ask(first.address, token, '{ checks { totalCount } }')).toEqual({
    data: { checks: { totalCount: 21 } },
  });
  expect(await runPrintedCommand(first)).toContain('"accessToken":"ey');
  await ask(first.address, token, 'mutation { updateRubric(input: { name: "Kept" }) { errors { code } } }');
  first.process.kill('SIGINT');
  expect(await first.ended).toBe(0);
  expect(databaseIsDown()).toBe(true);

  const second = await run();
  await ready(second);
  const expected = { data: { rubric: { name: 'Kept' }, checks: { totalCount: 21 } } };
  const issuer = await ask(
    second.address,
    (await signIn(second.address)) ?? '',
    '{ rubric { name } checks { totalCount } }',
  );
  expect(issuer).toEqual(expected);

  const third = await run();
  expect(await third.ended).toBe(1);
  expect(third.output()).toMatch(
    /^ambit: another process uses the database in .*; stop it, or set DATA_DIR to another folder\n$/,
  );
  second.process.kill('SIGTERM');
  expect(await second.ended).toBe(0);
});

test('a port in use is an error of one line, and no database server keeps running', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const refused = await run({ PORT: String(port), DATA_DIR: join(folder, 'never') });
  expect(await refused.ended).toBe(1);
  expect(refused.output()).toBe(
    `ambit: PORT: ${port} on 127.0.0.1 is in use by another process; set PORT to a free port\n`,
  );
  server.close();
});

/** Invalid values. The test reads the configuration in the same way as a start. */
const INVALID: [name: string, value: string][] = [
  ['PORT', 'many'],
  ['PORT', '70000'],
  ['PUBLIC_URL', 'ambit.example'],
  ['DATABASE_URL', 'mysql://root:hunter2@localhost/x'],
  ['INTROSPECTION', 'maybe'],
];

function messageOf(environment: Record<string, string>): string {
  try {
    readConfig(environment);
    return 'valid';
  } catch (error) {
    return (error as Error).message;
  }
}

test.each(INVALID)('%s=%s is an error of one line that names the variable and contains no password', (name, value) => {
  expect(messageOf({ [name]: value })).toMatch(new RegExp(`^${name}: [^\\n]+$`));
  expect(messageOf({ [name]: value })).not.toContain('hunter2');
});

test.each<[name: string, value: string]>([
  ...(long ? INVALID : INVALID.filter(([name]) => name === 'DATABASE_URL')),
  ['TRUSTED_PROXIES', '10.0.0.0/99'],
  ['DATABASE_URL', 'postgres://nobody:hunter2@127.0.0.1:1/x'],
])('a start with %s=%s fails with one line that names the variable and contains no password', async (name, value) => {
  const refused = await run({ [name]: value, DATA_DIR: join(folder, 'bad') });
  expect(await refused.ended).toBe(1);
  expect(refused.output()).toMatch(new RegExp(`^ambit: ${name}: [^\\n]+\\n$`));
  expect(refused.output()).not.toContain('hunter2');
});

test('no demo is created with DATABASE_URL or in production', async () => {
  const { url } = await cloneDatabase();
  const own = await run({ DATABASE_URL: url });
  await ready(own);
  expect([await signIn(own.address), own.output().includes('acme')]).toEqual([undefined, false]);
  own.process.kill('SIGTERM');
  expect(await own.ended).toBe(0);

  const production = await run({ NODE_ENV: 'production', DATA_DIR: join(folder, 'production') });
  await ready(production);
  expect([await signIn(production.address), production.output().includes('acme')]).toEqual([undefined, false]);
  production.process.kill('SIGTERM');
  expect(await production.ended).toBe(0);
});

test('LOG_LEVEL and LOG_SQL control the log, and statements are logged without parameters', async () => {
  const { url } = await cloneDatabase();
  for (const [env, messages] of [
    [{ LOG_LEVEL: 'warn' }, []],
    [{ LOG_SQL: 'true' }, ['request', 'statement']],
  ] as const) {
    const server = await run({ DATABASE_URL: url, ...env });
    await ready(server);
    expect(await signIn(server.address, 'nobody@logged.test')).toBeUndefined();
    server.process.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    const lines = server
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    expect([...new Set(lines.map((line) => JSON.parse(line).message))].toSorted()).toEqual(messages);
    expect(server.output()).not.toMatch(/nobody@logged|ambit-demo/);
  }
});
