import { and, eq, isNull, type SQL, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { pagesOf } from '../../data/loader.ts';
import { ofServices } from '../../data/service-scope.ts';
import type { NestedOptions } from '../../db/nested.ts';
import { type ListOptions, listPage, type Page, type PageArgs } from '../../db/page.ts';
import { readerOf } from '../../db/reader.ts';
import { getOrAdd } from '../../lib/maps.ts';
import { checks } from '../check/table.ts';
import { latestStatusIs } from './status.ts';
import { type CheckStatus, checkResults } from './table.ts';

export type CheckResultRow = typeof checkResults.$inferSelect;

const reader = readerOf<CheckResultRow>(checkResults);
const order = [
  { column: checkResults.createdAt, key: (row: CheckResultRow) => row.createdAt.toISOString() },
  { column: checkResults.id, key: (row: CheckResultRow) => row.id },
];

/** Selects results. `ofCheck` is a condition for the row of the check. */
export interface Selected {
  readonly status?: CheckStatus | null | undefined;
  readonly ofCheck?: SQL | undefined;
  /** What the cursors of the list are bound to. */
  readonly asked: unknown;
}

/** The latest results of each service, or of each check, one page for each of them. */
export async function latestResults(
  ctx: Context,
  by: 'serviceId' | 'checkId',
  parent: string,
  selected: Selected,
  args: PageArgs,
): Promise<Page<CheckResultRow>> {
  const options = (own: Context): NestedOptions<CheckResultRow> => ({
    reader,
    where: (id) => and(latest(own, selected), sql`${checkResults[by]} = ${id}`) as SQL,
    asked: (id) => [tenant(own), by, id, selected.asked],
    order,
    descending: true,
  });
  // Lists with the same arguments share a statement for all parents of the response.
  const key = `check results ${by} ${JSON.stringify(selected.asked)}`;
  const pages = getOrAdd(ctx.unit.loaders, key, () => pagesOf(options)) as ReturnType<typeof pagesOf<CheckResultRow>>;
  return await pages(ctx, parent, args);
}

/** The results of the services on which the caller may read them. */
const ofReadable = (ctx: Context): SQL =>
  and(
    eq(checkResults.organizationId, tenant(ctx)),
    ofServices(ctx, checkResults.serviceId, 'check_result:read'),
  ) as SQL;

function latest(ctx: Context, { status, ofCheck }: Selected): SQL {
  const own = eq(checks.organizationId, tenant(ctx));
  return and(
    ofReadable(ctx),
    isNull(checkResults.replacedAt),
    status ? latestStatusIs(status, ctx.dependencies.clock()) : undefined,
    ofCheck && sql`exists (select 1 from ${checks} where ${and(own, eq(checks.id, checkResults.checkId), ofCheck)})`,
  ) as SQL;
}

/** The results that meet the condition, newest first. */
export async function listHistory(
  ctx: Context,
  isOf: SQL,
  asked: unknown,
  args: PageArgs,
): Promise<Page<CheckResultRow>> {
  const where = and(ofReadable(ctx), isOf) as SQL;
  const options: ListOptions<CheckResultRow> = {
    reader,
    where,
    asked: [tenant(ctx), 'history', asked],
    order,
    descending: true,
  };
  return await listPage(await db(ctx), options, args);
}
