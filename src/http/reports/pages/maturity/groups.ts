import type { Paged } from '../../../../lib/paged.ts';
import type { NamedGroup } from '../../../../resources/evaluation/maturity-report.ts';
import { h, type ReactElement } from '../element.ts';
import { levelsTable } from '../levels-table.ts';
import { paging } from '../paging.ts';
import { section } from '../parts.ts';
import type { MaturityLinks } from './links.ts';

export const byCategory = (groups: readonly NamedGroup[], levels: readonly string[]): ReactElement =>
  section(
    {
      id: 'categories',
      title: 'Categories',
      about: 'The services to which at least one check of the category applies.',
    },
    levelsTable({ caption: 'Services of each level, by category', of: 'Category', levels, groups }),
  );

/** Each team is a link to its report. */
export const byTeam = (teams: Paged<NamedGroup>, levels: readonly string[], links: MaturityLinks): ReactElement =>
  section(
    { id: 'teams', title: 'Teams', about: 'The services that a team owns, without those of its child teams.' },
    levelsTable({
      caption: 'Services of each level, by team',
      of: 'Team',
      levels,
      groups: teams.items,
      headOf: ({ id, name }) => h('a', { href: links.team(id) }, name),
    }),
    paging(teams, { of: 'team', href: links.teams, id: 'teams' }),
  );

/** Each scorecard is a link to its report. */
export const byScorecard = (
  scorecards: Paged<NamedGroup>,
  levels: readonly string[],
  links: MaturityLinks,
): ReactElement =>
  section(
    {
      id: 'scorecards',
      title: 'Scorecards',
      about: 'The services to which at least one check of the scorecard applies, by their level in it.',
    },
    levelsTable({
      caption: 'Services of each level, by scorecard',
      of: 'Scorecard',
      levels,
      groups: scorecards.items,
      headOf: ({ id, name }) => h('a', { href: links.scorecard(id ?? '') }, name),
    }),
    paging(scorecards, { of: 'scorecard', href: links.scorecards, id: 'scorecards' }),
  );
