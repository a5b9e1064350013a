import type { Sql } from 'postgres';
import { AmbitError, unavailable } from '../lib/errors.ts';
import { isStorable } from '../lib/storable.ts';
import { type Db, drizzleOn } from './client.ts';
import { cancelSoon, commit, type SentStatements, track } from './commit.ts';
import type { Connection } from './connection.ts';
import type { Pool } from './pool.ts';
import { newWork, type Work } from './work.ts';

/** Whose rows a transaction can access: those of the organization, and the user's own. */
export interface Binding {
  organizationId: string | null;
  userId: string | null;
}

export type Mode = 'read only' | 'read write';

/**
 * A statement that binds the transaction to an organization and a user if its condition is true. It returns one row then,
 * and otherwise none.
 */
export interface BindingCheck {
  readonly text: string;
  /** The same, but it fails if the condition is false, so that COMMIT rolls back. For transactions that write. */
  readonly strictText: string;
  /** Only the condition, for a check outside of a transaction. */
  readonly singleText: string;
  readonly values: readonly (string | null)[];
}

export interface Transaction {
  readonly db: Db;
  readonly mode: Mode;
  /** Whether the check has bound the transaction. Without a check, the transaction is always bound. */
  readonly isBound: Promise<boolean>;
  /** Continues in another organization. Only for the audit event of a user who has switched from there. */
  rebind(organizationId: string): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

// With REPEATABLE READ, all statements of a response read the same snapshot.
const BEGIN = {
  'read only': 'begin isolation level repeatable read read only',
  'read write': 'begin',
} as const;

/** Milliseconds after which the statement of a stopped request is cancelled. */
const CANCEL_AFTER = 100;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Returns an id as an SQL literal, because a message with several statements cannot have parameters. */
function literal(id: string | null): string {
  if (id !== null && !UUID.test(id)) throw new Error('a transaction can only be bound to UUIDs');
  return `'${id ?? ''}'`;
}

/**
 * Returns BEGIN and the binding, if no check binds the transaction. The binding is a query instead of SET LOCAL: after the
 * first query of a transaction, PostgreSQL does not allow a switch to read-write mode.
 */
function beginStatement(binding: Binding | null, mode: Mode, settings: Record<string, string>): string {
  const local = (name: string, value: string): string => `set_config('${name}',${value},true)`;
  const all = [
    ...Object.entries(settings).map(([name, value]) => local(name, value)),
    ...(binding ? [`ambit.bind(${literal(binding.organizationId)},${literal(binding.userId)})`] : []),
  ];
  return all.length > 0 ? `${BEGIN[mode]};select ${all.join(',')}` : BEGIN[mode];
}

/**
 * Whether the driver can encode the value. With any other value, it fails the running statement and assigns later
 * responses to the wrong statements. It still sends the statements that follow, even COMMIT.
 */
function isEncodable(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isEncodable);
  return value === null || ENCODED.has(typeof value);
}
const ENCODED = new Set(['string', 'number', 'boolean', 'bigint']);
const UNSTORABLE = 'A text must not contain NUL characters or halves of surrogate pairs.';

/**
 * Opens a transaction that is bound before its first query. BEGIN and the binding are sent without waiting for their
 * response, so they share a round trip with the first query. If one of them fails, the connection is closed, and the
 * rows that were read are discarded. With a check, the binding is left to it: if its condition is false, nothing is bound,
 * and the statements that were sent after it find no rows.
 */
export async function openTransaction(
  pool: Pool,
  binding: Binding,
  mode: Mode,
  work: Work = newWork(),
  check?: BindingCheck,
): Promise<Transaction> {
  const begin = beginStatement(check ? null : binding, mode, pool.settings);
  const organization = binding.organizationId ?? '';
  let connection = await pool.acquire(organization, work);
  // The connection may have been lost after the pool assigned it.
  while (connection.lost) {
    pool.release(organization, connection);
    connection = await pool.acquire(organization, work);
  }
  work.connection = connection;
  const begun = connection.send(connection.unfinished ? `${connection.unfinished};${begin}` : begin, []).execute();
  // Without BEGIN, the statements that were sent after it run without the binding and find no rows.
  let unbound: AmbitError | undefined;
  begun.then(undefined, () => {
    if (!connection.lost) unbound = unavailable();
    connection.destroy('UNBOUND');
  });
  const sent: SentStatements = { pending: 0, hasFailed: false };
  let hasEnded = false;
  const cancel = (): void => cancelSoon(connection, CANCEL_AFTER);
  work.onStop.add(cancel);
  // Another request uses the connection afterwards, so this transaction must send nothing after its end.
  const send = ((text: string, values: never[], options: object) => {
    if (work.stopped) throw work.stopped;
    if (hasEnded) throw new Error('the transaction has ended');
    if (!values.every(isEncodable)) throw new Error('a value cannot be sent to the database');
    // PostgreSQL would abort the transaction, and with it the other fields of the response.
    if (!values.every(isStorable)) throw new AmbitError('BAD_REQUEST', UNSTORABLE);
    work.statements += 1;
    const query = track(sent, connection.send(text, values, options));
    work.tracer?.addStatement(text, query);
    return query;
  }) as Sql['unsafe'];
  const isBound = check ? runCheck(send, check, mode) : BOUND;
  let bound = binding.organizationId;
  const rebind = async (organizationId: string): Promise<void> => {
    if (organizationId !== bound)
      await send('select ambit.bind($1, $2)', [organizationId, binding.userId] as never[], { prepare: true });
    bound = organizationId;
  };
  let ending: Promise<void> | undefined;
  const end = (statement: 'commit' | 'rollback'): Promise<void> => {
    if (!ending) pool.totals.transactions[mode][statement] += 1;
    ending ??= finish(connection, mode, begun, statement, work, sent).finally(() =>
      pool.release(organization, connection),
    );
    hasEnded = true;
    work.onStop.delete(cancel);
    return ending;
  };
  const db = drizzleOn({ unsafe: send } as Sql, connection.isInCluster);
  return {
    db,
    mode,
    isBound,
    rebind,
    commit: async () => {
      await end('commit').catch((error: unknown) => {
        throw unbound ?? error;
      });
      if (unbound) throw unbound;
    },
    rollback: () => end('rollback'),
  };
}

const BOUND = Promise.resolve(true);

/** Sends the check before it returns. The mode is that of its transaction, or null without one. */
export function runCheck(send: Sql['unsafe'], check: BindingCheck, mode: Mode | null = null): Promise<boolean> {
  // A stopped request throws in `send`. Its transaction must still be returned, so that somebody ends it.
  const run = async (): Promise<boolean> =>
    (await send(textFor(check, mode), check.values as never[], { prepare: true }).execute()).length > 0;
  const isBound = run();
  // It is awaited at the end of the operation. Until then a rejection would count as unhandled.
  isBound.catch(() => undefined);
  return isBound;
}

function textFor({ text, strictText, singleText }: BindingCheck, mode: Mode | null): string {
  if (mode === null) return singleText;
  return mode === 'read only' ? text : strictText;
}

async function finish(
  connection: Connection,
  mode: Mode,
  begun: PromiseLike<unknown>,
  statement: 'commit' | 'rollback',
  work: Work,
  sent: SentStatements,
): Promise<void> {
  // The next transaction on this connection sends the COMMIT of a read-only transaction together with its BEGIN.
  connection.unfinished = mode === 'read only' ? 'commit' : null;
  if (connection.unfinished) return;
  try {
    if (statement === 'commit') await commit(connection, work, sent);
    else {
      await begun;
      await connection.send('rollback');
    }
  } catch (error) {
    // The transaction may still be open and aborted.
    connection.unfinished = 'rollback';
    throw error;
  }
}

/** Calls `run` in a bound transaction. Commits when it returns, and rolls back when it throws. */
export async function inTransaction<T>(
  pool: Pool,
  binding: Binding,
  run: (db: Db) => Promise<T>,
  mode: Mode = 'read write',
  work?: Work,
): Promise<T> {
  const transaction = await openTransaction(pool, binding, mode, work);
  try {
    const result = await run(transaction.db);
    await transaction.commit();
    return result;
  } catch (error) {
    await transaction.rollback().catch(() => undefined);
    throw error;
  }
}
