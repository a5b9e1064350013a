import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

const CONFIG = `
import { reportSkipped } from ${JSON.stringify(resolve('test/support/skipped.ts'))};
export default { test: { globals: true, include: ['*.suite.ts'], reporters: ['default', reportSkipped()] } };`;

const PASSES = "test('passes', () => {});";
const NEEDS = `${PASSES} describe.skip('needs no-such-command: a part', () => { test('one', () => {}); });`;
const SKIPS = `${PASSES} test.skip('forgotten', () => {});`;
const FAILS_BEFORE = `beforeAll(() => { throw new Error('no server'); }); ${PASSES}`;

interface Run {
  code: number;
  /** The lines that report skipped suites and tests. */
  reported: string[];
}

/** Runs a suite with this source in a separate process: with `ci` as `.ci/run` does, otherwise as `npm test` does. */
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
  return { code, reported: output.split('\n').filter((line) => line.startsWith('skipped, ')) };
}

const MISSING = 'skipped, because no-such-command is not installed: a.suite.ts';

test('a suite whose package is missing is reported at the end, and fails the run only in CI', async () => {
  expect(await run(NEEDS)).toEqual({ code: 0, reported: [MISSING] });
  expect(await run(NEEDS, { ci: true })).toEqual({ code: 1, reported: [MISSING] });
});

test('a test that the code skips also fails the run in CI', async () => {
  const skipped = 'skipped, because the code skips "forgotten": a.suite.ts';
  expect(await run(SKIPS, { ci: true })).toEqual({ code: 1, reported: [skipped] });
});

test('nothing is reported for a complete run, for selected tests, and for tests after a failed hook', async () => {
  expect(await run(PASSES, { ci: true })).toEqual({ code: 0, reported: [] });
  expect(await run(NEEDS, { only: 'passes' })).toEqual({ code: 0, reported: [] });
  expect(await run(FAILS_BEFORE)).toEqual({ code: 1, reported: [] });
});
