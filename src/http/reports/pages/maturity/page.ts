import type { Paged } from '../../../../lib/paged.ts';
import type { MaturityReport, NamedGroup } from '../../../../resources/evaluation/maturity-report.ts';
import type { RatedService } from '../../../../resources/evaluation/service-steps.ts';
import type { Breadcrumb } from '../../layout.ts';
import type { NamedScope } from '../../maturity-scope.ts';
import type { ReportPage } from '../../report.ts';
import { Fragment, h, type ReactElement } from '../element.ts';
import { count } from '../format.ts';
import { empty } from '../parts.ts';
import { byCategory, byScorecard, byTeam } from './groups.ts';
import type { MaturityLinks } from './links.ts';
import { nextSteps } from './next-steps.ts';
import { byService } from './services.ts';
import { now, summary } from './summary.ts';
import { trend } from './trend.ts';

export interface MaturityPage {
  readonly report: MaturityReport;
  readonly scope: NamedScope;
  /** The pages above this one, from the top. */
  readonly breadcrumbs: readonly Breadcrumb[];
  /** Null in the report of a team or scorecard, and if the caller cannot read scorecards. */
  readonly scorecards: Paged<NamedGroup> | null;
  /** Null in the report of all teams in the rubric, and if the caller cannot read services. */
  readonly services: Paged<RatedService> | null;
  readonly days: number;
  readonly links: MaturityLinks;
}

/** The levels of all services, or of those of a team, in the rubric or in a scorecard. */
export const maturityPage = (page: MaturityPage): ReportPage => ({
  title: page.scope.team?.name ?? page.scope.scorecard?.name ?? 'Maturity',
  breadcrumbs: page.breadcrumbs,
  section: 'maturity',
  about: about(page),
  links: page.links.csv && h('a', { href: page.links.csv, download: true }, 'Download as CSV'),
  body: page.report.overall.services === 0 ? withoutServices(page) : content(page),
});

function about({ report: { overall }, scope: { team, scorecard } }: MaturityPage): string {
  const services = count(overall.services, 'service');
  if (!team) return `The levels of ${services} in the ${scorecard ? 'scorecard' : 'rubric'}.`;
  const whose = team.id === null ? 'without an owner' : 'of the team';
  return `The levels of ${services} ${whose} in the ${scorecard ? `scorecard ${scorecard.name}` : 'rubric'}.`;
}

function withoutServices({ scope: { team, scorecard } }: MaturityPage): ReactElement {
  if (scorecard) return empty('No check of the scorecard applies to a service that you can read.');
  if (!team) return empty('There are no services that you can read.');
  if (team.id === null) return empty('There are no services without an owner that you can read.');
  return empty('The team has no services that you can read.');
}

const content = ({ report, scope: { team }, scorecards, services, days, links }: MaturityPage): ReactElement =>
  h(
    Fragment,
    null,
    summary(report),
    team ? now(report) : h('div', { className: 'columns' }, now(report), trend(report, days, links)),
    report.next && nextSteps(report.next),
    report.categories && report.categories.length > 0 && byCategory(report.categories, report.levels),
    scorecards && scorecards.items.length > 0 && byScorecard(scorecards, report.levels, links),
    report.teams && byTeam(report.teams, report.levels, links),
    services && byService({ services, levels: report.levels, isOfTeam: team !== null, links }),
  );
