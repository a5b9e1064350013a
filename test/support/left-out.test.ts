import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

const CONFIG = `
import { leftOut } from ${JSON.stringify(resolve('test/support/left-out.ts'))};
export default { test: { globals: true, include: ['*.suite.ts'], reporters: ['default', leftOut()] } };`;

const PASSES = "test('passes', () => {});";
const NEEDS = `${PASSES} describe.skip('needs no-such-command: a part', () => { test('one', () => {}); });`;
const SKIPS = `${PASSES} test.skip('forgotten', () => {});`;
const FAILS_BEFORE = `beforeAll(() => { throw new Error('no server'); }); ${PASSES}`;

interface Run {
  code: number;
  /** The lines that tell what was left out. */
  told: string[];
}

/** Runs a suite of this text in a process of its own: with `ci` as `.ci/run` does, else as `npm test` does. */
async function run(text: string, { ci = false, only }: { ci?: boolean; only?: string } = {}): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'ambit-left-out-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'vitest.config.ts'), CONFIG);
  await writeFile(join(folder, 'a.suite.ts'), text);
  const child = spawn('node', [resolve('node_modules/vitest/vitest.mjs'), 'run', ...(only ? ['-t', only] : [])], {
    cwd: folder,
    env: { PATH: process.env['PATH'], NO_COLOR: '1', ...(ci && { CI: 'true' }) },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const [code] = await once(child, 'close');
  expect(output).toContain('Test Files');
  return { code, told: output.split('\n').filter((line) => line.startsWith('left out')) };
}

const MISSING = 'left out, because no-such-command is not installed: a.suite.ts';

test('a suite whose package is missing is told at the end, and only CI fails for it', async () => {
  expect(await run(NEEDS)).toEqual({ code: 0, told: [MISSING] });
  expect(await run(NEEDS, { ci: true })).toEqual({ code: 1, told: [MISSING] });
});

test('CI also fails for a test that the code skips', async () => {
  const skipped = 'left out, because the code skips "forgotten": a.suite.ts';
  expect(await run(SKIPS, { ci: true })).toEqual({ code: 1, told: [skipped] });
});

test('nothing is told of a complete run, of selected tests, and of tests behind a hook that failed', async () => {
  expect(await run(PASSES, { ci: true })).toEqual({ code: 0, told: [] });
  expect(await run(NEEDS, { only: 'passes' })).toEqual({ code: 0, told: [] });
  expect(await run(FAILS_BEFORE)).toEqual({ code: 1, told: [] });
});
