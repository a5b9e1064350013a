import { and, eq } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileFilter, type FilterWithPredicates } from '../../src/resources/filter/compile.ts';
import { services } from '../../src/resources/service/table.ts';
import { cloneDatabase } from '../support/database.ts';
import { size } from '../support/size.ts';
import { insertWorld } from './insert-world.ts';
import { matches } from './naive.ts';
import { type World, worlds } from './worlds.ts';

const { root } = await cloneDatabase();
const dialect = new PgDialect();

/** The IDs of the services that the compiled filter selects. */
async function selected({ organizationId, filters }: World, filter: FilterWithPredicates): Promise<string[]> {
  const where = and(eq(services.organizationId, organizationId), compileFilter(filter, filters));
  const { sql, params } = dialect.sqlToQuery(where as never);
  const rows = await root.unsafe(`select id from services where ${sql} order by id`, params as never[]);
  return rows.map(({ id }) => id);
}

test('a compiled filter selects the services that match it one by one', async () => {
  let [found, skipped] = [0, 0];
  await fc.assert(
    fc.asyncProperty(worlds, async (world) => {
      await insertWorld(root, world);
      for (const filter of world.filters.values()) {
        const expected = world.services.filter((service) => matches(world, filter, service)).map(({ id }) => id);
        expect(await selected(world, filter), JSON.stringify(filter)).toEqual(expected.toSorted());
        found += expected.length;
        skipped += world.services.length - expected.length;
      }
    }),
    { numRuns: size(25, 500) },
  );
  expect(Math.min(found, skipped)).toBeGreaterThan(100);
});
