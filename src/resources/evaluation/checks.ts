import { type SQL, sql } from 'drizzle-orm';
import type { Db } from '../../db/client.ts';
import { readerOf } from '../../db/reader.ts';
import { campaigns } from '../campaign/table.ts';
import { categories } from '../category/table.ts';
import type { CheckRow } from '../check/service.ts';
import { isEnabled } from '../check/state.ts';
import { checks } from '../check/table.ts';
import { scorecards } from '../scorecard/table.ts';

const { id, type, categoryId, levelId, settings, definitionId, integrationId, passPending, enabled, enableOn } = checks;
const { filterId, campaignId } = checks;
const own = {
  ...{ id, type, categoryId, levelId, settings, definitionId, integrationId, passPending, enabled, enableOn },
  campaignId,
};
const columns = {
  ...own,
  filterId,
  startAt: campaigns.startAt,
  endedAt: campaigns.endedAt,
  campaignFilterId: campaigns.filterId,
  scorecardId: categories.scorecardId,
  scorecardFilterId: scorecards.filterId,
};

type Row = Pick<CheckRow, keyof typeof own | 'filterId'> & {
  startAt: Date | null;
  endedAt: Date | null;
  campaignFilterId: string | null;
  scorecardId: string | null;
  scorecardFilterId: string | null;
};

/** A check with what the campaign or the scorecard that it belongs to says about it. */
export interface CheckToEvaluate extends Pick<CheckRow, keyof typeof own> {
  /** The scorecard of the category. Null for a check of the rubric or of a campaign. */
  readonly scorecardId: string | null;
  /** The times of the campaign. */
  readonly startAt: Date | null;
  readonly endedAt: Date | null;
  /** The check applies to the services that match all of these filters. */
  readonly filterIds: readonly string[];
}

const inOne = (table: typeof campaigns | typeof categories | typeof scorecards, reference: SQL): SQL =>
  sql`left join ${table} on ${table.organizationId} = ${checks.organizationId} and ${table.id} = ${reference}`;

const reader = readerOf<Row>(
  checks,
  columns,
  sql`${checks} ${inOne(campaigns, sql`${checks.campaignId}`)} ${inOne(categories, sql`${checks.categoryId}`)}
    ${inOne(scorecards, sql`${categories.scorecardId}`)}`,
);

/** All checks of an organization, ordered by ID, or the one with this ID. */
export async function loadChecks(db: Db, organizationId: string, only?: string): Promise<CheckToEvaluate[]> {
  const which = only === undefined ? sql`` : sql`and ${checks.id} = ${only}`;
  const rows = await reader.read(
    db,
    sql`where ${checks.organizationId} = ${organizationId} ${which} order by ${checks.id}`,
  );
  return rows.map(toCheck);
}

function toCheck({ filterId, campaignFilterId, scorecardId, scorecardFilterId, ...row }: Row): CheckToEvaluate {
  const filters = row.campaignId === null ? [filterId, scorecardFilterId] : [filterId, campaignFilterId];
  return {
    ...row,
    // A copy in a campaign keeps the category of its source, but does not count for a scorecard.
    scorecardId: row.campaignId === null ? scorecardId : null,
    filterIds: filters.filter((one) => one !== null),
  };
}

/** Whether services must pass the check at this time. A check of a campaign counts while the campaign is in progress. */
export const counts = (check: CheckToEvaluate, time: Date): boolean =>
  isEnabled(check, time) && (check.campaignId === null || isInProgress(check, time));

const isInProgress = ({ startAt, endedAt }: CheckToEvaluate, time: Date): boolean =>
  startAt !== null && startAt <= time && endedAt === null;

/** The times at which the check can begin to count. */
export const beginnings = ({ enableOn, startAt, endedAt }: CheckToEvaluate): Date[] =>
  [enableOn, endedAt ? null : startAt].filter((time) => time !== null);
