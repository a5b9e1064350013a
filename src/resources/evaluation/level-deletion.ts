import { type SQL, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { queryRows } from '../../db/reader.ts';
import { sendStatement } from '../../db/writer.ts';
import { levels } from '../level/table.ts';
import { scorecardLevels, serviceLevels, services } from '../service/table.ts';

/**
 * Moves the services of a level to the level before, or to the one after if it is the first. No check has the deleted level, so
 * an evaluation would give the same levels. The level is locked, so no evaluation is running.
 */
export async function leaveLevel(ctx: Context, { id, index }: { id: string; index: number }): Promise<void> {
  const tx = await db(ctx);
  const own = (table: typeof services | LevelTable): SQL =>
    sql`${table.organizationId} = ${tenant(ctx)} and ${table.levelId} = ${id}`;
  const has = (table: LevelTable): SQL =>
    sql`exists (select 1 from ${table} where ${own(table)} and ${table.serviceId} = ${services.id})`;
  const [next] = await queryRows<{ id: string }>(
    tx,
    sql`select ${levels.id} from ${levels} where ${levels.organizationId} = ${tenant(ctx)}
      and ${levels.index} = ${index === 0 ? 1 : index - 1}`,
  );
  // In the order in which evaluations lock services.
  await queryRows(
    tx,
    sql`select ${services.id} from ${services} where ${services.organizationId} = ${tenant(ctx)}
      and (${services.levelId} = ${id} or ${has(serviceLevels)} or ${has(scorecardLevels)}) order by ${services.id} for no key update`,
  );
  await sendStatement(tx, sql`update ${services} set level_id = ${next?.id ?? null} where ${own(services)}`);
  for (const table of [serviceLevels, scorecardLevels])
    await sendStatement(
      tx,
      next
        ? sql`update ${table} set level_id = ${next.id} where ${own(table)}`
        : sql`delete from ${table} where ${own(table)}`,
    );
}

type LevelTable = typeof serviceLevels | typeof scorecardLevels;
