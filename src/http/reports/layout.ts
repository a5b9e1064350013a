import { createElement as h, type ReactNode } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import type { HttpResponse } from '../response.ts';
import { patterns } from './pages/bar.ts';
import { list } from './pages/element.ts';
import { dateAndTime } from './pages/format.ts';
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

/** The links of the navigation. */
export type ReportSection = 'maturity' | 'campaigns';

/** A link to a page above the shown one. */
export interface Breadcrumb {
  readonly text: string;
  readonly href: string;
}

export interface Layout {
  base: string;
  title: string;
  /** The pages above this one, from the top. */
  breadcrumbs?: readonly Breadcrumb[];
  /** The content of the heading, if it is not the title. */
  heading?: ReactNode;
  /** A sentence below the heading. */
  about?: ReactNode;
  /** Links beside the heading, such as to a file with the same data. */
  links?: ReactNode;
  /** The link of the navigation that the page belongs to. */
  section?: ReportSection | undefined;
  /** When the data was read. */
  time?: Date | undefined;
  /** Null if nobody is signed in. */
  viewer: Viewer | null;
  /** For a form or a short message. */
  narrow?: boolean;
  /** The path of the reports that the browser opens at once. */
  refresh?: string;
  body: ReactNode;
}

/** Values in the elements are escaped. Only the style and the output of `markdown.ts` use `dangerouslySetInnerHTML`. */
export function renderDocument(layout: Layout): string {
  const { base, title, breadcrumbs = [], section, time, viewer, narrow = false, refresh, body } = layout;
  const parents = breadcrumbs.map(({ text }) => text).reverse();
  const names = [title, ...parents, viewer?.organization, 'Ambit'].filter(Boolean);
  const document = h(
    'html',
    { lang: 'en' },
    h(
      'head',
      null,
      h('meta', { charSet: 'utf-8' }),
      h('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
      h('meta', { name: 'color-scheme', content: 'light dark' }),
      refresh && h('meta', { httpEquiv: 'refresh', content: `0; url=${base}${refresh}` }),
      h('title', null, names.join(' – ')),
      h('link', { rel: 'icon', href: 'data:,' }),
      h('style', { dangerouslySetInnerHTML: { __html: STYLE } }),
    ),
    h(
      'body',
      null,
      h('a', { className: 'skip', href: '#content' }, 'Skip to the content'),
      patterns(),
      viewer && h(Bar, { base, section, viewer }),
      h('main', { id: 'content', tabIndex: -1, className: narrow ? 'narrow' : undefined }, headingOf(layout), body),
      time && h(Footer, { time }),
    ),
  );
  return `<!doctype html>${renderToStaticMarkup(document)}`;
}

const headingOf = ({ title, breadcrumbs = [], heading, about, links }: Layout): ReactNode =>
  h(
    'div',
    { className: 'heading' },
    h(
      'div',
      null,
      breadcrumbs.length > 0 && breadcrumbsOf(breadcrumbs),
      h('h1', null, heading ?? title),
      about && h('p', { className: 'about' }, about),
    ),
    links && h('p', { className: 'links' }, links),
  );

const breadcrumbsOf = (links: readonly Breadcrumb[]): ReactNode =>
  h(
    'nav',
    { className: 'breadcrumbs', 'aria-label': 'Breadcrumb' },
    h('ol', null, list(links.map(({ text, href }) => h('li', null, h('a', { href }, text))))),
  );

const LINKS = [
  ['maturity', 'Maturity', '/maturity'],
  ['campaigns', 'Campaigns', '/campaigns'],
] as const;

interface BarProps {
  base: string;
  section: ReportSection | undefined;
  viewer: Viewer;
}

const Bar = ({ base, section, viewer: { name, organization, formToken } }: BarProps): ReactNode =>
  h(
    'header',
    { className: 'top' },
    h(
      'div',
      { className: 'inner' },
      h('span', { className: 'brand' }, h(Logo), 'Ambit', organization && h('span', null, organization)),
      h(
        'nav',
        { 'aria-label': 'Reports' },
        h(
          'ul',
          null,
          list(
            LINKS.map(([link, text, path]) =>
              h(
                'li',
                null,
                h('a', { href: `${base}${path}`, 'aria-current': link === section ? 'page' : undefined }, text),
              ),
            ),
          ),
        ),
      ),
      h(
        'div',
        { className: 'account' },
        h('span', { className: 'who' }, name),
        h('a', { href: `${base}/organization` }, 'Change organization'),
        h(
          'form',
          { method: 'post', action: `${base}/sign-out` },
          h('input', { type: 'hidden', name: 'token', value: formToken }),
          h('button', { type: 'submit' }, 'Sign out'),
        ),
      ),
    ),
  );

/** Three bars, each higher than the one before. */
const Logo = (): ReactNode =>
  h(
    'svg',
    { className: 'logo', width: 20, height: 20, viewBox: '0 0 20 20', 'aria-hidden': true, focusable: false },
    h('rect', { className: 'l1', x: 1, y: 12, width: 5, height: 7, rx: 1.5 }),
    h('rect', { className: 'l3', x: 7.5, y: 7, width: 5, height: 12, rx: 1.5 }),
    h('rect', { className: 'l6', x: 14, y: 1, width: 5, height: 18, rx: 1.5 }),
  );

const Footer = ({ time }: { time: Date }): ReactNode =>
  h(
    'footer',
    null,
    'As of ',
    h('time', { dateTime: time.toISOString() }, dateAndTime(time)),
    '. Days begin at 00:00 UTC.',
  );

export const htmlResponse = (status: number, layout: Layout, headers: Record<string, string> = {}): HttpResponse => ({
  status,
  headers: { ...SECURITY_HEADERS, 'content-type': 'text/html; charset=utf-8', ...headers },
  body: renderDocument(layout),
});
