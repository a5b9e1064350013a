import { AmbitError } from '../lib/errors.ts';

/** Root fields that test a secret of the caller. Everybody can send them. */
const ATTEMPTS: ReadonlySet<string> = new Set([
  'signIn',
  'signUp',
  'refreshSession',
  'invitationOffer',
  'acceptInvitation',
  'declineInvitation',
]);

/** Maximum number of these fields in an operation. An error for each of many aliases costs more than the refused attempt. */
export const MAX_ATTEMPTS = 5;

export const attemptsIn = (rootFields: readonly string[]): number =>
  rootFields.filter((name) => ATTEMPTS.has(name)).length;

/** Refuses an operation with too many attempts before it is executed. */
export function checkAttempts(attempts: number): void {
  if (attempts <= MAX_ATTEMPTS) return;
  const message = `The operation has ${attempts} attempts to use a password or a secret, the limit is ${MAX_ATTEMPTS}. Split it into several operations.`;
  throw new AmbitError('BAD_REQUEST', message, { http: { status: 400 } });
}
