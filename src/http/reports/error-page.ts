import { Fragment, createElement as h, type ReactNode } from 'react';
import type { AmbitError } from '../../lib/errors.ts';
import { domainErrorResponse, type HttpResponse } from '../response.ts';
import { htmlResponse, type Viewer } from './layout.ts';
import type { OfferedReport } from './offered.ts';

const TITLES: Readonly<Record<number, string>> = {
  400: 'The request is not valid',
  403: 'No access',
  404: 'Page not found',
  413: 'The form is too large',
  415: 'The form cannot be read',
  429: 'Too many requests',
  500: 'Something went wrong',
  503: 'Not available now',
  504: 'The outcome is not known',
};

interface Shown {
  base: string;
  requestId: string;
  viewer?: Viewer | null;
  /** What the person can open instead. */
  reports?: readonly OfferedReport[];
}

const term = (name: string, value: ReactNode): ReactNode[] => [
  h('dt', { key: `${name} term` }, name),
  h('dd', { key: name }, value),
];

const offered = (base: string, reports: readonly OfferedReport[]): ReactNode =>
  h(
    'section',
    { key: 'reports', 'aria-labelledby': 'reports' },
    h('h2', { id: 'reports' }, 'Reports'),
    h(
      'ul',
      null,
      reports.map(({ text, path, missing }) =>
        h(
          'li',
          { key: path },
          missing.length === 0 ? h('a', { href: `${base}${path}` }, text) : [text, ' requires ', namesOf(missing)],
        ),
      ),
    ),
  );

const namesOf = (permissions: readonly string[]): ReactNode =>
  h(
    Fragment,
    { key: 'names' },
    permissions.map((name, at) => h(Fragment, { key: name }, at > 0 && ' and ', h('code', null, name))),
    ', which you do not have.',
  );

/** The page for an error. It has the status and the headers of the response of the API. */
export function errorPage(error: AmbitError, { base, requestId, viewer = null, reports = [] }: Shown): HttpResponse {
  const { status, headers } = domainErrorResponse(error, requestId);
  const { permission, hint } = error.extensions as { permission?: string | null; hint?: string };
  const { 'content-type': _json, 'www-authenticate': _scheme, ...own } = headers;
  const body = [
    h('p', { key: 'message', className: 'error', role: 'alert' }, error.message),
    hint ? h('p', { key: 'hint' }, hint) : null,
    reports.length > 0 ? offered(base, reports) : null,
    h(
      'dl',
      { key: 'details', className: 'quiet' },
      permission ? term('Missing permission', h('code', null, permission)) : null,
      term('Request ID', h('code', null, requestId)),
    ),
    viewer ? null : h('p', { key: 'home' }, h('a', { href: base }, 'Open the reports')),
  ];
  return htmlResponse(status, { base, title: TITLES[status] ?? 'Error', viewer, narrow: true, body }, own);
}
