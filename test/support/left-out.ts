import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';
import { has } from './packages.ts';

const NEEDS = /\bneeds ([\w.-]+): /;

/** Why a test did not run. */
function reasonOf(test: TestCase): string {
  const command = NEEDS.exec(test.fullName)?.[1];
  return command && !has(command) ? `because ${command} is not installed` : `because the code skips "${test.fullName}"`;
}

/** What follows a failed hook is skipped as well, but is told as a failure already. */
const isLeftOut = (test: TestCase): boolean => test.options.mode !== 'run' && test.options.mode !== 'only';

/** One line for each file and reason. */
function linesOf(modules: readonly TestModule[]): string[] {
  const lines = modules.flatMap((module) =>
    [...module.children.allTests('skipped')]
      .filter(isLeftOut)
      .map((test) => `left out, ${reasonOf(test)}: ${module.relativeModuleId}`),
  );
  return [...new Set(lines)];
}

/**
 * Prints at the end of a run which suites were left out and why. With `CI=true` a run that left something out fails.
 * A run of selected tests (`-t`) skips the others on purpose, and says nothing.
 */
export function leftOut(): Reporter {
  let vitest: Vitest | undefined;
  return {
    onInit(started) {
      vitest = started;
    },
    onTestRunEnd(modules) {
      if (vitest?.config.testNamePattern) return;
      const lines = linesOf(modules);
      for (const line of lines) vitest?.logger.log(line);
      if (lines.length > 0 && process.env['CI'] === 'true') process.exitCode = 1;
    },
  };
}
