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
import { NUMERIC_TEXTS, type World, worlds } from '../filter/worlds.ts';
import { startApi } from '../support/api.ts';
import { size } from '../support/size.ts';
import { NUMBER_OPERATORS, NUMBERS } from './model.ts';
import { meets, meetsAsNumber } from './naive.ts';

const { root, pool } = await startApi();

const CHECK: CheckToEvaluate = {
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
  filterIds: [],
};

/** The IDs of the services that match each filter, as an evaluation finds them. */
async function selected({ organizationId, filters, services }: World): Promise<Map<string, string[]>> {
  const { conditions, matches: rules } = rulesOf(
    [...filters.keys()].map((id) => ({ ...CHECK, filterIds: [id] })),
    filters,
  );
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

test('a check compares a text of digits as a number, and no other text, in each pair of a value and a predicate', async () => {
  const [given] = fc.sample(worlds, 1) as [World];
  const definitionId = given.definitions[0] as string;
  const values = [...NUMERIC_TEXTS, 7, 0.5, -7, 1e20, true, ['7']];
  const services = values.map((value, at): World['services'][number] => ({
    ...{ ...(given.services[0] as World['services'][number]), id: newId(), name: `Service ${at}`, aliases: [] },
    ...{ properties: { [definitionId]: value }, dependsOn: [] },
  }));
  await insertWorld(root, { ...given, services });
  const predicates = NUMBERS.flatMap((value) =>
    NUMBER_OPERATORS.map((operator) => ({ operator, value, caseSensitive: true })),
  );
  const checks = predicates.map(
    (predicate): CheckToEvaluate => ({
      ...{ ...CHECK, id: newId(), type: 'SERVICE_PROPERTY', definitionId },
      settings: { property: null, predicate },
    }),
  );
  const { conditions, passes } = rulesOf(checks, new Map());
  const { organizationId } = given;
  const states = await inTransaction(pool, { organizationId, userId: null }, (db) =>
    readStates({ db, organizationId, now: new Date() }, services.map(({ id }) => id).sort(), conditions, []),
  );
  const byId = new Map(states.map((state) => [state.id, metBy(state)]));
  for (const [at, predicate] of predicates.entries()) {
    const rule = passes.get(checks[at]?.id ?? '') as Rule;
    const passing = values.filter((_, position) => rule(byId.get(services[position]?.id ?? '') as Set<number>));
    const expected = values.filter((value) => meetsAsNumber(predicate, value) ?? meets(predicate, value));
    expect(passing, JSON.stringify(predicate)).toEqual(expected);
  }
});
