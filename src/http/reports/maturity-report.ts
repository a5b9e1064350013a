import { canOnSome, requireOnSome } from '../../access/access.ts';
import type { Context } from '../../context.ts';
import { findMaturityReport } from '../../resources/evaluation/maturity-report.ts';
import { listNamedLevels } from '../../resources/evaluation/named-levels.ts';
import { listRated, listRatedIds, readRated } from '../../resources/evaluation/service-steps.ts';
import { MAX_DAYS } from '../../resources/evaluation/services-report.ts';
import { listScorecards } from '../../resources/scorecard/listed.ts';
import { partsOf } from './file-parts.ts';
import type { Breadcrumb } from './layout.ts';
import { type NamedScope, queryOf, reportScopeOf, scopeIn } from './maturity-scope.ts';
import { maturityCsv, SERVICES_HEAD, servicesCsv } from './pages/csv.ts';
import type { MaturityLinks } from './pages/maturity/links.ts';
import { maturityPage } from './pages/maturity/page.ts';
import { TREND_DAYS } from './pages/maturity/trend.ts';
import { numberIn, pageIn, urlOf, withoutFirst } from './query.ts';
import { fileOf, type Render, type ReportFile } from './report.ts';

const SIZE = 50;
/** The number of scorecards of a page. It is smaller, because each scorecard is counted with a statement of its own. */
const SCORECARDS = 20;
const ALL = { page: 1, size: Number.MAX_SAFE_INTEGER };

/** The parameters of all lists. A link to a page of one list keeps the pages of the others. */
interface Lists {
  readonly days: number;
  readonly teams: number;
  readonly scorecards: number;
  readonly services: number;
}

export const renderMaturity: Render = async (ctx, { query, base }) => {
  const lists: Lists = {
    days: numberIn(query, 'days', TREND_DAYS),
    teams: pageIn(query, 'teams'),
    scorecards: pageIn(query, 'scorecards'),
    services: pageIn(query, 'services'),
  };
  const named = await scopeIn(ctx, query);
  const scope = reportScopeOf(named);
  const isPart = named.team !== null || named.scorecard !== null;
  const report = await findMaturityReport(ctx, { scope, days: lists.days, page: lists.teams, size: SIZE });
  const canList = isPart && canOnSome(ctx.unit.access, 'service:read');
  const services = canList ? await listRated(ctx, scope, { page: lists.services, size: SIZE }) : null;
  const scorecards = isPart ? null : await listScorecards(ctx, { page: lists.scorecards, size: SCORECARDS });
  const shown = {
    ...{ report, scorecards, services, days: lists.days },
    scope: named,
    breadcrumbs: breadcrumbsOf(named, base),
    links: linksOf(named, lists, { base, hasFile: canList || !isPart }),
  };
  return { ...maturityPage(shown), time: ctx.dependencies.clock() };
};

function linksOf(
  named: NamedScope,
  lists: Lists,
  { base, hasFile }: { base: string; hasFile: boolean },
): MaturityLinks {
  const path = `${base}/maturity`;
  const own = queryOf(named.team, named.scorecard);
  const given = (changed: Partial<Lists>): string => {
    const { days, ...pages } = { ...lists, ...changed };
    return urlOf(path, { ...own, days, ...withoutFirst(pages) });
  };
  return {
    csv: hasFile ? urlOf(`${path}.csv`, own) : null,
    days: (days) => given({ days }),
    teams: (teams) => given({ teams }),
    scorecards: (scorecards) => given({ scorecards }),
    services: (services) => given({ services }),
    team: (id) => urlOf(path, queryOf({ id }, named.scorecard)),
    scorecard: (id) => urlOf(path, queryOf(null, { id })),
  };
}

/** The report of all teams, and for a team in a scorecard the report of the scorecard. */
function breadcrumbsOf({ team, scorecard }: NamedScope, base: string): Breadcrumb[] {
  if (!team && !scorecard) return [];
  const path = `${base}/maturity`;
  const all = { text: 'Maturity', href: path };
  return team && scorecard ? [all, { text: scorecard.name, href: urlOf(path, queryOf(null, scorecard)) }] : [all];
}

/** The numbers of all teams, scorecards and days. For a team or a scorecard: its services and the checks that they need. */
export const renderMaturityFile: Render = async (ctx, { query }) => {
  const named = await scopeIn(ctx, query);
  if (named.team || named.scorecard) return await servicesFile(ctx, named, query);
  const scope = reportScopeOf(named);
  const report = await findMaturityReport(ctx, { scope, days: MAX_DAYS, ...ALL });
  const scorecards = await listScorecards(ctx, ALL);
  return fileOf(ctx, 'maturity', [async () => maturityCsv(report, scorecards?.items ?? [])]);
};

/** The number of services of one part of a file. */
const PER_PART = 100;

async function servicesFile(ctx: Context, named: NamedScope, query: URLSearchParams): Promise<ReportFile> {
  const scope = reportScopeOf(named);
  requireOnSome(ctx.unit.access, 'service:read');
  const parts = partsOf(SERVICES_HEAD, await listRatedIds(ctx, scope), PER_PART, async (own, ids) => {
    requireOnSome(own.unit.access, 'service:read');
    await scopeIn(own, query);
    const levels = (await listNamedLevels(own)).map(({ name }) => name);
    return servicesCsv(await readRated(own, scope, ids, Number.MAX_SAFE_INTEGER), levels);
  });
  const names = Object.values(queryOf(named.team, named.scorecard)).filter((one) => one !== null);
  return fileOf(ctx, ['maturity', ...names].join('-'), parts);
}
