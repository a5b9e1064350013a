import { defineConfig } from 'vitest/config';
import { configureRun, testFiles } from '../support/projects.ts';
import { EXCLUDED } from './excluded.ts';

if (!process.env['CITUS_DATABASE_URL']) {
  process.stderr.write(
    'Set CITUS_DATABASE_URL to the coordinator of a Citus cluster. To start one: docker compose -f compose.citus.yaml run --rm join\n',
  );
  process.exit(1);
}

export default defineConfig({
  test: configureRun(testFiles(Object.values(EXCLUDED).flat()), 'test/citus/global-setup.ts'),
});
