import { decodeId, newId, publicIdOf } from '../../src/lib/ids.ts';
import { organizationUuid } from '../enforcement/support.ts';
import type { Api } from './api.ts';
import { schema } from './introspect.ts';
import type { Rows } from './resource.ts';
import { RESOURCES } from './resources.ts';
import { connectionsOf } from './selection.ts';
import type { Organization } from './world.ts';

export interface InsertedRows {
  organization: Organization;
  /** Public ids of the rows, by type. */
  ids: Record<string, string[]>;
  /** Public ID of the object of this type whose lists have many items. */
  parent(type: string): string;
}

interface Key {
  column: string;
  /** The column of the other table. */
  key: string;
}

/** References from a table of the instance, which has no foreign key to a table of an organization. */
const WITHOUT_FOREIGN_KEY: Record<string, Key> = {
  // A session refers to the user of its member.
  'sessions → principals': { column: 'user_id', key: 'user_id' },
  // They would make evaluations slower.
  'check_results → checks': { column: 'check_id', key: 'id' },
  'check_results → services': { column: 'service_id', key: 'id' },
};

/** Tables that belong to the instance, not to an organization. */
const OF_INSTANCE = ['users'];

/**
 * Rows of every type of the registry in this organization, by SQL: `size` of each. No two refer to the same row of
 * another type, so what is read for one tells nothing about the next; unless references are `repeated`.
 */
export async function insertRows(
  api: Api,
  organization: Organization,
  size: number,
  repeated = false,
): Promise<InsertedRows> {
  const rows = rowsOf(api, organization, size, repeated);
  await api.root`update organizations set plan = 'ENTERPRISE' where slug = ${organization.slug}`;
  const ids: Record<string, string[]> = {};
  const parents: Record<string, string> = {};
  for (const [type, { parent }] of Object.entries(RESOURCES)) {
    ids[type] = (await rows.of(type)).map((uuid) => publicIdOf(type, uuid));
    parents[type] = parent ? publicIdOf(type, await parent(rows)) : (ids[type][0] ?? '');
  }
  for (const { name, node } of connectionsOf(schema)) {
    const [type = ''] = name.split('.');
    if (parents[type] && ids[node.name]) await copyIntoParent(api, parents[type], ids[node.name] ?? []);
  }
  return { organization, ids, parent: (type) => parents[type] ?? '' };
}

function rowsOf(api: Api, organization: Organization, size: number, repeated: boolean): Rows {
  const results = new Map<string, Promise<unknown>>();
  const rows: Rows = {
    ...{ api, organization, size, organizationUuid: organizationUuid(organization) },
    async insert(table, row, count = size) {
      const common = OF_INSTANCE.includes(table) ? {} : { organization_id: rows.organizationUuid };
      const made = Array.from({ length: count }, (_, at) => ({ id: newId(), ...common, ...row(at) }));
      const columns = Object.keys(made[0] ?? {}).join(', ');
      await api.root.unsafe(
        `insert into ${table} (${columns}) select ${columns} from jsonb_populate_recordset(null::${table}, $1::text::jsonb)`,
        [JSON.stringify(made)],
      );
      return made.map(({ id }) => id);
    },
    of: (type) => rows.once(`rows of ${type}`, () => resource(type).rows(rows)),
    refer: async (type) => rows.repeat(await rows.of(type)),
    repeat: (ids) => (repeated ? ids.map((id, at) => (at < size / 2 ? (ids[0] ?? id) : id)) : ids),
    once<T>(key: string, work: () => Promise<T>) {
      if (!results.has(key)) results.set(key, work());
      return results.get(key) as Promise<T>;
    },
  };
  return rows;
}

function resource(type: string) {
  const entry = RESOURCES[type];
  if (!entry) throw new Error(`test/support/resources.ts has no entry ${type}`);
  return entry;
}

/** Copies these rows into the lists of one parent if it has fewer, except rows of that parent. The rows themselves do not change. */
async function copyIntoParent(api: Api, parent: string, children: string[]): Promise<void> {
  const uuids = children.map((id) => decodeId(id)?.uuid ?? '');
  const [table, target] = [await tableOf(api, uuids[0] ?? ''), await tableOf(api, decodeId(parent)?.uuid ?? '')];
  const [foreignKey] = await api.root`
    select a.attname as column, b.attname as key from pg_constraint f
    join pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[2]
    join pg_attribute b on b.attrelid = f.confrelid and b.attnum = f.confkey[2]
    where f.contype = 'f' and f.conrelid = ${table}::regclass and f.confrelid = ${target}::regclass`;
  const { column, key: name } = (foreignKey ?? WITHOUT_FOREIGN_KEY[`${table} → ${target}`] ?? {}) as Partial<Key>;
  if (!column) return;
  const [row] = await api.root.unsafe(`select ${name} as value from ${target} where id = '${decodeId(parent)?.uuid}'`);
  const inParent = `${column} = '${row?.['value']}'`;
  const [{ count } = { count: 0 }] = await api.root.unsafe(`select count(*)::int from ${table} where ${inParent}`);
  if (count >= children.length) return;
  const columns = await api.root`
    select column_name as name from information_schema.columns
    where table_schema = 'public' and table_name = ${table} and column_name in ('name', 'alias', 'slug', 'key', 'hash', 'previous_hash')`;
  const copied = columns.map(({ name }) => `'${name}', t.${name} || '-copy-${parent}'`);
  await api.root.unsafe(
    `insert into ${table} select (jsonb_populate_record(null::${table}, to_jsonb(t) || jsonb_build_object(
       ${["'id'", 'gen_random_uuid()', `'${column}'`, `'${row?.['value']}'::text`, ...copied].join(', ')}))).*
     from ${table} t where t.id = any ($1) and t.${column}::text is distinct from $2`,
    [uuids, row?.['value']],
  );
}

/** The table that has a row with this id. */
export async function tableOf(api: Api, id: string): Promise<string> {
  const tables = await api.root`
    select table_name as name from information_schema.columns where table_schema = 'public' and column_name = 'id'`;
  const searches = tables.map(({ name }) => `select '${name}' as name from "${name}" where id::text = '${id}'`);
  return (await api.root.unsafe(searches.join(' union all ')))[0]?.['name'];
}
