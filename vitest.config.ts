import { defineConfig } from 'vitest/config';
import { configureRun, testFiles } from './test/support/projects.ts';

export default defineConfig({ test: configureRun(testFiles(['test/citus/**']), 'test/support/global-setup.ts') });
