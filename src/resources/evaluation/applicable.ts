import { sql } from 'drizzle-orm';
import { isAnyOf } from '../../db/array.ts';
import type { Db } from '../../db/client.ts';
import { queryRows } from '../../db/reader.ts';
import { compileFilter } from '../filter/compile.ts';
import { loadFiltersOf } from '../filter/service.ts';
import { services } from '../service/table.ts';
import type { CheckToEvaluate } from './checks.ts';

/** Which of these services a check applies to. Whether the check counts is another question. */
export async function selectApplicable(
  db: Db,
  organizationId: string,
  { filterIds }: Pick<CheckToEvaluate, 'filterIds'>,
  serviceIds: readonly string[],
): Promise<string[]> {
  const filters = await loadFiltersOf(db, organizationId, filterIds);
  const conditions = filterIds.map((id) => {
    const filter = filters.get(id);
    return filter ? sql` and ${compileFilter(filter, filters)}` : sql` and false`;
  });
  const own = sql`${services.organizationId} = ${organizationId} and ${isAnyOf(services.id, serviceIds)}`;
  const found = sql`select ${services.id} from ${services} where ${own}${sql.join(conditions)}`;
  return (await queryRows<{ id: string }>(db, found)).map(({ id }) => id);
}
