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
 * Opens a transaction that is bound before its first query. BEGIN and the binding are sent without waiting for their
 * answer, so they share a round trip with the first query; if one of them fails, that query fails too.
 */
export async function openTransaction(sql: Sql, binding: Binding, mode: Mode): Promise<Transaction> {
  const begin = opening(binding, mode);
  const lent = await borrow(sql);
  const { connection } = lent;
  const begun = connection.unsafe(lent.open ? `commit;${begin}` : begin).execute();
  begun.catch(() => undefined);
  let over = false;
  // The connection goes on to somebody else: nothing of this transaction may reach it then.
  const mine = ((text: string, values: never[], options: object) => {
    if (over) throw new Error('the transaction has ended');
    return connection.unsafe(text, values, options);
  }) as Sql['unsafe'];
  let bound = binding.organizationId;
  const rebind = async (organizationId: string): Promise<void> => {
    if (organizationId !== bound) await connection`select set_config('ambit.organization_id', ${organizationId}, true)`;
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
    const result = await lent.connection.unsafe(statement);
    // COMMIT of an aborted transaction succeeds, and rolls back.
    if (statement === 'commit' && result.command !== 'COMMIT') throw new Error('the transaction was rolled back');
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
