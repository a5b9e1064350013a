import { type SQL, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { queryRows } from '../../db/reader.ts';
import { sendStatement } from '../../db/writer.ts';
import { levels } from '../level/table.ts';
import { serviceLevels, services } from '../service/table.ts';

/**
 * Moves the services of a level to the level before, or to the one after if it is the first. No check has the deleted level, so
 * an evaluation would give the same levels. The level is locked, so no evaluation is running.
 */
export async function leaveLevel(ctx: Context, { id, index }: { id: string; index: number }): Promise<void> {
  const tx = await db(ctx);
  const own = (table: typeof services | typeof serviceLevels): SQL =>
    sql`${table.organizationId} = ${tenant(ctx)} and ${table.levelId} = ${id}`;
  const [next] = await queryRows<{ id: string }>(
    tx,
    sql`select ${levels.id} from ${levels} where ${levels.organizationId} = ${tenant(ctx)}
      and ${levels.index} = ${index === 0 ? 1 : index - 1}`,
  );
  // In the order in which evaluations lock services.
  await queryRows(
    tx,
    sql`select ${services.id} from ${services} where ${services.organizationId} = ${tenant(ctx)}
      and (${services.levelId} = ${id} or exists (select 1 from ${serviceLevels} where ${own(serviceLevels)}
        and ${serviceLevels.serviceId} = ${services.id})) order by ${services.id} for no key update`,
  );
  await sendStatement(tx, sql`update ${services} set level_id = ${next?.id ?? null} where ${own(services)}`);
  await sendStatement(
    tx,
    next
      ? sql`update ${serviceLevels} set level_id = ${next.id} where ${own(serviceLevels)}`
      : sql`delete from ${serviceLevels} where ${own(serviceLevels)}`,
  );
}
