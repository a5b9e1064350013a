import { renderToStaticMarkup } from 'react-dom/server';
import { patterns } from './bar.ts';
import { h, list, type ReactElement, type ReactNode } from './element.ts';
import { dateAndTime } from './format.ts';
import { STYLE } from './style.ts';

export interface Frame {
  /** The name of the organization. Null before somebody has signed in. */
  readonly organization: string | null;
  /** The signed-in person and the form for signing out. */
  readonly account?: ReactNode;
  /** When the data was read. Null if the page has none. */
  readonly time: Date | null;
}

export interface Page {
  readonly title: string;
  /** The link of the navigation that the page belongs to. */
  readonly section?: 'maturity' | 'campaigns' | null;
  readonly body: ReactNode;
}

const LINKS = [
  ['maturity', 'Maturity', '/reports/maturity'],
  ['campaigns', 'Campaigns', '/reports'],
] as const;

/** The whole HTML document. */
export const renderDocument = (frame: Frame, page: Page): string =>
  `<!doctype html>\n${renderToStaticMarkup(document(frame, page))}\n`;

const document = (frame: Frame, { title, section = null, body }: Page): ReactElement =>
  h(
    'html',
    { lang: 'en' },
    h(
      'head',
      null,
      h('meta', { charSet: 'utf-8' }),
      h('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
      h('meta', { name: 'color-scheme', content: 'light dark' }),
      h('title', null, [title, frame.organization, 'Ambit'].filter(Boolean).join(' · ')),
      h('link', { rel: 'icon', href: 'data:,' }),
      h('style', { dangerouslySetInnerHTML: { __html: STYLE } }),
    ),
    h(
      'body',
      null,
      h('a', { className: 'skip', href: '#content' }, 'Skip to the content'),
      patterns(),
      header(frame, section),
      h('main', { id: 'content', tabIndex: -1 }, body),
      frame.time && footer(frame.time),
    ),
  );

const header = ({ organization, account }: Frame, section: Page['section']): ReactElement =>
  h(
    'header',
    { className: 'top' },
    h(
      'div',
      { className: 'inner' },
      h('span', { className: 'brand' }, logo(), 'Ambit', organization && h('span', null, organization)),
      organization &&
        h('nav', { 'aria-label': 'Reports' }, h('ul', null, list(LINKS.map((link) => item(link, section))))),
      account && h('div', { className: 'account' }, account),
    ),
  );

const item = ([name, text, href]: (typeof LINKS)[number], section: Page['section']): ReactElement =>
  h('li', null, h('a', { href, 'aria-current': name === section ? 'page' : undefined }, text));

/** Three bars, each higher than the one before. */
const logo = (): ReactElement =>
  h(
    'svg',
    { className: 'logo', width: 20, height: 20, viewBox: '0 0 20 20', 'aria-hidden': true, focusable: false },
    h('rect', { className: 'l1', x: 1, y: 12, width: 5, height: 7, rx: 1.5 }),
    h('rect', { className: 'l3', x: 7.5, y: 7, width: 5, height: 12, rx: 1.5 }),
    h('rect', { className: 'l6', x: 14, y: 1, width: 5, height: 18, rx: 1.5 }),
  );

const footer = (time: Date): ReactElement =>
  h(
    'footer',
    null,
    'As of ',
    h('time', { dateTime: time.toISOString() }, dateAndTime(time)),
    '. Days begin at 00:00 UTC.',
  );
