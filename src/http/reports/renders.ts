import { createElement as h } from 'react';
import type { Renders } from './report.ts';

/** The pages, by the paths of `REPORTS`. */
export const RENDERS: Renders = {
  '/reports/maturity': async () => ({ title: 'Maturity', body: h('p', null, 'This page has no content.') }),
};
