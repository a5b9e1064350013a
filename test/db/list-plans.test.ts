import { expect, test } from 'vitest';
import { RESOURCES } from '../../src/graphql/resource.ts';
import { type Json, startApi } from '../support/api.ts';
import { insertRows } from '../support/rows.ts';
import { ask, found } from '../support/world.ts';

/** Lists and searches of declared resources must use an index that begins with the organization. */
const api = await startApi();
const acme = await found(api, 'acme');
await insertRows(api, acme, 20);
await insertRows(api, await found(api, 'globex'), 2_000);
await api.root`analyze`;

const constantOf = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

const LISTS = RESOURCES.flatMap(({ declaration: { plural, order, filter = {} } }) => [
  ...order.flatMap((key) => (order.length > 1 ? [`${plural}(orderBy: { field: ${constantOf(key)} })`] : [plural])),
  ...('search' in filter ? [`${plural}(filter: { search: "er 1" })`] : []),
]);

/** The scans of a plan, with what they look up in their index. */
function scansOf(plan: Json): { table: string; condition: string }[] {
  const children: Json[] = plan['Plans'] ?? [];
  const condition = [plan, ...children].map((node) => node['Index Cond'] ?? '').join(' ');
  const own = plan['Relation Name'] ? [{ table: plan['Relation Name'], condition }] : [];
  return [...own, ...children.flatMap(scansOf)];
}

test.each(LISTS)('%s', async (list) => {
  const statements: string[] = [];
  api.hooks.onStatement = (text) => statements.push(text);
  await ask(acme.owner, `{ ${list} { totalCount nodes { id } } }`);
  delete api.hooks.onStatement;
  const { plural } = RESOURCES.find(({ declaration }) => list.startsWith(declaration.plural))?.declaration ?? {};
  const reads = statements.filter((text) => text.startsWith('select') && text.includes(`from "${plural}"`));
  expect(reads.length).toBeGreaterThan(0);
  for (const text of reads) {
    const plan = await api.root.begin(async (sql) => {
      await sql`set local role ambit_runtime`;
      // Few organizations make reading the whole table look cheap. An index that begins with the organization must exist.
      await sql`set local enable_seqscan = off`;
      return (await sql.unsafe(`explain (generic_plan, format json) ${text}`))[0]?.['QUERY PLAN'][0].Plan;
    });
    const scans = scansOf(plan);
    expect(scans.length).toBeGreaterThan(0);
    for (const { table, condition } of scans) expect(`${table}: ${condition}`).toContain('organization_id');
  }
});
