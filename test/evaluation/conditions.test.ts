import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inTransaction } from '../../src/db/transaction.ts';
import { newId } from '../../src/lib/ids.ts';
import type { CheckToEvaluate } from '../../src/resources/evaluation/checks.ts';
import { type Rule, rulesOf } from '../../src/resources/evaluation/rules.ts';
import { readStates } from '../../src/resources/evaluation/statement.ts';
import { metBy } from '../../src/resources/evaluation/statuses.ts';
import { insertWorld } from '../filter/insert-world.ts';
import { matches } from '../filter/naive.ts';
import { type World, worlds } from '../filter/worlds.ts';
import { startApi } from '../support/api.ts';
import { size } from '../support/size.ts';

const { root, pool } = await startApi();

/** A check of the services that a filter selects. */
const checkWith = (filterId: string): CheckToEvaluate => ({
  id: newId(),
  type: 'HAS_DEPENDENCY',
  categoryId: newId(),
  levelId: newId(),
  settings: {},
  definitionId: null,
  integrationId: null,
  passPending: false,
  enabled: true,
  enableOn: null,
  campaignId: null,
  scorecardId: null,
  startAt: null,
  endedAt: null,
  filterIds: [filterId],
});

/** The IDs of the services that match each filter, as an evaluation finds them. */
async function selected({ organizationId, filters, services }: World): Promise<Map<string, string[]>> {
  const { conditions, matches: rules } = rulesOf([...filters.keys()].map(checkWith), filters);
  const ids = services.map(({ id }) => id);
  const states = await inTransaction(pool, { organizationId, userId: null }, (db) =>
    readStates({ db, organizationId, now: new Date() }, ids, conditions, []),
  );
  const matching = (rule: Rule): string[] => states.filter((state) => rule(metBy(state))).map(({ id }) => id);
  return new Map([...rules].map(([id, rule]) => [id, matching(rule)]));
}

test('an evaluation applies a filter to the services that match it one by one', async () => {
  let [found, skipped] = [0, 0];
  await fc.assert(
    fc.asyncProperty(worlds, async (world) => {
      await insertWorld(root, world);
      const byFilter = await selected(world);
      for (const [id, filter] of world.filters) {
        const expected = world.services.filter((service) => matches(world, filter, service)).map((one) => one.id);
        expect(byFilter.get(id), JSON.stringify(filter)).toEqual(expected.toSorted());
        found += expected.length;
        skipped += world.services.length - expected.length;
      }
    }),
    { numRuns: size(60, 1_000) },
  );
  expect(Math.min(found, skipped)).toBeGreaterThan(100);
});
