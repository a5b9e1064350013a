import { and, between, count, eq, gte, sql } from 'drizzle-orm';
import { z } from 'zod';
import { type Context, db, tenant } from '../../context.ts';
import { rowsOf } from '../../data/rows.ts';
import { listPage, type Page, type PageArgs } from '../../db/page.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { multiLine, parse, singleLine } from '../../lib/input.ts';
import { refuseIfUsed } from '../check/service.ts';
import { lockRubric } from '../rubric/service.ts';
import { levels } from './table.ts';

export type LevelRow = typeof levels.$inferSelect;

const rows = rowsOf(levels, 'lvl');

export const findLevel = rows.find;

export async function listLevels(ctx: Context, args: PageArgs): Promise<Page<LevelRow>> {
  const order = [{ column: levels.index, key: (row: LevelRow) => row.index }];
  return await listPage<LevelRow>(
    await db(ctx),
    { reader: rows.reader, where: eq(levels.organizationId, tenant(ctx)), asked: [tenant(ctx)], order },
    args,
  );
}

const Create = z.object({ name: singleLine(100), description: multiLine(2000), index: z.int().nullish() });

/** Puts the level at `index`, and those from there on one higher; on top of all unless told. */
export async function createLevel(ctx: Context, input: unknown): Promise<LevelRow> {
  const { index, ...given } = parse(Create, input);
  await lockRubric(ctx);
  const size = await countLevels(ctx);
  const at = index ?? size;
  refuseOutside(at, size);
  await shift(ctx, gte(levels.index, at), 1);
  return await rows.insert(ctx, { ...given, index: at });
}

const Update = Create.partial().extend({ index: z.int().optional() });

export async function updateLevel(ctx: Context, id: string, input: unknown): Promise<LevelRow> {
  const changes = parse(Update, input);
  await lockRubric(ctx);
  const before = await rows.lock(ctx, id);
  if (changes.index !== undefined && changes.index !== before.index) await makeRoom(ctx, before, changes.index);
  return await rows.update(ctx, before, changes);
}

export async function deleteLevel(ctx: Context, id: string): Promise<string> {
  await lockRubric(ctx);
  const level = await rows.lock(ctx, id);
  await refuseIfUsed(ctx, 'level', id);
  const deleted = await rows.remove(ctx, level);
  await shift(ctx, gte(levels.index, level.index), -1);
  return deleted;
}

/** Parks the level out of the order, and lets those between its old and its new place move up by one. */
async function makeRoom(ctx: Context, level: LevelRow, to: number): Promise<void> {
  refuseOutside(to, (await countLevels(ctx)) - 1);
  await shift(ctx, eq(levels.id, level.id), -1 - level.index);
  const [low, high, by] = to > level.index ? [level.index, to, -1] : [to, level.index, 1];
  await shift(ctx, between(levels.index, low, high), by);
}

async function shift(ctx: Context, which: ReturnType<typeof and>, by: number): Promise<void> {
  await (await db(ctx))
    .update(levels)
    .set({ index: sql`${levels.index} + ${by}` })
    .where(and(eq(levels.organizationId, tenant(ctx)), which));
}

async function countLevels(ctx: Context): Promise<number> {
  const [all] = await (await db(ctx))
    .select({ total: count() })
    .from(levels)
    .where(eq(levels.organizationId, tenant(ctx)));
  return all?.total ?? 0;
}

function refuseOutside(index: number, highest: number): void {
  if (index < 0 || index > highest)
    throw invalid(
      userError('INVALID', 'index', `index: must be between 0 and ${highest}, so that no place stays empty.`),
    );
}
