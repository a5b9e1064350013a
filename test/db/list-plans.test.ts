import { getTableName } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { RESOURCES } from '../../src/graphql/resource.ts';
import { newId, toPublicId } from '../../src/lib/ids.ts';
import { type Json, startApi } from '../support/api.ts';
import { insertRows } from '../support/rows.ts';
import { createOrganization, queryData } from '../support/world.ts';

/** Lists and searches of declared resources must use an index that begins with the organization. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
await insertRows(api, acme, 20);
await insertRows(api, await createOrganization(api, 'globex'), 2_000);
await api.root`analyze`;

/** Filters of the audit log. A filter of several actions or outcomes is found in the order of time. */
const UNKNOWN = { usr: newId(), mem: newId(), tok: newId(), cat: newId() };
const AUDIT_FILTERS = [
  ...Object.entries(UNKNOWN).map(
    ([prefix, id]) => `${{ tok: 'credentialId', cat: 'targetId' }[prefix] ?? 'actorId'}: "${toPublicId(prefix, id)}"`,
  ),
  ...['action: "x"', 'permission: "check:read"', 'outcome: REFUSED', 'requestId: "x"'],
  ...['since: "2026-01-01T00:00:00Z"', 'until: "2026-01-01T00:00:00Z"'],
];

const constantOf = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

const LISTS = RESOURCES.flatMap(({ declaration: { plural, order, filter = {} } }) => [
  ...order.flatMap((key) => (order.length > 1 ? [`${plural}(orderBy: { field: ${constantOf(key)} })`] : [plural])),
  ...('search' in filter ? [`${plural}(filter: { search: "er 1" })`] : []),
]);

/** Statements that read this table while the list is requested. */
async function readsOf(list: string, table: string): Promise<string[]> {
  const statements: string[] = [];
  api.hooks.onStatement = (text) => statements.push(text);
  await queryData(acme.owner, `{ ${list} { totalCount nodes { id } } }`);
  delete api.hooks.onStatement;
  const reads = statements.filter((text) => text.startsWith('select') && text.includes(`from "${table}"`));
  expect(reads.length).toBeGreaterThan(0);
  return reads;
}

/** The plan for the runtime role, without reading whole tables: that looks cheap if there are few organizations. */
const planOf = (text: string): Promise<Json> =>
  api.root.begin(async (sql) => {
    await sql`set local role ambit_runtime`;
    await sql`set local enable_seqscan = off`;
    return (await sql.unsafe(`explain (generic_plan, format json) ${text}`))[0]?.['QUERY PLAN'][0].Plan;
  });

/** The conditions on the indexes of a scan. A bitmap scan combines several. */
const conditionsOf = (plan: Json): string[] => [
  plan['Index Cond'] ?? '',
  ...(plan['Plans'] ?? []).filter((node: Json) => node['Node Type'].startsWith('Bitmap')).flatMap(conditionsOf),
];

/** The scans of a plan, with what they look up in their index. */
function scansOf(plan: Json): { table: string; condition: string }[] {
  const children: Json[] = plan['Plans'] ?? [];
  const condition = conditionsOf(plan).join(' ');
  const own = plan['Relation Name'] ? [{ table: plan['Relation Name'], condition }] : [];
  return [...own, ...children.flatMap(scansOf)];
}

test.each(LISTS)('%s', async (list) => {
  const name = list.replace(/\(.*$/, '');
  const { table } = RESOURCES.find(({ declaration }) => declaration.plural === name) as (typeof RESOURCES)[number];
  for (const text of await readsOf(list, getTableName(table))) {
    const scans = scansOf(await planOf(text));
    expect(scans.length).toBeGreaterThan(0);
    for (const { table, condition } of scans) expect(`${table}: ${condition}`).toContain('organization_id');
  }
});

test('services by their level in a scorecard', async () => {
  const [organization = {}] = await api.root`select id from organizations where slug = 'acme'`;
  const idsIn = async (table: string): Promise<string[]> =>
    (await api.root`select id from ${api.root(table)} where organization_id = ${organization['id']}`).map(
      ({ id }) => id,
    );
  const [services = [], scorecards = [], levels = []] = await Promise.all(
    ['services', 'scorecards', 'levels'].map(idsIn),
  );
  const rows = services.flatMap((service_id) =>
    scorecards.map((scorecard_id, at) => ({
      ...{ organization_id: organization['id'], id: newId(), service_id, scorecard_id },
      level_id: levels[at % levels.length] ?? '',
    })),
  );
  await api.root`insert into scorecard_levels ${api.root(rows)} on conflict do nothing`;
  await api.root`analyze scorecard_levels`;
  const [scorecard, level] = ['sco', 'lvl'].map((prefix) => toPublicId(prefix, newId()));
  const filter = `scorecardLevel: { scorecard: { id: "${scorecard}" }, level: { id: "${level}" } }`;
  for (const text of await readsOf(`services(filter: { ${filter} })`, 'services')) {
    const scans = scansOf(await planOf(text));
    const ofLevels = scans.filter(({ table }) => table === 'scorecard_levels');
    expect(ofLevels.map(({ condition }) => condition)).toEqual([
      expect.stringMatching(/organization_id.*scorecard_id.*level_id/),
    ]);
    for (const { table, condition } of scans) expect(`${table}: ${condition}`).toContain('organization_id');
  }
});

/** The key of each index that a filter uses, after the organization. */
const KEYS: Record<string, string> = {
  actorId: '(user|principal)_id',
  credentialId: 'credential_id',
  targetId: 'target_id',
  action: 'action',
  permission: 'permission',
  outcome: 'outcome',
  requestId: 'request_id',
  since: 'id >=',
  until: 'id <',
};

test.each(AUDIT_FILTERS)('auditEvents(filter: { %s })', async (filter) => {
  const key = new RegExp(`organization_id.*${KEYS[filter.split(':')[0] ?? '']}`);
  for (const text of await readsOf(`auditEvents(filter: { ${filter} })`, 'audit_events')) {
    const scans = scansOf(await planOf(text));
    expect(scans.map(({ condition }) => condition).join('\n')).toMatch(key);
    for (const { table, condition } of scans) expect(`${table}: ${condition}`).toContain('organization_id');
  }
});
