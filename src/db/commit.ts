import { outcomeUnknown } from '../lib/errors.ts';
import type { Connection } from './connection.ts';
import { isRolledBack, postgresError } from './constraints.ts';
import type { Work } from './work.ts';

/** Milliseconds after which the connection of a stopped request is closed, if its statement has not ended. */
const CLOSE_AFTER = 1_500;

/** The statements of a transaction, without BEGIN and COMMIT. */
export interface SentStatements {
  /** Number of statements without a response. */
  pending: number;
  /** Whether PostgreSQL has reported an error for one of them. Then COMMIT rolls back, or was never run. */
  hasFailed: boolean;
}

/** Counts the statement until it has a response. */
export function track<Query extends PromiseLike<unknown>>(sent: SentStatements, query: Query): Query {
  sent.pending += 1;
  const onResponse = (error?: unknown): void => {
    sent.pending -= 1;
    sent.hasFailed ||= postgresError(error) !== null;
  };
  query.then(() => onResponse(), onResponse);
  return query;
}

/** Cancels the running statement. If it still does not end, closes the connection. */
export function cancelSoon(connection: Connection, milliseconds: number): void {
  const cancelling = setTimeout(() => connection.cancel(), milliseconds);
  const closing = setTimeout(() => connection.destroy('STOPPED'), CLOSE_AFTER);
  connection.whenQuiet(() => {
    clearTimeout(cancelling);
    clearTimeout(closing);
  });
}

/**
 * Commits the transaction. Statements before COMMIT may still be without a response. Only an error that PostgreSQL
 * reports for COMMIT or for one of them proves that nothing was committed.
 */
export async function commit(connection: Connection, work: Work, sent: SentStatements): Promise<void> {
  if (work.stopped) {
    await connection.send('rollback');
    throw work.stopped;
  }
  const { hasSentCommit } = work;
  work.hasSentCommit = true;
  const { promise: timedOut, reject } = Promise.withResolvers<never>();
  const giveUp = (): void => {
    // A statement before COMMIT can be cancelled. Then the outcome is known.
    if (sent.pending > 0) cancelSoon(connection, 0);
    else if (!work.isClientDisconnected) reject(outcomeUnknown());
  };
  work.onStop.add(giveUp);
  const committed = connection.send('commit').catch((error: unknown) => {
    if (!isRolledBack(error) && !sent.hasFailed) throw outcomeUnknown();
    work.hasSentCommit = hasSentCommit;
    throw error;
  });
  work.tracer?.addStatement('commit', committed);
  const { command } = await Promise.race([committed, timedOut]).finally(() => work.onStop.delete(giveUp));
  // COMMIT of an aborted transaction reports no error but rolls back.
  if (command === 'COMMIT') return;
  work.hasSentCommit = hasSentCommit;
  throw new Error('the transaction was rolled back');
}
