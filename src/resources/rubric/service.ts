import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { audit, type Context, db, tenant } from '../../context.ts';
import { rowsOf } from '../../data/rows.ts';
import { AmbitError } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { multiLine, parse, singleLine } from '../../lib/input.ts';
import { categories } from '../category/table.ts';
import { levels } from '../level/table.ts';
import { rubrics } from './table.ts';

export type RubricRow = typeof rubrics.$inferSelect;

const rows = rowsOf(rubrics, 'rub');

export const findRubric = rows.find;

export async function getRubric(ctx: Context): Promise<RubricRow> {
  const [rubric] = await (await db(ctx))
    .select()
    .from(rubrics)
    .where(eq(rubrics.organizationId, tenant(ctx)));
  if (!rubric) throw gone();
  return rubric;
}

/** The rubric, locked: what changes the order of its levels goes one after the other. */
export async function lockRubric(ctx: Context): Promise<RubricRow> {
  const [rubric] = await (await db(ctx))
    .select()
    .from(rubrics)
    .where(eq(rubrics.organizationId, tenant(ctx)))
    .for('update');
  if (!rubric) throw gone();
  return rubric;
}

/** Every organization has one, until it is deleted while the request runs. */
const gone = (): AmbitError => new AmbitError('NOT_FOUND', 'The organization was deleted a moment ago.');

const Update = z.object({ name: singleLine(100).optional(), description: multiLine(2000) });

export async function updateRubric(ctx: Context, input: unknown): Promise<RubricRow> {
  const changes = parse(Update, input);
  const before = await lockRubric(ctx);
  return await rows.update(ctx, before, changes);
}

const CATEGORIES = [
  ['Ownership', 'Somebody answers for the service and can be reached.'],
  ['Observability', 'What the service does can be seen from outside.'],
  ['Reliability', 'The service withstands failures and recovers from them.'],
  ['Security', 'The service protects itself and its data.'],
] as const;

const LEVELS = [
  ['Bronze', 'The least that a service in production needs.'],
  ['Silver', 'What a service that others depend on needs.'],
  ['Gold', 'What the organization is proud of.'],
] as const;

/** What a new organization starts with. */
export async function createDefaultRubric(ctx: Context): Promise<void> {
  const own = { organizationId: tenant(ctx) };
  const tx = await db(ctx);
  const [rubric] = await tx
    .insert(rubrics)
    .values({ ...own, name: 'Service maturity' })
    .returning();
  await tx.insert(categories).values(CATEGORIES.map(([name, description]) => ({ ...own, name, description })));
  await tx.insert(levels).values(LEVELS.map(([name, description], index) => ({ ...own, name, description, index })));
  if (rubric) audit(ctx, { after: { rubricId: toPublicId('rub', rubric.id) } });
}
