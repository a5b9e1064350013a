import { and, eq, isNull, type SQL, sql } from 'drizzle-orm';
import { type Context, tenant } from '../../context.ts';
import { pagesOf } from '../../data/loader.ts';
import { ofServices } from '../../data/service-scope.ts';
import type { NestedOptions } from '../../db/nested.ts';
import type { Page, PageArgs } from '../../db/page.ts';
import { readerOf } from '../../db/reader.ts';
import { getOrAdd } from '../../lib/maps.ts';
import { checks } from '../check/table.ts';
import { checkResults } from './table.ts';

export type CheckResultRow = typeof checkResults.$inferSelect;

const reader = readerOf<CheckResultRow>(checkResults);
const order = [
  { column: checkResults.createdAt, key: (row: CheckResultRow) => row.createdAt.toISOString() },
  { column: checkResults.id, key: (row: CheckResultRow) => row.id },
];

/** Selects results. `conditions` is for rows of `check_results`. */
export interface Selected {
  readonly conditions: readonly SQL[];
  /** What the cursors of the list are bound to. */
  readonly asked: unknown;
}

/** Only results that no other has replaced, or all. */
export type Which = 'latest' | 'all';

/** The results of each service, or of each check, newest first, one page for each of them. */
export async function listResults(
  ctx: Context,
  of: { which: Which; by: 'serviceId' | 'checkId'; id: string },
  { conditions, asked }: Selected,
  args: PageArgs,
): Promise<Page<CheckResultRow>> {
  const { which, by } = of;
  const options = (own: Context): NestedOptions<CheckResultRow> => ({
    reader,
    where: (id) =>
      and(
        eq(checkResults.organizationId, tenant(own)),
        sql`${checkResults[by]} = ${id}`,
        ofServices(own, checkResults.serviceId, 'check_result:read'),
        which === 'latest' ? isNull(checkResults.replacedAt) : undefined,
        ...conditions,
      ) as SQL,
    asked: (id) => [tenant(own), which, by, id, asked],
    order,
    descending: true,
  });
  // Lists with the same arguments share a statement for all parents of the response.
  const key = `check results ${which} ${by} ${JSON.stringify(asked)}`;
  const pages = getOrAdd(ctx.unit.loaders, key, () => pagesOf(options)) as ReturnType<typeof pagesOf<CheckResultRow>>;
  return await pages(ctx, of.id, args);
}

/** The condition that the check of a result meets a condition. */
export const whoseCheck = (ctx: Context, isMet: SQL): SQL =>
  sql`exists (select 1 from ${checks} where ${and(eq(checks.organizationId, tenant(ctx)), eq(checks.id, checkResults.checkId), isMet)})`;
