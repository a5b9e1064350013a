import { cellOf, csv } from '../../../lib/csv.ts';
import type { CampaignResult } from '../../../resources/campaign/results.ts';
import type { LevelNumbers, MaturityReport } from '../../../resources/evaluation/maturity-report.ts';
import { isoDay } from './format.ts';

type Row = readonly (string | number | null)[];

/** Lines of a file. Cells that a spreadsheet would execute are quoted. */
const fileOf = (rows: readonly Row[]): string => csv(rows.map((row) => row.map(cellOf)));

/** The services of each level: of all services, and by category, team and day. */
export function maturityCsv({ levels, overall, categories, teams, trend }: MaturityReport): string {
  const row = (group: string, name: string, { services, byLevel, none }: LevelNumbers): Row => [
    ...[group, name, services],
    ...byLevel,
    none,
  ];
  return fileOf([
    ['group', 'name', 'services', ...levels, 'no level'],
    row('all', '', overall),
    ...(categories ?? []).map((one) => row('category', one.name, one)),
    ...(teams?.items ?? []).map((one) => row('team', one.name, one)),
    ...(trend ?? []).map((one) => row('day', isoDay(one.day), one)),
  ]);
}

/** A line for each result. */
export const campaignCsv = (results: readonly CampaignResult[], teams: ReadonlyMap<string, string>): string =>
  fileOf([
    ['service', 'team', 'check', 'status', 'since', 'message'],
    ...results.map(({ service, teamId, check, status, since, message }) => [
      ...[service, teams.get(teamId ?? '') ?? null, check, status, since.toISOString(), message],
    ]),
  ]);
