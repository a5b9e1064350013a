import { AmbitError, invalid, type UserError, unavailable, userError } from '../lib/errors.ts';
import { DATA_EXCEPTION } from '../lib/log.ts';

/** The error for each violated constraint. A violation of any other constraint is a bug and is masked. */
const CONSTRAINT_ERRORS: Record<string, UserError> = {
  organizations_slug: userError('TAKEN', 'slug', 'Another organization has this slug.'),
  users_email: userError('TAKEN', 'email', 'An account with this e-mail address already exists. Sign in instead.'),
  categories_name: userError('TAKEN', 'name', 'Another category has this name.'),
  levels_name: userError('TAKEN', 'name', 'Another level has this name.'),
  principals_name: userError('TAKEN', 'name', 'Another service account has this name.'),
  projects_key: userError('TAKEN', 'key', 'Another project has this key.'),
  policies_name: userError('TAKEN', 'name', 'Another policy has this name.'),
  roles_name: userError('TAKEN', 'name', 'Another role has this name.'),
  assignments_place: userError(
    'TAKEN',
    'principalId',
    'This principal already has a role in the project. Change that role instead.',
  ),
  checks_category: userError('NOT_FOUND', 'categoryId', 'There is no such category.'),
  checks_level: userError('NOT_FOUND', 'levelId', 'There is no such level.'),
  invitations_email: userError('TAKEN', 'emails', 'emails: an address already has an invitation.'),
  principals_user: userError('TAKEN', 'secret', 'secret: you are already a member of this organization.'),
  checks_owner: userError('NOT_FOUND', 'ownerId', 'There is no such member.'),
};

/**
 * SQLSTATEs of conflicts between concurrent requests, where a retry can succeed. A violated foreign key that is not in
 * CONSTRAINT_ERRORS means that another request has just deleted the referenced row.
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

/** Returns the domain error for a database error, or the error itself if there is none. */
export function domainError(error: unknown): unknown {
  const cause = causeOf(error);
  if (cause instanceof AmbitError) return cause;
  const violation = postgresError(error);
  if (violation?.code === CANCELLED)
    return unavailable('The database took too long. Try again in a moment, or request less data.');
  if (isUnavailable(error)) return unavailable();
  if (!violation) return error;
  const known = CONSTRAINT_ERRORS[violation.constraint_name ?? ''];
  if (known) return invalid(known);
  if (CONFLICTS.has(violation.code))
    return new AmbitError('CONFLICT', 'Another request changed the same data at the same time. Try again.');
  if (violation.code.startsWith(DATA_EXCEPTION))
    return new AmbitError('BAD_REQUEST', 'A value cannot be stored in the database.');
  return error;
}
