import type { Paged } from '../../../lib/paged.ts';
import { h, type ReactElement } from './element.ts';
import { count, number } from './format.ts';

/** The highest number of a page. For later pages, the database would skip too many rows. */
export const MAX_PAGE = 1_000;

/** Links to the other pages of a list. Null if it has one page only. */
export function paging(
  { page, size, total, items }: Paged<unknown>,
  { of, href, id }: { of: string; href: (page: number) => string; id: string },
): ReactElement | null {
  if (total <= size && page === 1) return null;
  const first = (page - 1) * size + 1;
  const shown =
    items.length === 0
      ? `No more ${of}s.`
      : `${number(first)} to ${number(first + items.length - 1)} of ${count(total, of)}`;
  const hasMore = page * size < total;
  return h(
    'nav',
    { className: 'paging', 'aria-label': `Pages of ${of}s` },
    h('span', null, shown),
    page > 1 && h('a', { href: `${href(page - 1)}#${id}`, rel: 'prev' }, '← Previous'),
    hasMore && page === MAX_PAGE && h('span', null, 'The other pages are not shown.'),
    hasMore && page < MAX_PAGE && h('a', { href: `${href(page + 1)}#${id}`, rel: 'next' }, 'Next →'),
  );
}
