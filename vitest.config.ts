import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { reportSkipped } from './test/support/skipped.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', reportSkipped()],
    globalSetup: ['test/support/global-setup.ts'],
    // Hashing a password and a thousand races take their time on a small machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
  resolve: {
    // One copy of graphql, whoever imports it: two do not know each other's errors and types.
    alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }],
  },
});
