import type { Paged } from '../../../../lib/paged.ts';
import type { CheckProgress, TeamProgress } from '../../../../resources/campaign/campaign-report.ts';
import type { ReactElement } from '../element.ts';
import { paging } from '../paging.ts';
import { section } from '../parts.ts';
import type { CampaignLinks } from './links.ts';
import { progressTable } from './progress.ts';

export const byTeam = (teams: Paged<TeamProgress>, links: CampaignLinks): ReactElement =>
  section(
    {
      id: 'teams',
      title: 'Teams',
      about: 'The services of each team that pass all checks. The teams with the most failing services come first.',
    },
    progressTable('Progress by team', 'Team', teams.items),
    paging(teams, { of: 'team', href: links.teams, id: 'teams' }),
  );

export const byCheck = (checks: Paged<CheckProgress>, links: CampaignLinks): ReactElement =>
  section(
    { id: 'checks', title: 'Checks', about: 'The services that pass each check of the campaign.' },
    progressTable(
      'Services that pass, by check',
      'Check',
      checks.items.map(({ name, results, passingResults }) => ({
        ...{ name, results, passingResults },
        services: results,
        passingServices: passingResults,
      })),
    ),
    paging(checks, { of: 'check', href: links.checks, id: 'checks' }),
  );
