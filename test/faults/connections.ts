import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'vitest';
import { expectNoViolations, onlyWhenOverloaded } from './judge.ts';
import { run } from './run.ts';
import { size } from './sizes.ts';
import type { Stage } from './stage.ts';

/** Ends one connection of each server to the database, or all of them. */
const terminate = ({ targets, postgres }: Stage, which: 'one' | 'all'): Promise<unknown> =>
  Promise.all(
    targets.map(({ database }) =>
      postgres.ask(
        database,
        (sql) => sql`
          select pg_terminate_backend(pid) from (
            select pid from pg_stat_activity where datname = current_database() and application_name = 'ambit'
            order by random() limit ${which === 'one' ? 1 : null}) as chosen`,
      ),
    ),
  );

/** Changes the result type of prepared statements. Both types have one representation on disk, so no table is rewritten. */
const changeType = ({ targets, postgres }: Stage, type: string): Promise<unknown> =>
  Promise.all(
    targets.map(({ database }) =>
      postgres.ask(database, (sql) =>
        sql.unsafe(`alter table categories alter column description type ${type}, alter column name type ${type}`),
      ),
    ),
  );

export function connectionFaults(stage: Stage): void {
  test('a connection closed by the database fails only the requests that use it', {
    timeout: 240_000,
  }, async () => {
    const outcomes = await run(stage, {
      name: '1 pg_terminate_backend, one and all',
      rounds: size(3, 25),
      isObserved: (round) => round % 5 === 0,
      async inflict() {
        await terminate(stage, 'one');
        // The other connections are in use again.
        await sleep(200);
        await terminate(stage, 'all');
      },
    });
    expectNoViolations(outcomes);
  });

  test('a stale prepared statement fails no request, and never returns rows of another organization', {
    timeout: 240_000,
  }, async () => {
    const outcomes = await run(stage, {
      name: '10 prepared statements become stale',
      rounds: size(2, 6),
      isObserved: (round) => round % 3 === 0,
      inflict: async (round) => void (await changeType(stage, round % 2 === 1 ? 'varchar' : 'text')),
    });
    expectNoViolations(outcomes, { codes: onlyWhenOverloaded });
  });
}
