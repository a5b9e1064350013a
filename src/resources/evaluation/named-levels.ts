import { sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { queryRows } from '../../db/reader.ts';
import { levels } from '../level/table.ts';

export interface NamedLevel {
  readonly id: string;
  readonly name: string;
}

/** The levels, lowest first. Without `level:read`, a level has its position instead of its name. */
export async function listNamedLevels(ctx: Context): Promise<NamedLevel[]> {
  const rows = await queryRows<NamedLevel>(
    await db(ctx),
    sql`select ${levels.id}, ${levels.name} from ${levels}
      where ${levels.organizationId} = ${tenant(ctx)} order by ${levels.index}`,
  );
  return ctx.unit.access.can('level:read') ? rows : rows.map(({ id }, at) => ({ id, name: `Level ${at + 1}` }));
}
