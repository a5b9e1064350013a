import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { type Context, db, tenant } from '../../context.ts';
import { rowsOf } from '../../data/rows.ts';
import { listPage, type Page, type PageArgs } from '../../db/page.ts';
import { multiLine, parse, singleLine } from '../../lib/input.ts';
import { refuseIfUsed } from '../check/service.ts';
import { categories } from './table.ts';

export type CategoryRow = typeof categories.$inferSelect;

const rows = rowsOf(categories, 'cat');

export const findCategory = rows.find;

export async function listCategories(ctx: Context, args: PageArgs): Promise<Page<CategoryRow>> {
  const order = [
    { column: categories.name, key: (row: CategoryRow) => row.name },
    { column: categories.id, key: (row: CategoryRow) => row.id },
  ];
  return await listPage<CategoryRow>(
    await db(ctx),
    { reader: rows.reader, where: eq(categories.organizationId, tenant(ctx)), asked: [tenant(ctx)], order },
    args,
  );
}

const Create = z.object({ name: singleLine(100), description: multiLine(2000) });

export async function createCategory(ctx: Context, input: unknown): Promise<CategoryRow> {
  return await rows.insert(ctx, parse(Create, input));
}

export async function updateCategory(ctx: Context, id: string, input: unknown): Promise<CategoryRow> {
  const changes = parse(Create.partial(), input);
  return await rows.update(ctx, await rows.lock(ctx, id), changes);
}

/** The lock makes a check that is being put into the category wait, and then fail. */
export async function deleteCategory(ctx: Context, id: string): Promise<string> {
  const category = await rows.lock(ctx, id);
  await refuseIfUsed(ctx, 'category', id);
  return await rows.remove(ctx, category);
}
