import { AmbitError, invalid, type UserError, unavailable, userError } from '../lib/errors.ts';

/** What the breach of a constraint means to the caller. Any other breach is a bug, and masked. */
const MEANINGS: Record<string, UserError> = {
  organizations_slug: userError('TAKEN', 'slug', 'Another organization has this slug.'),
  users_email: userError('TAKEN', 'email', 'This e-mail address has an account already; sign in instead.'),
  categories_name: userError('TAKEN', 'name', 'Another category has this name.'),
  levels_name: userError('TAKEN', 'name', 'Another level has this name.'),
  principals_name: userError('TAKEN', 'name', 'Another service account has this name.'),
  projects_key: userError('TAKEN', 'key', 'Another project has this key.'),
  policies_name: userError('TAKEN', 'name', 'Another policy has this name.'),
  roles_name: userError('TAKEN', 'name', 'Another role has this name.'),
  assignments_place: userError('TAKEN', 'principalId', 'They have a role in this project already; change that one.'),
  checks_category: userError('NOT_FOUND', 'categoryId', 'There is no such category.'),
  checks_level: userError('NOT_FOUND', 'levelId', 'There is no such level.'),
  invitations_email: userError('TAKEN', 'emails', 'emails: an address is invited already.'),
  principals_user: userError('TAKEN', 'secret', 'secret: you are a member of this organization already.'),
  checks_owner: userError('NOT_FOUND', 'ownerId', 'There is no such member.'),
};

/**
 * SQLSTATEs that tell of two requests in each other's way; trying again is right. A foreign key that none of the
 * meanings above explains points to what another request has just deleted.
 */
const CONFLICTS = new Set(['40001', '40P01', '55P03', '23503']);

/**
 * Error codes of the driver, the operating system and PostgreSQL when the database is not available. The SQLSTATE
 * classes are: 08 connection exception, 53 insufficient resources, 57 operator intervention, 58 system error.
 */
const UNAVAILABLE = /^(CONNECT|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOST|ENET|EAI_|(08|53|57|58)...$)/;

/** A statement was cancelled because it took longer than STATEMENT_TIMEOUT_MS. */
const CANCELLED = '57014';

/** Class of the SQLSTATEs that tell of a bad value, such as a NUL character in a text. */
const DATA_EXCEPTION = '22';

interface PostgresError {
  code: string;
  severity: string;
  constraint_name?: string;
}

/** Drizzle wraps the driver's errors. */
const causeOf = (error: unknown): unknown => (error instanceof Error ? (error.cause ?? error) : error);

export function postgresError(error: unknown): PostgresError | null {
  const cause = causeOf(error);
  return cause instanceof Error && 'severity' in cause ? (cause as unknown as PostgresError) : null;
}

/** Whether the failure of a COMMIT proves that nothing was committed. A FATAL error or a lost connection does not. */
export const isRolledBack = (error: unknown): boolean => postgresError(error)?.severity === 'ERROR';

/** Whether the database was not available, so that a retry may succeed. */
function isUnavailable(error: unknown): boolean {
  const cause = causeOf(error) as { code?: unknown; isStale?: boolean } | null;
  return cause?.isStale === true || UNAVAILABLE.test(String(cause?.code ?? ''));
}

const ABORTED = '25P02';

/** Whether the statement was refused because an earlier one of its transaction had failed. */
export const isAbortedTransaction = (error: unknown): boolean => postgresError(error)?.code === ABORTED;

/** The domain's error for a database error that has one; the error itself otherwise. */
export function domainError(error: unknown): unknown {
  const cause = causeOf(error);
  if (cause instanceof AmbitError) return cause;
  const breach = postgresError(error);
  if (breach?.code === CANCELLED)
    return unavailable('The database took too long. Try again in a moment, or ask for less.');
  if (isUnavailable(error)) return unavailable();
  if (!breach) return error;
  const meaning = MEANINGS[breach.constraint_name ?? ''];
  if (meaning) return invalid(meaning);
  if (CONFLICTS.has(breach.code))
    return new AmbitError('CONFLICT', 'Another request changed the same things at the same time; try again.');
  if (breach.code.startsWith(DATA_EXCEPTION))
    return new AmbitError('BAD_REQUEST', 'A value cannot be stored as it is.');
  return error;
}
