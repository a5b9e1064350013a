import { GraphQLError } from 'graphql';

/** Codes in `extensions.code` of a GraphQL error. They are part of the public contract and must not be renamed. */
export const ERROR_CODES = {
  UNAUTHENTICATED: 'The request has no credential although it needs one, or its credential is invalid.',
  FORBIDDEN: 'The caller lacks a permission. `permission`, `target`, `reason` and `hint` describe the refusal.',
  NOT_FOUND: 'The object does not exist or is not visible to the caller.',
  PLAN_REQUIRED:
    'The plan of the organization does not include the feature, or a limit of the plan is reached. `entitlement` names it, and `plan` names the smallest plan that includes what was requested. For a limit, `limit` is its value and `usage` is the current number in the whole organization, including projects that the caller cannot read. For `apiKeysPerProject`, it is the number in the project. `usage` is null without `usage:read`. Both are null for a feature.',
  RATE_LIMITED:
    'There were too many attempts or requests. `retryAfter` is the number of seconds to wait. A request above a limit of requests per minute was not executed. It has the status 429, and `limit` is `credential`, `organization` or `network`.',
  CONFLICT: 'Another request changed or locked the same data. Nothing was changed. Send the request again.',
  BAD_REQUEST: 'The request is malformed, invalid against the schema, or too large.',
  RESPONSE_TOO_LARGE:
    'The response would exceed `RESPONSE_LIMIT_MB`, or have more than 1,000 errors. `limit` is the limit in bytes. Without a path, `data` is null. With a path, the mutation has run and its payload is null.',
  UNAVAILABLE: 'The database is unavailable or overloaded, or the request took too long. The field changed nothing.',
  OUTCOME_UNKNOWN:
    'The connection was lost, or the request timed out, after COMMIT had been sent. In a cluster, also: a worker did not confirm COMMIT.',
  INTERNAL: 'An unexpected error. The log of the server has the details, with the same request ID.',
} as const;
export type ErrorCode = keyof typeof ERROR_CODES;

/** Codes in `extensions.reason` of a FORBIDDEN error and in answers about access. Part of the public contract. */
export const REFUSAL_REASONS = {
  NO_ORGANIZATION: 'The credential is bound to no organization.',
  UNKNOWN_PERMISSION: 'The permission does not exist.',
  NO_SUCH_PRINCIPAL: 'The organization has no such member, service account or user.',
  NO_SUCH_TARGET: 'The target does not exist or is not visible to the caller.',
  WRONG_LEVEL: 'The permission is about the organization and cannot be checked on a project.',
  NO_GRANT: 'No role of the principal grants the permission.',
  NOT_OWNED:
    'A role grants it only for services of the principal’s teams. No such team owns the service, or the target is not a service.',
  ROLE_EXPIRED: 'A role that granted it has expired.',
  DENIED: 'A policy of a role denies it. A denial overrides every grant.',
  OVERRIDDEN_BY_PROJECT_ROLE:
    'The organization role grants it, but the project role of the principal overrides that role and does not grant it.',
  PLAN_LACKS: 'The role that grants it is suspended by the plan of the organization.',
  READ_ONLY_TOKEN: 'The API token or API key is read-only. The principal of the token has the permission.',
  TOKEN_NARROWED:
    'The principal has the permission, but the API token is limited to other permissions or to other projects.',
  ADDRESS_NOT_ALLOWED: 'The API token or API key cannot be used from this address.',
  NOT_HELD: 'The principal would grant or remove permissions that it does not have itself.',
  NOT_OWN: 'Only the principal itself can do this, because the response contains a secret that acts for it.',
  ORGANIZATIONS_CLOSED:
    'With `SIGN_UP=invited`, only accounts that the operator of the server has allowed can create organizations.',
  PRINCIPAL_REQUIRED: 'The operation is for a member or a service account, not for an API key.',
  SESSION_REQUIRED: 'The operation is for a signed-in person, not for an API token or an API key.',
  INTEGRATION_DISABLED: 'The integration of the URL is disabled.',
} as const;

export type RefusalReason = keyof typeof REFUSAL_REASONS;

/** Codes of errors that the caller can correct in the input. They are in the `errors` of a payload. */
export const USER_ERROR_CODES = {
  REQUIRED: 'A required value is missing or null.',
  INVALID: 'The value does not have the required format. The message describes the format.',
  TOO_SHORT: 'The text or list is shorter than the minimum.',
  TOO_LONG: 'The text or list is longer than the maximum.',
  LIMIT_EXCEEDED: 'The object or the organization would exceed a limit. The message names the limit.',
  TAKEN: 'The value must be unique, and another object already has it.',
  NOT_FOUND: 'The object does not exist or is not visible to the caller.',
  IN_USE: 'Other objects use this object. `usedBy` lists them.',
  MISMATCH: 'The confirmation does not match the key or slug of the object.',
  NO_EFFECT: 'The change would have no effect. The message states the reason.',
  LAST_OWNER: 'An organization must have at least one Owner.',
  WRONG_CREDENTIALS: 'The e-mail address or the password is wrong, or the token is not valid.',
} as const;

export type UserErrorCode = keyof typeof USER_ERROR_CODES;

/** An error that the caller can correct in the input. */
export interface UserError {
  code: UserErrorCode;
  message: string;
  /** Path of the input field, such as `['name']`. Empty if the error concerns the whole input. */
  path: string[];
  /** For IN_USE: the objects that use this one, as nodes of the schema. */
  usedBy?: readonly object[];
}

/**
 * An error that the client may see, so its message must not contain internal data. A mutation returns `userErrors` in its
 * payload. Without them, it is a GraphQL error.
 */
export class AmbitError extends GraphQLError {
  readonly code: ErrorCode;
  readonly userErrors: UserError[] | undefined;

  constructor(code: ErrorCode, message: string, details: Record<string, unknown> = {}, userErrors?: UserError[]) {
    super(message, { extensions: { code, ...details } });
    this.name = 'AmbitError';
    this.code = code;
    this.userErrors = userErrors;
  }
}

export const invalid = (...errors: UserError[]): AmbitError =>
  new AmbitError('BAD_REQUEST', errors.map((error) => error.message).join(' '), {}, errors);

export const userError = (code: UserErrorCode, path: string | string[], message: string): UserError => ({
  code,
  message,
  path: typeof path === 'string' ? [path] : path,
});

/** The same error for objects that do not exist and for objects that the caller may not see. */
export const notFound = (typename: string): AmbitError =>
  new AmbitError('NOT_FOUND', `There is no ${typename} with this ID, or it is not visible to you.`);

/** Nothing was changed. The same request may succeed when it is sent again. */
export const unavailable = (
  message = 'The database is not available. Try again in a moment.',
  headers: Record<string, string> = {},
): AmbitError =>
  new AmbitError('UNAVAILABLE', message, { http: { status: 503, headers: { 'retry-after': '1', ...headers } } });

export const outcomeUnknown = (): AmbitError =>
  new AmbitError(
    'OUTCOME_UNKNOWN',
    'The change was sent to the database, but no confirmation arrived. Check whether it was made before you try again.',
  );
