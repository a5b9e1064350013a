import { credentialOf } from '../identity/support.ts';
import type { Api, Caller } from './api.ts';
import { PASSWORD, queryData } from './world.ts';

const HOUR = 3_600_000;

/** A cookie that opens the reports for the person, without the sign-in form. It is bound to the session of the caller. */
export async function reportCookie(api: Api, person: Caller): Promise<string> {
  const { viewer } = await queryData(person, '{ viewer { user { id } organization { id } } }');
  const claims = { sub: viewer.user.id, sid: await credentialOf(person), org: viewer.organization.id };
  const token = await api.app.dependencies.identity.keys.sign('reports', claims, new Date(Date.now() + HOUR));
  return `ambit_reports=${token}`;
}

/** Requests a page as a browser that has the cookie. */
export const openReport = (api: Api, path: string, cookie?: string): Promise<Response> =>
  fetch(`${api.address}${path}`, { redirect: 'manual', headers: { ...(cookie && { cookie }) } });

export interface Page {
  status: number;
  headers: Headers;
  /** Without the text of the style. */
  html: string;
  style: string;
  location: string | null;
}

/** A browser without scripts, which keeps cookies. */
export interface Browser {
  cookies: Map<string, string>;
  /** The value of the header Cookie. */
  cookie(): string;
  open(path: string, headers?: Record<string, string>): Promise<Page>;
  /** Sends fields to a form. The headers are those of a form of the same origin, unless they are given. */
  send(path: string, fields: Record<string, string>, headers?: Record<string, string>): Promise<Page>;
  /** Opens the form, and sends it with its hidden fields. */
  submit(path: string, fields: Record<string, string>, headers?: Record<string, string>): Promise<Page>;
}

const unescaped = (text: string): string =>
  text
    .replace(/&#x([0-9a-f]+);/gi, (_entity, code: string) => String.fromCodePoint(Number.parseInt(code, 16)))
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&');

/** The hidden fields of a page. */
export const hiddenIn = (html: string): Record<string, string> =>
  Object.fromEntries(
    [...html.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)"/g)].map(([, name = '', value = '']) => [
      name,
      unescaped(value),
    ]),
  );

export function openBrowser({ address }: Pick<Api, 'address'>): Browser {
  const cookies = new Map<string, string>();
  const cookie = (): string => [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');

  async function request(path: string, init: RequestInit): Promise<Page> {
    const headers = { ...(cookies.size > 0 && { cookie: cookie() }), ...(init.headers as Record<string, string>) };
    const response = await fetch(`${address}${path}`, { redirect: 'manual', ...init, headers });
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split('; ');
      const [name = '', value = ''] = pair.split('=');
      if (attributes.includes('Max-Age=0')) cookies.delete(name);
      else cookies.set(name, value);
    }
    const { status, headers: given } = response;
    const [before = '', style = '', after = ''] = (await response.text()).split(/(?<=<style>)|(?=<\/style>)/);
    return { status, headers: given, html: before + after, style, location: given.get('location') };
  }

  const send = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Page> =>
    request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: address, ...headers },
      body: new URLSearchParams(fields).toString(),
    });

  const open = (path: string, headers: Record<string, string> = {}): Promise<Page> => request(path, { headers });
  return {
    cookies,
    cookie,
    open,
    send,
    submit: async (path, fields, headers) =>
      send(path.split('?')[0] ?? path, { ...hiddenIn((await open(path)).html), ...fields }, headers),
  };
}

/** A browser in which the person has signed in with the form. */
export async function signInToReports(api: Api, email: string): Promise<Browser> {
  const browser = openBrowser(api);
  const page = await browser.submit('/reports/sign-in', { email, password: PASSWORD });
  if (page.status !== 303) throw new Error(`${page.status} ${page.html}`);
  return browser;
}
