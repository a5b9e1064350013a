import type { Sql } from 'postgres';
import { inject } from 'vitest';
import { AUDIT_LOG } from './all-rows.ts';
import type { Api } from './api.ts';

/**
 * Keeps a copy of all rows and, by triggers, the names of tables that are written. Returns a function that puts the
 * rows of those tables back and returns their names, but not the log's. On Citus, each node keeps its own shards.
 */
export async function restorer(api: Api): Promise<() => Promise<string[]>> {
  const restores = await Promise.all(api.nodes.map(restorerOf));
  return async () => {
    const changed = (await Promise.all(restores.map((restore) => restore()))).flat();
    return [...new Set(changed)];
  };
}

/** The name of the table of a shard, such as `checks` of `checks_102008`. */
const tableOf = (name: string): string => (inject('engine') === 'citus' ? name.replace(/_\d+$/, '') : name);

/** The tables of a node that contain rows. On Citus, a table that is listed in `pg_dist_partition` has only shards. */
const withRows = (sql: Sql) => sql<{ name: string }[]>`
  select relname as name from pg_class c where relkind = 'r' and relnamespace = 'public'::regnamespace
  ${inject('engine') === 'citus' ? sql`and not exists (select from pg_dist_partition where logicalrelid = c.oid)` : sql``}`;

async function restorerOf(sql: Sql): Promise<() => Promise<string[]>> {
  const tables = (await withRows(sql)).map(({ name }) => name);
  await sql.unsafe(`
    create schema kept;
    create table kept.written (name text primary key);
    create function kept.note() returns trigger language plpgsql security definer as $$
      begin
        insert into kept.written values (tg_table_name) on conflict do nothing;
        return null;
      end $$;
    ${tables.map((name) => `create table kept."${name}" as table public."${name}";`).join('\n')}
    ${tables
      .map(
        (name) =>
          `create trigger note after insert or update or delete on public."${name}" for each statement execute function kept.note();`,
      )
      .join('\n')}`);
  return async () => {
    const written = (await sql`select name from kept.written`).map(({ name }) => name as string);
    const changed = written.map(tableOf).filter((name) => !AUDIT_LOG.includes(name));
    if (changed.length === 0) return [];
    await sql.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      for (const name of written) {
        await tx.unsafe(`delete from public."${name}"`);
        await tx.unsafe(`insert into public."${name}" table kept."${name}"`);
      }
      await tx`delete from kept.written`;
    });
    return changed;
  };
}
