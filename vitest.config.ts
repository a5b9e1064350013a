import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';
import { LongestFirst } from './test/support/sequencer.ts';
import { reportSkipped } from './test/support/skipped.ts';

/** What a test file contains that changes modules or the process for the files that run after it in the same process. */
const CHANGES_SHARED_STATE = /\bvi\.\w+\(|from '[./]+src\/[\w/]*builder\.ts'/;

const isolated = globSync('test/**/*.test.ts').filter((file) => CHANGES_SHARED_STATE.test(readFileSync(file, 'utf8')));

const resolve = {
  // One copy of graphql, whoever imports it: two do not know each other's errors and types.
  alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }],
};

const project = (name: string, files: { include: string[]; exclude?: string[] }, isolate: boolean) =>
  ({
    test: { name, ...files, isolate, testTimeout: 120_000, hookTimeout: 120_000 },
    resolve,
  }) satisfies TestProjectConfiguration;

export default defineConfig({
  test: {
    reporters: ['default', reportSkipped()],
    globalSetup: ['test/support/global-setup.ts'],
    sequence: { sequencer: LongestFirst },
    // More than two processors, because some files mostly wait for processes that start and stop.
    maxWorkers: 3,
    projects: [
      // Importing the product takes a second of a processor. These files share a process, which imports it once.
      project('shared', { include: ['test/**/*.test.ts'], exclude: isolated }, false),
      project('isolated', { include: isolated }, true),
    ],
  },
});
