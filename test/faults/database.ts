import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'vitest';
import { expectNoViolations } from './judge.ts';
import { run } from './run.ts';
import { size } from './sizes.ts';
import type { Stage } from './stage.ts';

/** Milliseconds without a database. */
const DOWN = size(500, 2_000);

export function databaseFaults(stage: Stage): void {
  const { postgres } = stage;
  test.each([
    ['2 Postgres is stopped with -m immediate', () => postgres.stop('immediate')],
    ['3 the postmaster is killed', () => postgres.kill()],
  ])('%s: unavailable, then served', { timeout: 240_000 }, async (name, end) => {
    const outcomes = await run(stage, {
      name,
      rounds: size(1, 3),
      async inflict() {
        await end();
        await sleep(DOWN);
        await postgres.start();
      },
    });
    expectNoViolations(outcomes, { seen: 'UNAVAILABLE' });
  });
}
