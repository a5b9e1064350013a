import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { getTableColumns, getTableName, is } from 'drizzle-orm';
import { PgTable } from 'drizzle-orm/pg-core';

/** Appends `ambit.protect` to the newest migration for each tenant table that no migration protects. */
export async function protectNewTables(): Promise<void> {
  const migrations = globSync('migrations/*.sql').sort();
  const sql = migrations.map((file) => readFileSync(file, 'utf8')).join('\n');
  const missing = (await tenantTables()).filter((name) => !sql.includes(`ambit.protect('${name}')`));
  const newest = migrations.at(-1);
  if (!newest || missing.length === 0) return;
  const calls = missing.map((name) => `--> statement-breakpoint\nCALL ambit.protect('${name}');`);
  writeFileSync(newest, `${readFileSync(newest, 'utf8').trimEnd()}${calls.join('')}\n`);
}

/** Names of the tables whose primary key begins with the organization. */
export async function tenantTables(): Promise<string[]> {
  const modules = await Promise.all(globSync('src/**/table.ts').map((file) => import(`../../${file}`)));
  return modules
    .flatMap((module) => Object.values(module))
    .filter((value) => is(value, PgTable))
    .filter((table) => getTableColumns(table)['organizationId']?.notNull)
    .map(getTableName)
    .sort();
}
