import { newId } from '../../src/lib/ids.ts';
import type { Api } from './api.ts';

interface ForeignKey {
  table: string;
  column: string;
  target: string;
  key: string;
}

/** Values for columns that are required, by type. */
const VALUES: Record<string, unknown> = {
  text: 'example',
  integer: 0,
  jsonb: {},
  'timestamp with time zone': new Date(0),
};

/**
 * Gives an organization rows in each of these tables, and in each foreign key a row with a reference. The mutations do not
 * create all of them.
 */
export async function completeRows(api: Api, organization: string, tables: readonly string[]): Promise<void> {
  const keys = (await api.root`
    select f.conrelid::regclass::text as table, f.confrelid::regclass::text as target,
      a.attname::text as column, b.attname::text as key
    from pg_constraint f
    join pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[2]
    join pg_attribute b on b.attrelid = f.confrelid and b.attnum = f.confkey[2]
    where f.contype = 'f' and f.confrelid::regclass::text = any (${tables})`) as unknown as ForeignKey[];
  for (const table of tables) await addRow(api, organization, table, keys);
  for (const key of keys) await addReference(api, organization, key);
}

async function addRow(api: Api, organization: string, table: string, keys: readonly ForeignKey[]): Promise<void> {
  const [any] = await api.root.unsafe(`select from ${table} where organization_id = '${organization}' limit 1`);
  if (any) return;
  const columns = await api.root`
    select column_name as name, data_type as type from information_schema.columns
    where table_schema = 'public' and table_name = ${table} and is_nullable = 'NO' and column_default is null`;
  const row: Record<string, unknown> = {};
  for (const { name, type } of columns) {
    const key = keys.find((one) => one.table === table && one.column === name);
    row[name] =
      name === 'organization_id'
        ? organization
        : key
          ? (await valuesOf(api, organization, key))[0]
          : type === 'uuid'
            ? newId()
            : VALUES[type];
  }
  await api.root`insert into ${api.root(table)} ${api.root(row)}`;
}

async function addReference(api: Api, organization: string, key: ForeignKey): Promise<void> {
  const { table, column } = key;
  const [row] = await api.root.unsafe(
    `select count(${column})::int as given from ${table} where organization_id = '${organization}'`,
  );
  if (row?.['given'] > 0) return;
  const values = await valuesOf(api, organization, key);
  await api.root.unsafe(
    `update ${table} set ${column} = $1 where organization_id = '${organization}' and id = (
       select id from ${table} where organization_id = '${organization}' and id <> $1 order by id limit 1)`,
    [values[0] ?? null],
  );
}

const valuesOf = async (api: Api, organization: string, { target, key }: ForeignKey): Promise<string[]> =>
  (
    await api.root.unsafe(`select ${key} as value from ${target} where organization_id = '${organization}' order by 1`)
  ).map((row) => row['value'] as string);
