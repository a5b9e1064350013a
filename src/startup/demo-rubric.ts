import type { Db } from '../db/client.ts';
import { newId } from '../lib/ids.ts';
import { campaigns } from '../resources/campaign/table.ts';
import { categories } from '../resources/category/table.ts';
import { checks } from '../resources/check/table.ts';
import { checkResults } from '../resources/check-result/table.ts';
import { scorecards } from '../resources/scorecard/table.ts';
import { CAMPAIGN, CHECKS, type DemoCheck, SCORECARD } from './demo-checks.ts';
import { aliasOf, DAY, type DemoIds, type Ids, idIn, idsByName } from './demo-services.ts';

type CheckRow = typeof checks.$inferSelect;

interface DemoRubric {
  /** The integration of the checks of type CUSTOM_EVENT. */
  readonly integrationId: string;
  /** Who has reported the results of manual checks. */
  readonly reporterId: string | null;
  readonly now: Date;
}

/**
 * Adds checks of each type to the rubric, a scorecard, a campaign in progress, and the results of manual checks. Evaluations
 * add the other results. Returns the checks without those of the campaign.
 */
export async function createDemoRubric(
  db: Db,
  ids: DemoIds,
  { integrationId, ...rest }: DemoRubric,
): Promise<CheckRow[]> {
  const ofScorecard = await createScorecard(db, ids);
  const created = [
    ...(await createChecks(db, ids, CHECKS, ids.categoryIds, integrationId)),
    ...(await createChecks(db, ids, SCORECARD.checks, ofScorecard, integrationId)),
  ];
  await createCampaign(db, ids, created, rest.now);
  await createResults(db, ids, created, rest);
  return created;
}

/** Returns the IDs of the categories by name. */
async function createScorecard(db: Db, { organizationId, teamIds, filterIds }: DemoIds): Promise<Ids> {
  const { name, description, team, filter } = SCORECARD;
  const scorecardId = newId();
  await db.insert(scorecards).values({
    ...{ organizationId, id: scorecardId, name, alias: aliasOf(name), description },
    ...{ teamId: idIn(teamIds, team), filterId: idIn(filterIds, filter) },
  });
  return idsByName(
    await db
      .insert(categories)
      .values(SCORECARD.categories.map((category) => ({ organizationId, scorecardId, name: category })))
      .returning({ id: categories.id, name: categories.name }),
  );
}

async function createChecks(
  db: Db,
  { organizationId, levelIds, filterIds }: DemoIds,
  given: readonly DemoCheck[],
  categoryIds: Ids,
  integrationId: string,
): Promise<CheckRow[]> {
  return await db
    .insert(checks)
    .values(
      given.map(({ name, type, settings = {}, category, level, filter }) => ({
        organizationId,
        name,
        alias: aliasOf(name).replaceAll('-', '_').slice(0, 63),
        type,
        settings,
        categoryId: idIn(categoryIds, category),
        levelId: idIn(levelIds, level),
        filterId: filter ? idIn(filterIds, filter) : null,
        integrationId: type === 'CUSTOM_EVENT' ? integrationId : null,
        enabled: true,
        notes: `**${name}.** Ask the owning team how it is done.`,
      })),
    )
    .returning();
}

async function createCampaign(
  db: Db,
  { organizationId, teamIds, filterIds }: DemoIds,
  sources: readonly CheckRow[],
  now: Date,
): Promise<void> {
  const { name, brief, team, filter, startedDaysAgo, daysToTarget } = CAMPAIGN;
  const campaignId = newId();
  const startAt = new Date(now.getTime() - startedDaysAgo * DAY);
  await db.insert(campaigns).values({
    ...{ organizationId, id: campaignId, name, brief, createdAt: startAt, startAt },
    targetAt: new Date(now.getTime() + daysToTarget * DAY),
    ...{ teamId: idIn(teamIds, team), filterId: idIn(filterIds, filter) },
  });
  const copied = sources.filter((source) => CAMPAIGN.checks.some((check) => check === source.name));
  const copies = copied.map((row) => ({ ...row, id: newId(), alias: null, campaignId, sourceCheckId: row.id }));
  await db.insert(checks).values(copies);
}

/**
 * Reports results of manual checks. Two of three services pass all of them. The others have results of three of four, and
 * some have failed.
 */
async function createResults(
  db: Db,
  { organizationId, serviceIds }: DemoIds,
  created: readonly CheckRow[],
  { reporterId, now }: Omit<DemoRubric, 'integrationId'>,
): Promise<void> {
  const manual = created.filter(({ type }) => type === 'MANUAL');
  await db.insert(checkResults).values(
    [...serviceIds.values()].flatMap((serviceId, at) =>
      manual
        .filter((_, index) => at % 3 !== 1 || (at + index) % 4 !== 0)
        .map(({ id: checkId }, index) => ({
          organizationId,
          serviceId,
          checkId,
          status: at % 3 === 1 && (at * 7 + index * 3) % 5 === 0 ? ('FAILED' as const) : ('PASSED' as const),
          message: 'Reviewed with the team.',
          reportedById: reporterId,
          createdAt: new Date(now.getTime() - ((at * 3) % 60) * DAY),
          expiresAt: new Date(now.getTime() + (30 + at) * DAY),
        })),
    ),
  );
}
