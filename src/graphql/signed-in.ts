import type { Context } from '../context.ts';
import { AmbitError } from '../lib/errors.ts';

/** Throws UNAUTHENTICATED for an anonymous caller. */
export function requireSignedIn(ctx: Context): void {
  if (!ctx.unit.actor.credential)
    throw new AmbitError('UNAUTHENTICATED', 'Sign in first: this needs an Authorization header with a token.');
}
