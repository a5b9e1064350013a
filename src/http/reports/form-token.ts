import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Keys } from '../../identity/keys.ts';

const HOUR = 3_600_000;

/** Milliseconds for which a form can be sent. A page with a form can stay open as long as its session. */
const LIFETIME = { browser: HOUR, session: 12 * HOUR };

/**
 * What the CSRF token of a form is bound to: a random value in a cookie of the browser before somebody has signed in, and the
 * session afterwards. So the token of one browser or session is not valid in another one.
 */
export type FormOwner = `browser ${string}` | `session ${string}`;

const digest = (owner: FormOwner): string => createHash('sha256').update(owner).digest('base64url');

/** The CSRF token for the forms of this owner. It is signed, so that nobody else can make one for a value that they know. */
export function signFormToken(keys: Keys, owner: FormOwner, now: Date): Promise<string> {
  const lifetime = owner.startsWith('browser ') ? LIFETIME.browser : LIFETIME.session;
  return keys.sign('form', { for: digest(owner) }, new Date(now.getTime() + lifetime));
}

export async function isFormToken(keys: Keys, owner: FormOwner, token: string): Promise<boolean> {
  const claims = await keys.verify('form', token);
  const [given, expected] = [Buffer.from(String(claims?.['for'])), Buffer.from(digest(owner))];
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/**
 * Whether a page of this origin has sent the form. `Sec-Fetch-Site` is the browser's own answer, but browsers send it only
 * over TLS and to localhost. Every browser sends `Origin` with a form. A request with neither is refused.
 */
export function isSameOrigin({ headers }: IncomingMessage, publicUrl: string): boolean {
  const { origin, host, 'sec-fetch-site': site } = headers;
  if (site !== undefined && site !== 'same-origin') return false;
  if (origin === undefined) return site !== undefined;
  if (origin === new URL(publicUrl).origin) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
