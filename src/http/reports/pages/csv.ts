import { cellOf, csv } from '../../../lib/csv.ts';
import type { CampaignResult } from '../../../resources/campaign/results.ts';
import type { LevelNumbers, MaturityReport, NamedGroup } from '../../../resources/evaluation/maturity-report.ts';
import type { RatedService } from '../../../resources/evaluation/service-steps.ts';
import { isoDay } from './format.ts';

type Row = readonly (string | number | null)[];

/** Lines of a file. Cells that a spreadsheet would execute are quoted. */
const linesOf = (rows: readonly Row[]): string => csv(rows.map((row) => row.map(cellOf)));

/** The services of each level: of all services, and by category, scorecard, team and day. */
export function maturityCsv(
  { levels, overall, categories, teams, trend }: MaturityReport,
  scorecards: readonly NamedGroup[],
): string {
  const row = (group: string, name: string, { services, byLevel, none }: LevelNumbers): Row => [
    ...[group, name, services],
    ...byLevel,
    none,
  ];
  return linesOf([
    ['group', 'name', 'services', ...levels, 'no level'],
    row('all', '', overall),
    ...(categories ?? []).map((one) => row('category', one.name, one)),
    ...scorecards.map((one) => row('scorecard', one.name, one)),
    ...(teams?.items ?? []).map((one) => row('team', one.name, one)),
    ...(trend ?? []).map((one) => row('day', isoDay(one.day), one)),
  ]);
}

export const SERVICES_HEAD = linesOf([['service', 'team', 'level', 'missing check', 'category', 'level of the check']]);

/** A line for each check that a service needs for its next level. A service that needs none has one line. */
export const servicesCsv = (services: readonly RatedService[], levels: readonly string[]): string =>
  linesOf(
    services.flatMap(({ name, team, level, steps }): Row[] => {
      const service = [name, team, nameOf(level, levels)];
      if (steps.length === 0) return [[...service, null, null, null]];
      return steps.map((step) => [...service, step.check, step.category, nameOf(step.level, levels)]);
    }),
  );

const nameOf = (level: number | null, levels: readonly string[]): string | null =>
  level === null ? null : (levels[level] ?? null);

export const RESULTS_HEAD = linesOf([['service', 'team', 'check', 'status', 'since', 'message']]);

/** A line for each result. */
export const resultsCsv = (results: readonly CampaignResult[], teams: ReadonlyMap<string, string>): string =>
  linesOf(
    results.map(({ service, teamId, check, status, since, message }) => [
      ...[service, teams.get(teamId ?? '') ?? null, check, status, since.toISOString(), message],
    ]),
  );
