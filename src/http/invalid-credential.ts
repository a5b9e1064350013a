import { type Actor, ANONYMOUS } from '../identity/actor.ts';
import { AmbitError } from '../lib/errors.ts';
import type { CredentialState } from './server-context.ts';

/**
 * Root fields that clients send when their credential has expired: to get a new one, or to show an invitation. They need
 * no credential.
 */
const IGNORING: ReadonlySet<string> = new Set([
  'signIn',
  'signUp',
  'refreshSession',
  'invitationOffer',
  'declineInvitation',
]);
const INTROSPECTION: ReadonlySet<string> = new Set(['__schema', '__type']);

/** Authenticates before the operation is known. The caller is anonymous until `checkCredential` decides. */
export async function authenticateLater(state: CredentialState, authenticate: () => Promise<Actor>): Promise<Actor> {
  return await authenticate().catch((error: unknown) => {
    if (!isUnauthenticated(error)) throw error;
    state.error = error;
    return ANONYMOUS;
  });
}

/** Authenticates while the operation runs. A credential that was revoked meanwhile is ignored in the same way. */
export async function authenticateAgain(state: CredentialState, authenticate: () => Promise<Actor>): Promise<Actor> {
  return await authenticate().catch((error: unknown) => {
    if (state.isIgnored && isUnauthenticated(error)) return ANONYMOUS;
    throw error;
  });
}

const isUnauthenticated = (error: unknown): error is AmbitError =>
  error instanceof AmbitError && error.code === 'UNAUTHENTICATED';

/**
 * Refuses an operation with an invalid credential, unless it ignores the credential. Must be the first check of an
 * operation.
 */
export function checkCredential(state: CredentialState, ignoresCredential: boolean): void {
  state.isIgnored = ignoresCredential;
  if (state.error && !ignoresCredential) throw state.error;
}

/**
 * Whether each root field ignores an invalid credential. `isOpen` tells whether everybody may read the schema.
 * `__typename` needs no credential, but an operation that reads nothing else is one that tests the credential.
 */
export function ignoresCredential(rootFields: readonly string[], isOpen: boolean): boolean {
  const fields = rootFields.filter((name) => name !== '__typename');
  return fields.length > 0 && fields.every((name) => IGNORING.has(name) || (isOpen && INTROSPECTION.has(name)));
}
