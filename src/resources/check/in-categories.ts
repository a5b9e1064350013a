import { and, eq, type SQL, sql } from 'drizzle-orm';
import { type Context, tenant } from '../../context.ts';
import { categories } from '../category/table.ts';
import { checks } from './table.ts';

/** The condition that a check belongs to one of the categories that match a condition. */
export const inCategories = (ctx: Context, which: SQL): SQL =>
  sql`${checks.categoryId} in (select ${categories.id} from ${categories}
    where ${and(eq(categories.organizationId, tenant(ctx)), which)})`;
