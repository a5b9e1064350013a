import { expect, test } from 'vitest';
import { createPreparedStatements } from '../../src/planner/prepared-statements.ts';
import { organizationUuid, withBinding } from '../enforcement/support.ts';
import { size } from '../support/size.ts';
import { recordWire } from '../support/wire.ts';
import { createOrganization } from '../support/world.ts';
import { askBothWays, startTwoWays } from './two-ways.ts';

const ways = await startTwoWays({ pool: 2 });
const { api } = ways;
const wire = recordWire(api.url);
api.hooks.dial = wire.dial;
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const [uuid, others] = [organizationUuid(acme), organizationUuid(globex)];

const QUERIES = [
  '{ categories { totalCount nodes { id name checks(first: 2) { totalCount nodes { id } } } } }',
  '{ levels(filter: { search: "Bronze" }) { nodes { name } } tier(alias: "tier_1") { name } }',
  '{ levels(first: 1) { nodes { index checks { nodes { owner { id } } } } } lifecycles(last: 1) { edges { cursor node { name } } } }',
];

/** The statements of the planned answer, without BEGIN, the binding and the lookup of the credential. */
async function statementsOf(query: string): Promise<typeof wire.sent> {
  const { isPlanned } = await askBothWays(ways, acme.owner, query);
  expect([query, isPlanned]).toEqual([query, true]);
  wire.sent.length = 0;
  await api.as(acme.owner.token).query(query);
  return wire.sent.filter(({ text }) => /"(categories|levels|tiers|rubrics|lifecycles)"/.test(text));
}

test('each planned statement has the ID of the organization as a parameter, and no ID in its text', async () => {
  for (const query of QUERIES) {
    const statements = await statementsOf(query);
    expect(statements.length).toBeGreaterThan(0);
    for (const { text, params } of statements) {
      expect(params).toContain(uuid);
      expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-|Bronze|tier_1/);
    }
  }
});

test('row-level security hides all rows from a planned statement that is not bound to their organization', async () => {
  for (const query of QUERIES)
    for (const { text, params } of await statementsOf(query)) {
      const run = async (organization: string, asked = uuid): Promise<string> => {
        const given = params.map((param) => (param === uuid ? asked : param));
        return JSON.stringify(
          await withBinding(api, { organization }, (tx) => tx.unsafe(text, given as string[]).values()),
        );
      };
      const nothing = await run('');
      expect(await run(uuid)).not.toBe(nothing);
      expect(await run(others)).toBe(nothing);
      expect(await run(uuid, others)).toBe(nothing);
    }
});

test('thousands of different documents leave few prepared statements on a connection', async () => {
  const FIELDS = ['id', 'name', 'alias', 'description', 'viewerPermissions', 'index', '__typename'];
  const count = size(40, 3_000);
  const before = ways.counts.planned;
  const documents = Array.from({ length: count }, (_, at) => {
    const chosen = FIELDS.filter((_field, bit) => (at >> bit) & 1);
    const list = ['levels', 'tiers', 'lifecycles'][at % 3];
    return `{ k${at}: ${list}(${at % 2 ? 'first' : 'last'}: ${at % 7}) { ${at % 5 ? 'totalCount' : ''} nodes { id ${chosen.join(' ')} } } }`;
  });
  const by = api.as(acme.owner.token);
  for (const document of documents)
    for (const _time of [1, 2, 3, 4]) expect((await by.query(document)).errors).toBeUndefined();
  // The first execution of a document parses it.
  expect(ways.counts.planned - before).toBe(3 * count);
  expect(wire.maxPrepared()).toBeLessThan(400);
});

test('a text is prepared when it is sent repeatedly, and connections with many texts are replaced', () => {
  let sinceRenewal = 0;
  const counts: number[] = [];
  const prepared = createPreparedStatements(() => {
    counts.push(sinceRenewal);
    sinceRenewal = 0;
  });
  for (let at = 0; at < 5_000; at += 1) {
    const isPrepared = [1, 2, 3, 4].map(() => prepared.use(`select ${at}`));
    expect(isPrepared).toEqual([false, false, true, true]);
    sinceRenewal += 1;
  }
  expect(counts.length).toBeGreaterThan(10);
  expect(Math.max(...counts)).toBeLessThanOrEqual(301);
});

test('a text that is sent again stays prepared while others come and go', () => {
  const prepared = createPreparedStatements(() => undefined);
  const isFrequentPrepared: boolean[] = [];
  for (let at = 0; at < 2_000; at += 1) {
    for (const _time of [1, 2, 3]) prepared.use(`select ${at}`);
    isFrequentPrepared.push(prepared.use('select frequent'));
  }
  expect(isFrequentPrepared.slice(3)).not.toContain(false);
});
