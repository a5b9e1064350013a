import type { Sql } from 'postgres';
import { type Db, drizzleOn } from './client.ts';
import { borrow, giveBack, type Lent } from './lending.ts';

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

/**
 * What the driver cannot encode it notices late: it fails the statement that is under way instead, loses count of the
 * answers, and sends what follows, even a commit, as if nothing were wrong. So it is given nothing of that kind.
 */
function isEncodable(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isEncodable);
  return value === null || ENCODED.has(typeof value);
}
const ENCODED = new Set(['string', 'number', 'boolean', 'bigint']);

/**
 * Opens a transaction that is bound before its first query. BEGIN and the binding are sent without waiting for their
 * answer, so they share a round trip with the first query; if one of them fails, that query fails too.
 */
export async function openTransaction(sql: Sql, binding: Binding, mode: Mode): Promise<Transaction> {
  const begin = opening(binding, mode);
  const lent = await borrow(sql);
  const begun = lent.begin(lent.open ? `commit;${begin}` : begin);
  begun.then(undefined, () => undefined);
  let over = false;
  // The connection goes on to somebody else: nothing of this transaction may reach it then.
  const mine = ((text: string, values: never[], options: object) => {
    if (over) throw new Error('the transaction has ended');
    if (!values.every(isEncodable)) throw new Error('a value cannot be sent to the database');
    return lent.send(text, values, options);
  }) as Sql['unsafe'];
  let bound = binding.organizationId;
  const rebind = async (organizationId: string): Promise<void> => {
    if (organizationId !== bound)
      await lent.send("select set_config('ambit.organization_id', $1, true)", [organizationId], { prepare: true });
    bound = organizationId;
  };
  let ending: Promise<void> | undefined;
  const end = (statement: 'commit' | 'rollback'): Promise<void> => {
    ending ??= finish(sql, lent, mode, begun, statement);
    over = true;
    return ending;
  };
  const db = drizzleOn({ unsafe: mine } as Sql);
  return { db, mode, rebind, commit: () => end('commit'), rollback: () => end('rollback') };
}

async function finish(
  sql: Sql,
  lent: Lent,
  mode: Mode,
  begun: PromiseLike<unknown>,
  statement: 'commit' | 'rollback',
): Promise<void> {
  // What has only read is ended by who borrows the connection next.
  lent.open = mode === 'read only';
  try {
    if (lent.open) return;
    await begun;
    const result = await lent.send(statement);
    // COMMIT of an aborted transaction succeeds, and rolls back.
    if (statement === 'commit' && result.command !== 'COMMIT') throw new Error('the transaction was rolled back');
  } catch (error) {
    // What has failed here can have left an aborted transaction behind.
    lent.open = true;
    throw error;
  } finally {
    giveBack(sql, lent);
  }
}

/** Runs `work` in one bound transaction: committed when it returns, rolled back when it throws. */
export async function inTransaction<T>(
  sql: Sql,
  binding: Binding,
  work: (db: Db) => Promise<T>,
  mode: Mode = 'read write',
): Promise<T> {
  const transaction = await openTransaction(sql, binding, mode);
  try {
    const result = await work(transaction.db);
    await transaction.commit();
    return result;
  } catch (error) {
    await transaction.rollback().catch(() => undefined);
    throw error;
  }
}
