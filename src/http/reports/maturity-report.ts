import { findMaturityReport } from '../../resources/evaluation/maturity-report.ts';
import { MAX_DAYS } from '../../resources/evaluation/services-report.ts';
import { maturityCsv } from './pages/csv.ts';
import { maturityPage, TREND_DAYS } from './pages/maturity.ts';
import { numberIn, pageIn, urlOf } from './query.ts';
import { fileOf, type Render } from './report.ts';

const TEAMS = 50;

export const renderMaturity: Render = async (ctx, { query, base }) => {
  const days = numberIn(query, 'days', TREND_DAYS);
  const page = pageIn(query, 'teams');
  const report = await findMaturityReport(ctx, { days, page, size: TEAMS });
  const path = `${base}/maturity`;
  const links = {
    csv: `${path}.csv`,
    days: (other: number) => urlOf(path, { days: other }),
    teams: (other: number) => urlOf(path, { days, teams: other }),
  };
  return { ...maturityPage({ report, days, links }), time: ctx.dependencies.clock() };
};

/** All teams and all days. */
export const renderMaturityFile: Render = async (ctx) => {
  const report = await findMaturityReport(ctx, { days: MAX_DAYS, page: 1, size: Number.MAX_SAFE_INTEGER });
  return fileOf(ctx, 'maturity', maturityCsv(report));
};
