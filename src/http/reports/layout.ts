import { createElement as h, type ReactNode } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import type { HttpResponse } from '../response.ts';
import { STYLE, STYLE_HASH } from './style.ts';

/** No scripts, nothing of other origins, and no style but the one of `style.ts`. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${STYLE_HASH}'`,
  // The empty icon of the page.
  'img-src data:',
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // With `no-referrer`, browsers send `Origin: null` with the forms.
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** The signed-in person, for the bar at the top. */
export interface Viewer {
  name: string;
  organization: string | null;
  /** The CSRF token of the form that signs out. */
  formToken: string;
}

export interface Layout {
  base: string;
  title: string;
  /** Null if nobody is signed in. */
  viewer: Viewer | null;
  /** For a form or a short message. */
  narrow?: boolean;
  body: ReactNode;
}

/** Values in the elements are escaped. Nothing may use `dangerouslySetInnerHTML` but the style. */
export function renderDocument({ base, title, viewer, narrow = false, body }: Layout): string {
  const document = h(
    'html',
    { lang: 'en' },
    h(
      'head',
      null,
      h('meta', { charSet: 'utf-8' }),
      h('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
      h('title', null, `${title} – Ambit`),
      h('link', { rel: 'icon', href: 'data:,' }),
      h('style', { dangerouslySetInnerHTML: { __html: STYLE } }),
    ),
    h(
      'body',
      null,
      h('a', { className: 'skip', href: '#content' }, 'Skip to the content'),
      viewer && h(Bar, { base, viewer }),
      h('main', { id: 'content', className: narrow ? 'narrow' : undefined }, h('h1', null, title), body),
    ),
  );
  return `<!doctype html>${renderToStaticMarkup(document)}`;
}

const Bar = ({ base, viewer: { name, organization, formToken } }: { base: string; viewer: Viewer }): ReactNode =>
  h(
    'header',
    { className: 'bar' },
    h('strong', null, organization ?? 'Ambit'),
    h('nav', { 'aria-label': 'Reports' }, h('a', { href: `${base}/maturity` }, 'Maturity')),
    h('span', { className: 'who' }, name),
    h('a', { href: `${base}/organization` }, 'Change organization'),
    h(
      'form',
      { method: 'post', action: `${base}/sign-out` },
      h('input', { type: 'hidden', name: 'token', value: formToken }),
      h('button', { type: 'submit' }, 'Sign out'),
    ),
  );

export const htmlResponse = (status: number, layout: Layout, headers: Record<string, string> = {}): HttpResponse => ({
  status,
  headers: { ...SECURITY_HEADERS, 'content-type': 'text/html; charset=utf-8', ...headers },
  body: renderDocument(layout),
});
