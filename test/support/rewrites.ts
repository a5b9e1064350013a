import { readFileSync } from 'node:fs';
import type { Sql, TransactionSql } from 'postgres';

export interface Migration {
  name: string;
  /** The time by which the migrator knows it. */
  when: number;
  statements: string[];
}

/** The migrations of the project, in order. */
export const MIGRATIONS: Migration[] = JSON.parse(readFileSync('migrations/meta/_journal.json', 'utf8')).entries.map(
  ({ tag, when }: { tag: string; when: number }) => ({
    ...{ name: tag, when },
    statements: readFileSync(`migrations/${tag}.sql`, 'utf8').split('--> statement-breakpoint'),
  }),
);

const ADVICE =
  'A transaction whose snapshot is older than a rewrite sees an empty table. Instead, add a column, backfill it and use it in the code; see CONTRIBUTING.md.';

/**
 * The data file of each table by the table's name, so that a table that is dropped and created again counts as
 * rewritten.
 */
async function filesOf(sql: Sql | TransactionSql): Promise<Map<string, string>> {
  const rows = await sql<{ name: string; file: string }[]>`
    select c.oid::regclass::text as name, pg_relation_filenode(c.oid)::text as file
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'drizzle')`;
  return new Map(rows.map(({ name, file }) => [name, file]));
}

/**
 * Applies the migrations one by one, and returns a line for each table that existed before a migration and was
 * rewritten by it. PostgreSQL writes a rewritten table to a new file, even if the table is empty.
 */
export async function rewritesOf(
  sql: Sql,
  migrations: readonly Pick<Migration, 'name' | 'statements'>[],
): Promise<string[]> {
  const found: string[] = [];
  for (const { name, statements } of migrations) {
    const before = await filesOf(sql);
    await sql.begin(async (tx) => {
      for (const statement of statements) await tx.unsafe(statement);
    });
    const after = await filesOf(sql);
    for (const [table, file] of before)
      if (after.has(table) && after.get(table) !== file) found.push(`${name} rewrites ${table}. ${ADVICE}`);
  }
  return found;
}
