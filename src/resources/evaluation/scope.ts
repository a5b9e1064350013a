import { type Context, db, tenant } from '../../context.ts';
import type { Db } from '../../db/client.ts';

/** What an evaluation needs. A request and a job have it. */
export interface Scope {
  readonly db: Db;
  readonly organizationId: string;
  readonly now: Date;
}

export const scopeOf = async (ctx: Context): Promise<Scope> => ({
  db: await db(ctx),
  organizationId: tenant(ctx),
  now: ctx.dependencies.clock(),
});
