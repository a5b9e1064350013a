import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestProjectConfiguration } from 'vitest/config';
import type { InlineConfig } from 'vitest/node';
import { LongestFirst } from './sequencer.ts';
import { reportSkipped } from './skipped.ts';

/** What a test file contains that changes modules or the process for the files that run after it in the same process. */
const CHANGES_SHARED_STATE = /\bvi\.\w+\(|from '[./]+src\/[\w/]*builder\.ts'/;

const resolve = {
  // One copy of graphql, whoever imports it: two do not know each other's errors and types.
  alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }],
};

const project = (name: string, include: string[], isolate: boolean) =>
  ({
    test: { name, include, isolate, testTimeout: 120_000, hookTimeout: 120_000 },
    resolve,
  }) satisfies TestProjectConfiguration;

/** The configuration of a run of these files. */
export function configureRun(files: string[], globalSetup: string): InlineConfig {
  const isolated = files.filter((file) => CHANGES_SHARED_STATE.test(readFileSync(file, 'utf8')));
  return {
    reporters: ['default', reportSkipped()],
    globalSetup: [globalSetup],
    sequence: { sequencer: LongestFirst },
    // More than two processors, because some files mostly wait for processes that start and stop.
    maxWorkers: 3,
    projects: [
      // Importing the product takes a second of a processor. These files share a process, which imports it once.
      project(
        'shared',
        files.filter((file) => !isolated.includes(file)),
        false,
      ),
      project('isolated', isolated, true),
    ],
  };
}

/** All test files, except those that match a pattern of `excluded`. */
export function testFiles(excluded: readonly string[]): string[] {
  const others = new Set(globSync([...excluded]));
  return globSync('test/**/*.test.ts').filter((file) => !others.has(file));
}
