import type { Paged } from '../../../../lib/paged.ts';
import type { FailingService } from '../../../../resources/campaign/failing.ts';
import type { CampaignResult } from '../../../../resources/campaign/results.ts';
import { table } from '../data-table.ts';
import { h, list, type ReactElement, type ReactNode } from '../element.ts';
import { markdown } from '../markdown.ts';
import { paging } from '../paging.ts';
import { empty, more, section } from '../parts.ts';
import type { CampaignLinks } from './links.ts';
import { day } from './status.ts';

export const failingServices = (failing: Paged<FailingService>, links: CampaignLinks): ReactElement =>
  section(
    {
      id: 'failing',
      title: 'Failing services',
      about: failing.total > 0 && 'The services with the most failing checks come first.',
    },
    failing.total === 0 && failing.page === 1
      ? empty('All services pass all checks of the campaign.')
      : table({
          caption: 'Failing services and the checks that they fail',
          className: 'failing',
          columns: [
            { head: 'Service', label: 'Service', className: 'name' },
            { head: 'Team', label: 'Team' },
            { head: 'Failing checks', label: 'Failing checks', className: 'text' },
          ],
          rows: failing.items.map(({ name, team, failing: all, results }) => ({
            head: name,
            cells: [
              team ?? h('span', { className: 'zero' }, 'none'),
              h('ul', null, list([...results.map(resultOf), more(all - results.length)])),
            ],
          })),
        }),
    paging(failing, { of: 'service', href: links.failing, id: 'failing' }),
  );

const resultOf = ({ check, status, message, since }: CampaignResult): ReactNode =>
  h(
    'li',
    null,
    h('b', null, check ?? 'A check'),
    ' ',
    h('span', { className: 'tag' }, status === 'PENDING' ? 'pending since ' : 'since ', day(since)),
    message && markdown(message),
  );
