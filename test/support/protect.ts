import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { getTableName, is } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import { protectTable } from './protect-table.ts';

/** Adds `ambit.protect` to the newest migration for each tenant table that no migration protects. */
export async function protectNewTables(): Promise<void> {
  const migrations = globSync('migrations/*.sql').sort();
  const sql = migrations.map((file) => readFileSync(file, 'utf8')).join('\n');
  const missing = (await tenantTables()).filter((name) => !sql.includes(`ambit.protect('${name}')`));
  const newest = migrations.at(-1);
  if (!newest || missing.length === 0) return;
  writeFileSync(newest, missing.reduce(protectTable, readFileSync(newest, 'utf8')));
}

/** Names of the tables whose primary key begins with the organization. A directory has another key. */
async function tenantTables(): Promise<string[]> {
  const modules = await Promise.all(globSync('src/**/table.ts').map((file) => import(`../../${file}`)));
  return modules
    .flatMap((module) => Object.values(module))
    .filter((value) => is(value, PgTable))
    .filter(isTenantTable)
    .map(getTableName)
    .sort();
}

function isTenantTable(table: PgTable): boolean {
  const [key] = getTableConfig(table).primaryKeys;
  return key?.columns[0]?.name === 'organization_id';
}
