import type { Api, Json } from './api.ts';

/** The tables of the audit log. Every mutation adds rows, also a refused one. */
export const AUDIT_LOG = ['audit_events', 'audit_event_targets'];

/** The tables of the audit log and of the rate limits. A refused attempt counts as well. */
export const LOG_AND_COUNTERS = [...AUDIT_LOG, 'rate_limits'];

/** All rows of the instance by table, in one statement, to compare two moments. */
export async function allRows(api: Api, except: readonly string[] = []): Promise<Json> {
  const tables = await api.root`select relname as name from pg_class
    where relkind = 'r' and relnamespace = 'public'::regnamespace`;
  const rows = tables
    .filter(({ name }) => !except.includes(name))
    .map(({ name }) => `(select json_agg(t order by t::text) from "${name}" t) as "${name}"`);
  return (await api.root.unsafe(`select ${rows.join(', ')}`))[0];
}
