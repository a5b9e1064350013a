import { eq } from 'drizzle-orm';
import { campaignHistory, type Progress } from '../resources/campaign/table.ts';
import { dayOf, NO_LEVEL } from '../resources/evaluation/history.ts';
import { recordNumbers } from '../resources/evaluation/record.ts';
import type { Scope } from '../resources/evaluation/scope.ts';
import { levels } from '../resources/level/table.ts';
import { maturityHistory } from '../resources/service/table.ts';
import { CAMPAIGN } from './demo-checks.ts';
import { DAY } from './demo-services.ts';

const DAYS = 120;

/** Stores the numbers of today, and numbers of past days that have grown to them. */
export async function createDemoHistory(scope: Scope): Promise<void> {
  await recordNumbers(scope);
  await createMaturityHistory(scope);
  await createCampaignHistory(scope);
}

const dayBefore = (now: Date, days: number): string => dayOf(new Date(now.getTime() - days * DAY));

const days = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);

async function createMaturityHistory({ db, organizationId, now }: Scope): Promise<void> {
  const ordered = db.select({ id: levels.id }).from(levels).where(eq(levels.organizationId, organizationId));
  const levelIds = (await ordered.orderBy(levels.index)).map(({ id }) => id);
  const today = await db.select().from(maturityHistory).where(eq(maturityHistory.organizationId, organizationId));
  await db.insert(maturityHistory).values(
    today.flatMap((row) =>
      days(DAYS).map((ago) => ({
        ...row,
        day: dayBefore(now, ago),
        services: earlierNumbers(row.services, levelIds, ago),
      })),
    ),
  );
}

/** Fewer services had the higher levels: the longer ago and the higher the level, the fewer. */
function earlierNumbers(today: Record<string, number>, levelIds: readonly string[], ago: number) {
  const growth = 1 - ago / (DAYS * 1.5);
  const atLeast = levelIds.map((_, from) => {
    const now = levelIds.slice(from).reduce((sum, id) => sum + (today[id] ?? 0), 0);
    return Math.round(now * growth ** from);
  });
  const byLevel = levelIds.map((id, at) => [id, (atLeast[at] ?? 0) - (atLeast[at + 1] ?? 0)] as const);
  return Object.fromEntries([...byLevel, [NO_LEVEL, today[NO_LEVEL] ?? 0]].filter(([, services]) => services !== 0));
}

async function createCampaignHistory({ db, organizationId, now }: Scope): Promise<void> {
  const today = await db.select().from(campaignHistory).where(eq(campaignHistory.organizationId, organizationId));
  await db.insert(campaignHistory).values(
    today.flatMap((row) =>
      days(CAMPAIGN.startedDaysAgo).map((ago) => ({
        ...row,
        day: dayBefore(now, ago),
        teams: Object.fromEntries(
          Object.entries(row.teams).map(([team, progress]) => [team, earlierProgress(progress, ago)]),
        ),
      })),
    ),
  );
}

/** Services and results that passed have grown since the start. Those of a team have changed on a few days only. */
function earlierProgress(today: Progress, ago: number): Progress {
  const growth = 1 - ago / (CAMPAIGN.startedDaysAgo * 1.25);
  return {
    ...today,
    passingServices: Math.round(today.passingServices * growth),
    passingResults: Math.round(today.passingResults * (0.5 + growth / 2)),
  };
}
