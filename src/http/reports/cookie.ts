import type { IncomingMessage } from 'node:http';
import { baseOf } from './paths.ts';

/** The cookies of the reports. Nothing outside `/reports` reads a cookie. */
export interface Cookies {
  /** The value of the session, or null. */
  session(req: IncomingMessage): string | null;
  /** The value that the forms of a browser are bound to before somebody has signed in, or null. */
  form(req: IncomingMessage): string | null;
  /** Set-Cookie headers. A value of null deletes the cookie. */
  setSession(value: string | null, seconds: number): string;
  setForm(value: string | null, seconds: number): string;
}

/** Characters of a JWT and of a random value. No other value is a cookie of the reports. */
const VALUE = /^[\w.-]{1,2000}$/;

/**
 * The value of a cookie. Null if there are several with this name. Only another site of the same domain can add one, for example
 * to sign somebody in with another account.
 */
function read({ headers: { cookie = '' } }: IncomingMessage, name: string): string | null {
  const values = cookie
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  const [value] = values;
  return values.length === 1 && value !== undefined && VALUE.test(value) ? value : null;
}

export function createCookies(publicUrl: string): Cookies {
  const isSecure = publicUrl.startsWith('https:');
  // A browser accepts a name with one of these prefixes only from the host itself and over TLS (RFC 6265bis, section 4.1.3).
  // `__Host-` requires the path `/`, which would send the session to other endpoints.
  const session = { name: isSecure ? '__Secure-ambit_reports' : 'ambit_reports', path: baseOf(publicUrl) };
  const form = isSecure
    ? { name: '__Host-ambit_reports_form', path: '/' }
    : { name: 'ambit_reports_form', path: baseOf(publicUrl) };
  const write = ({ name, path }: typeof form, value: string | null, seconds: number): string =>
    [
      `${name}=${value ?? ''}`,
      `Path=${path}`,
      `Max-Age=${value === null ? 0 : Math.floor(seconds)}`,
      'HttpOnly',
      'SameSite=Strict',
      ...(isSecure ? ['Secure'] : []),
    ].join('; ');
  return {
    session: (req) => read(req, session.name),
    form: (req) => read(req, form.name),
    setSession: (value, seconds) => write(session, value, seconds),
    setForm: (value, seconds) => write(form, value, seconds),
  };
}
