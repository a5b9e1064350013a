import type { Sql } from 'postgres';
import { toPublicId } from '../../src/lib/ids.ts';
import type { Sent } from './load.ts';

/** Differences between the database and the responses. Each list contains request ids. */
export interface Balance {
  /** Acknowledged, but not stored. */
  lost: string[];
  /** Stored more than once, or with more than one audit event. */
  doubled: string[];
  /** A row without its audit event, or an audit event without its row. */
  half: string[];
  /** Reported as failed, but stored. */
  denied: string[];
}

interface Row {
  id: string;
  /** The request that wrote it. */
  request: string;
}
interface Event {
  request: string;
  action: string;
  outcome: string;
  target: string | null;
}
interface Stored {
  created: Map<string, Row[]>;
  events: Map<string, Event[]>;
  /** The request that wrote the text of each category, by public id. */
  descriptions: Map<string, string>;
}

type State = 'acknowledged' | 'denied' | 'unknown';

/** The state of a mutation according to its response. */
function stateOf({ isOk, reply, codes }: Sent): State {
  if (isOk) return 'acknowledged';
  if (reply.failed) return reply.failed === 'refused' ? 'denied' : 'unknown';
  return codes.some((code) => code === 'OUTCOME_UNKNOWN' || code === 'INTERNAL' || code.startsWith('status'))
    ? 'unknown'
    : 'denied';
}

/** Compares the responses to the mutations of one load with the database. */
export async function balance(sql: Sql, tag: string, sent: readonly Sent[]): Promise<Balance> {
  const stored = await readStored(sql, `%.${tag}.%`);
  const writes = sent.filter(({ action }) => action !== null);
  const result: Balance = { lost: [], doubled: [], half: [], denied: [] };
  for (const write of writes) {
    const fault = write.action === 'updateCategory' ? checkUpdate(write, stored) : checkCreate(write, stored);
    if (fault) result[fault].push(write.id);
  }
  const known = new Set(writes.map(({ id }) => id));
  result.half.push(...[...stored.created.keys(), ...stored.events.keys()].filter((id) => !known.has(id)));
  result.lost.push(...lostUpdates(writes, stored));
  return result;
}

function checkCreate(write: Sent, { created, events }: Stored): keyof Balance | null {
  const rows = created.get(write.id) ?? [];
  const all = events.get(write.id) ?? [];
  const allowed = all.filter(({ outcome }) => outcome === 'ALLOWED');
  if (rows.length > 1 || all.length > 1) return 'doubled';
  if (rows.length !== allowed.length || (rows[0] && rows[0].id !== allowed[0]?.target)) return 'half';
  return against(stateOf(write), rows.length);
}

function checkUpdate(write: Sent, { events }: Stored): keyof Balance | null {
  const all = events.get(write.id) ?? [];
  const allowed = all.filter(({ outcome }) => outcome === 'ALLOWED');
  if (all.length > 1) return 'doubled';
  if (allowed[0] && allowed[0].target !== write.target) return 'half';
  return against(stateOf(write), allowed.length);
}

function against(state: State, count: number): keyof Balance | null {
  if (state === 'acknowledged' && count === 0) return 'lost';
  return state === 'denied' && count > 0 ? 'denied' : null;
}

/** A category must contain the last acknowledged update, or one with an unknown outcome. */
function lostUpdates(writes: Sent[], { events, descriptions }: Stored): string[] {
  const updates = Map.groupBy(
    writes.filter(({ action }) => action === 'updateCategory'),
    ({ target }) => target,
  );
  return [...updates].flatMap(([target, all]) => {
    const last = all.findLast((write) => stateOf(write) === 'acknowledged');
    const held = descriptions.get(target);
    if (held === undefined) return last ? [last.id] : [];
    const isUnknown = all.some((write) => write.id === held && stateOf(write) === 'unknown');
    const hasEvent = events.get(held)?.some(({ outcome }) => outcome === 'ALLOWED');
    return hasEvent && (held === last?.id || isUnknown) ? [] : [held];
  });
}

async function readStored(sql: Sql, like: string): Promise<Stored> {
  const categories = await sql<Row[]>`select id, name as request from categories where name like ${like}`;
  const checks = await sql<Row[]>`select id, name as request from checks where name like ${like}`;
  const updated = await sql<Row[]>`select id, description as request from categories where description like ${like}`;
  const events = await sql<Event[]>`
    select request_id as request, action, outcome, target_id as target from audit_events where request_id like ${like}`;
  const rows = [
    ...categories.map((row) => ({ ...row, id: toPublicId('cat', row.id) })),
    ...checks.map((row) => ({ ...row, id: toPublicId('chk', row.id) })),
  ];
  return {
    created: Map.groupBy(rows, ({ request }) => request),
    events: Map.groupBy(events, ({ request }) => request),
    descriptions: new Map(updated.map(({ id, request }) => [toPublicId('cat', id), request])),
  };
}
