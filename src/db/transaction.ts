import { setTimeout as sleep } from 'node:timers/promises';
import type { Sql } from 'postgres';
import { type Db, drizzleOn } from './client.ts';

/** What a transaction may see: the rows of one organization, and those of the user alone. */
export interface Binding {
  organizationId: string | null;
  userId: string | null;
}

export type Mode = 'read only' | 'read write';

export interface Transaction {
  readonly db: Db;
  readonly mode: Mode;
  /** Goes on in another organization: only to write the audit event of who came from there. */
  rebind(organizationId: string): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

// A response that reads in several statements is one snapshot only from REPEATABLE READ on.
const BEGIN = {
  'read only': 'begin isolation level repeatable read read only',
  'read write': 'begin',
} as const;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A message of several statements takes no parameters; nothing but an id becomes a literal. */
function literal(id: string | null): string {
  if (id !== null && !UUID.test(id)) throw new Error('a transaction is bound to uuids');
  return `'${id ?? ''}'`;
}

/** The binding is a query, no `set local`: after the first one Postgres lets nobody make the transaction read-write. */
const opening = ({ organizationId, userId }: Binding, mode: Mode): string =>
  `${BEGIN[mode]};select set_config('ambit.organization_id',${literal(organizationId)},true),set_config('ambit.user_id',${literal(userId)},true)`;

interface Gate {
  free: number;
  /** Who waits for a connection. */
  waiting: (() => void)[];
  /** Who waits for the last transaction to end. */
  whenEmpty: (() => void)[];
}

/** Who may hold a connection. Of each pool, so it lives and dies with the pool. */
const gates = new WeakMap<Sql, Gate>();

const places = (sql: Sql): number => Math.max(sql.options.max - 1, 1);

/**
 * Transactions leave one connection of the pool to single statements: a request that counts a try or looks up a
 * credential while it holds a transaction would else wait for others that wait for it. Gives the way to leave.
 */
async function enter(sql: Sql): Promise<() => void> {
  const gate = gates.get(sql) ?? { free: places(sql), waiting: [], whenEmpty: [] };
  gates.set(sql, gate);
  if (gate.free > 0) gate.free -= 1;
  else await new Promise<void>((next) => gate.waiting.push(next));
  return () => {
    const next = gate.waiting.shift();
    if (next) return next();
    gate.free += 1;
    if (gate.free === places(sql)) for (const tell of gate.whenEmpty.splice(0)) tell();
  };
}

/** Ends the pool after its transactions: nobody waits for the commit of what has only read. */
export async function disconnect(sql: Sql, timeout = 5): Promise<void> {
  const gate = gates.get(sql);
  const empty =
    gate && gate.free < places(sql)
      ? new Promise<void>((done) => {
          gate.whenEmpty.push(done);
        })
      : undefined;
  await Promise.race([empty, sleep(timeout * 1_000, undefined, { ref: false })]);
  await sql.end({ timeout });
}

/**
 * Opens a transaction that is bound before its first query. BEGIN and the binding are sent without waiting for their
 * answer, so they share a round trip with the first query; if one of them fails, that query fails too.
 */
export async function openTransaction(sql: Sql, binding: Binding, mode: Mode): Promise<Transaction> {
  const begin = opening(binding, mode);
  const leave = await enter(sql);
  const connection = await sql.reserve().catch((error: unknown) => {
    leave();
    throw error;
  });
  const begun = connection.unsafe(begin).execute();
  begun.catch(() => undefined);
  let ending: Promise<void> | undefined;
  const end = (statement: 'commit' | 'rollback'): Promise<void> => {
    ending ??= begun
      .then(() => connection.unsafe(statement))
      .then((result) => {
        // COMMIT of an aborted transaction succeeds, and rolls back.
        if (statement === 'commit' && result.command !== 'COMMIT') throw new Error('the transaction was rolled back');
      })
      .finally(() => {
        connection.release();
        leave();
      });
    return ending;
  };
  let bound = binding.organizationId;
  const rebind = async (organizationId: string): Promise<void> => {
    if (organizationId !== bound) await connection`select set_config('ambit.organization_id', ${organizationId}, true)`;
    bound = organizationId;
  };
  return { db: drizzleOn(connection), mode, rebind, commit: () => end('commit'), rollback: () => end('rollback') };
}

/** Runs `work` in one bound transaction: committed when it returns, rolled back when it throws. */
export async function inTransaction<T>(sql: Sql, binding: Binding, work: (db: Db) => Promise<T>): Promise<T> {
  const transaction = await openTransaction(sql, binding, 'read write');
  try {
    const result = await work(transaction.db);
    await transaction.commit();
    return result;
  } catch (error) {
    await transaction.rollback().catch(() => undefined);
    throw error;
  }
}
