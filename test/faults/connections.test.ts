import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'vitest';
import { expectHeld } from './judge.ts';
import { run } from './run.ts';
import { size } from './sizes.ts';
import { createStage, type Target } from './stage.ts';

const stage = await createStage();

/** Ends one connection of each server to the database, or all of them. */
const terminate = (which: 'one' | 'all'): Promise<unknown> =>
  Promise.all(
    stage.targets.map(({ database }) =>
      stage.postgres.ask(
        database,
        (sql) => sql`
          select pg_terminate_backend(pid) from (
            select pid from pg_stat_activity where datname = current_database() and application_name = 'ambit'
            order by random() limit ${which === 'one' ? 1 : null}) as chosen`,
      ),
    ),
  );

test('connections that the database ends fail what runs on them, and nothing else', { timeout: 180_000 }, async () => {
  const outcomes = await run(stage, {
    name: '1 pg_terminate_backend, one and all',
    rounds: size(3, 25),
    isObserved: (round) => round % 5 === 0,
    async inflict() {
      await terminate('one');
      // The next round hits connections that are in use again.
      await sleep(200);
      await terminate('all');
    },
  });
  expectHeld(outcomes);
});

/** Changes the result type of statements that are prepared, without rewriting the table. */
const changeType = async ({ database }: Target, type: string): Promise<void> => {
  await stage.postgres.ask(database, (sql) =>
    sql.unsafe(`alter table categories alter column description type ${type}, alter column name type ${type}`),
  );
};

test('prepared statements that become stale answer nobody with another organization’s rows', {
  timeout: 120_000,
}, async () => {
  const outcomes = await run(stage, {
    name: '10 prepared statements become stale',
    rounds: size(2, 6),
    isObserved: (round) => round % 3 === 0,
    async inflict(round) {
      await Promise.all(stage.targets.map((target) => changeType(target, round % 2 === 1 ? 'varchar' : 'text')));
    },
  });
  expectHeld(outcomes);
});
