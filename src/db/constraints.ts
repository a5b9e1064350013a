import { AmbitError, invalid, type UserError, unavailable } from '../lib/errors.ts';
import { DATA_EXCEPTION } from '../lib/log.ts';

/** The errors for violated constraints, by the name of the constraint. */
const VIOLATIONS = new Map<string, UserError>();

/**
 * Sets the error that the caller gets when a write violates the constraint. It is called next to the table. The violation
 * of any other constraint is a defect, and is masked.
 */
export function explainViolation(constraint: string, error: UserError): void {
  VIOLATIONS.set(constraint, error);
}

/**
 * SQLSTATEs of conflicts between concurrent requests, where a retry can succeed. A violated foreign key that is not in
 * VIOLATIONS means that another request has just deleted the referenced row.
 */
const CONFLICTS = new Set(['40001', '40P01', '55P03', '23503']);

/**
 * Error codes of the driver, the operating system and PostgreSQL when the database is not available. The SQLSTATE
 * classes are: 08 connection exception, 53 insufficient resources, 57 operator intervention, 58 system error.
 */
const UNAVAILABLE = /^(CONNECT|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOST|ENET|EAI_|(08|53|57|58)...$)/;

/** A statement was cancelled because it took longer than STATEMENT_TIMEOUT_MS. */
const CANCELLED = '57014';

interface PostgresError {
  code: string;
  message: string;
  severity: string;
  constraint_name?: string;
}

/** Drizzle wraps the driver's errors. */
const causeOf = (error: unknown): unknown => (error instanceof Error ? (error.cause ?? error) : error);

export function postgresError(error: unknown): PostgresError | null {
  const cause = causeOf(error);
  return cause instanceof Error && 'severity' in cause ? (cause as unknown as PostgresError) : null;
}

/**
 * Whether the failure of a COMMIT proves that nothing was committed. A FATAL error or a lost connection does not. Neither
 * does an error of a server: in a Citus cluster, the coordinator may have lost its connection to a worker that has committed.
 */
export function isRolledBack(error: unknown): boolean {
  const reported = postgresError(error);
  return reported?.severity === 'ERROR' && !SERVER_ERROR.test(reported.code);
}

/** SQLSTATEs of the errors of a server: those of UNAVAILABLE, and XX (internal error). Not 57014, a cancelled statement. */
const SERVER_ERROR = /^(08|53|57P|58|XX)/;

/** Whether the database was not available, so that a retry may succeed. */
function isUnavailable(error: unknown): boolean {
  const cause = causeOf(error) as { code?: unknown; isStale?: boolean } | null;
  return cause?.isStale === true || UNAVAILABLE.test(String(cause?.code ?? ''));
}

const ABORTED = '25P02';

/** Whether the statement was refused because an earlier one of its transaction had failed. */
export const isAbortedTransaction = (error: unknown): boolean => postgresError(error)?.code === ABORTED;

/** The name of a constraint on a shard of a Citus cluster: that of the constraint, and the number of the shard. */
const ON_SHARD = /(\w+)_\d{6,}/g;

/** The domain error of the violated constraint. An error from a worker has the name of the constraint only in its message. */
function findViolation({ code, constraint_name: name, message }: PostgresError): UserError | undefined {
  if (!code.startsWith(INTEGRITY)) return undefined;
  const known = name === undefined ? undefined : VIOLATIONS.get(name);
  return (
    known ??
    [...(name ?? message).matchAll(ON_SHARD)].map(([, constraint = '']) => VIOLATIONS.get(constraint)).find(Boolean)
  );
}
/** The class of the SQLSTATEs of violated constraints. */
const INTEGRITY = '23';

/** Returns the domain error for a database error, or the error itself if there is none. */
export function domainError(error: unknown): unknown {
  const cause = causeOf(error);
  if (cause instanceof AmbitError) return cause;
  const violation = postgresError(error);
  if (violation?.code === CANCELLED)
    return unavailable('The database took too long. Try again in a moment, or request less data.');
  if (isUnavailable(error)) return unavailable();
  if (!violation) return error;
  const known = findViolation(violation);
  if (known) return invalid(known);
  if (CONFLICTS.has(violation.code))
    return new AmbitError('CONFLICT', 'Another request changed the same data at the same time. Try again.');
  if (violation.code.startsWith(DATA_EXCEPTION))
    return new AmbitError('BAD_REQUEST', 'A value cannot be stored in the database.');
  return error;
}
