import { setTimeout as sleep } from 'node:timers/promises';
import type { Sql } from 'postgres';
import { expect, test } from 'vitest';
import { expectNoViolations, quantile } from './judge.ts';
import { type Outcome, run } from './run.ts';
import { IS_FULL, IS_MEASURED_ONLY, SLACK, size } from './sizes.ts';
import type { Stage, Target } from './stage.ts';

const LOCKED = 'amber';
/** Longer than DATABASE_LOCK_MS, after which a statement that waits for a lock fails. */
const HELD = size(3_500, 12_000);
/** Milliseconds in which the other organizations must be served. */
const OTHERS = 1_000;

/**
 * If one organization could block the pool, half of the requests would wait for DATABASE_LOCK_MS, three seconds. With
 * few requests on a busy machine, a larger share would not be reliable.
 */
const SHARE = IS_FULL ? 0.99 : 0.5;

/** The response times of the other organizations, before the lock and during it. */
function others({ sent, windows: [window] }: Outcome, share: number): { quiet: number; held: number } {
  const { began, passed } = window as { began: number; passed: number };
  const theirs = sent.filter(({ slug }) => slug !== LOCKED);
  return {
    quiet: quantile(
      theirs.filter(({ endedAt }) => endedAt < began),
      share,
    ),
    held: quantile(
      theirs.filter(({ endedAt, startedAt }) => endedAt > began && startedAt < passed),
      share,
    ),
  };
}

/** Holds the lock for `HELD` milliseconds after the first statement waits for it. */
const lock = ({ postgres }: Stage, { database }: Target): Promise<unknown> =>
  postgres.ask(database, (sql) =>
    sql.begin(async (tx) => {
      await tx`select from organizations where slug = ${LOCKED} for update`;
      const until = performance.now() + HELD;
      while (!(await postgres.ask(database, isStatementWaiting)) && performance.now() < until) await sleep(50);
      await sleep(HELD);
    }),
  );

const isStatementWaiting = async (sql: Sql): Promise<boolean> =>
  (await sql`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`).length > 0;

export function lockFaults(stage: Stage): void {
  test('a locked row of one organization does not delay the other organizations', { timeout: 120_000 }, async () => {
    const outcomes = await run(stage, {
      name: '6 a lock on one organization’s row',
      rounds: 1,
      quiet: size(1_000, 3_000),
      inflict: async () => {
        await Promise.all(stage.targets.map((target) => lock(stage, target)));
      },
    });
    expectNoViolations(outcomes, {
      codes: ({ slug, action }) => (slug !== LOCKED ? [] : action ? ['CONFLICT', 'UNAVAILABLE'] : ['UNAVAILABLE']),
      seen: 'CONFLICT',
      note(outcome) {
        const { quiet, held } = others(outcome, 0.99);
        return `others p99 ${Math.round(held)} ms, before ${Math.round(quiet)} ms`;
      },
    });
    if (!IS_MEASURED_ONLY)
      for (const outcome of outcomes) {
        const { quiet, held } = others(outcome, SHARE);
        expect(held).toBeLessThan(Math.max(OTHERS, quiet) + SLACK);
      }
  });
}
