import type { Paged } from '../../../../lib/paged.ts';
import type { RatedService, ServiceStep } from '../../../../resources/evaluation/service-steps.ts';
import { table } from '../data-table.ts';
import { h, list, type ReactElement, type ReactNode } from '../element.ts';
import { levelKey } from '../levels-table.ts';
import { paging } from '../paging.ts';
import { more, NOTHING, section } from '../parts.ts';
import type { MaturityLinks } from './links.ts';

interface Services {
  readonly services: Paged<RatedService>;
  readonly levels: readonly string[];
  /** Whether all services have the same owner. */
  readonly isOfTeam: boolean;
  readonly links: MaturityLinks;
}

/** The services with their levels, and the checks that they need for the next one. */
export const byService = ({ services, levels, isOfTeam, links }: Services): ReactElement =>
  section(
    { id: 'services', title: 'Services', about: ABOUT },
    table({
      caption: 'Services, their levels and what to do next',
      className: 'failing',
      columns: [
        { head: 'Service', label: 'Service', className: 'name' },
        ...(isOfTeam ? [] : [{ head: 'Team', label: 'Team' }]),
        { head: 'Level', label: 'Level' },
        { head: 'What to do next', label: 'What to do next', className: 'text' },
      ],
      rows: services.items.map((service) => ({
        head: service.name,
        cells: [
          ...(isOfTeam ? [] : [service.team ?? NOTHING]),
          service.level === null ? NOTHING : levelKey(service.level, levels),
          steps(service, levels),
        ],
      })),
    }),
    paging(services, { of: 'service', href: links.services, id: 'services' }),
  );

const ABOUT = 'The services with the lowest level come first, each with the checks that it needs for its next level.';

function steps({ level, missing, steps: shown }: RatedService, levels: readonly string[]): ReactNode {
  if (level === null) return h('span', { className: 'tag' }, 'No check applies to the service.');
  if (missing === 0)
    return h('span', { className: 'tag' }, level + 1 < levels.length ? AFTER_EVALUATION : 'It has the highest level.');
  return h('ul', null, list([...shown.map((step) => stepOf(step, levels)), more(missing - shown.length)]));
}

// The level was computed before the last result.
const AFTER_EVALUATION = 'It passes all checks of its next level, and gets this level with the next evaluation.';

const stepOf = ({ check, category, level }: ServiceStep, levels: readonly string[]): ReactNode =>
  h(
    'li',
    null,
    h('b', null, check ?? 'A check'),
    ' ',
    h('span', { className: 'tag' }, [category, `level ${levels[level] ?? ''}`].filter(Boolean).join(', ')),
  );
