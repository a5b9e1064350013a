import { AUDIT_LOG } from './all-rows.ts';
import type { Api } from './api.ts';

/**
 * Keeps a copy of all rows and, by triggers, the names of tables that are written. Returns a function that puts the
 * rows of those tables back and returns their names, but not the log's.
 */
export async function restorer(api: Api): Promise<() => Promise<string[]>> {
  const rows = await api.root`select tablename as name from pg_tables where schemaname = 'public'`;
  const tables = rows.map(({ name }) => name as string);
  await api.root.unsafe(`
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
    const written = (await api.root`select name from kept.written`).map(({ name }) => name as string);
    const changed = written.filter((name) => !AUDIT_LOG.includes(name));
    if (changed.length === 0) return [];
    await api.root.begin(async (tx) => {
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
