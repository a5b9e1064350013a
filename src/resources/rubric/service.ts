import { eq } from 'drizzle-orm';
import { audit, type Context, db, tenant } from '../../context.ts';
import { rowsOf } from '../../data/rows.ts';
import type { Db } from '../../db/client.ts';
import { AmbitError } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { categories } from '../category/table.ts';
import { levels } from '../level/table.ts';
import { lifecycles } from '../lifecycle/table.ts';
import { tiers } from '../tier/table.ts';
import { rubrics } from './table.ts';

export type RubricRow = typeof rubrics.$inferSelect;

const rows = rowsOf(rubrics, 'rub');

export async function getRubric(ctx: Context): Promise<RubricRow> {
  const [rubric] = await (await db(ctx))
    .select()
    .from(rubrics)
    .where(eq(rubrics.organizationId, tenant(ctx)));
  if (!rubric) throw organizationDeleted();
  return rubric;
}

/** The locked rubric. The lock serializes changes of the order of its levels. */
export async function lockRubric(ctx: Context): Promise<RubricRow> {
  const [rubric] = await (await db(ctx))
    .select()
    .from(rubrics)
    .where(eq(rubrics.organizationId, tenant(ctx)))
    .for('update');
  if (!rubric) throw organizationDeleted();
  return rubric;
}

/** Every organization has a rubric, so the organization was deleted during the request. */
const organizationDeleted = (): AmbitError => new AmbitError('NOT_FOUND', 'The organization was deleted a moment ago.');

export async function updateRubric(ctx: Context, changes: Partial<RubricRow>): Promise<RubricRow> {
  const before = await lockRubric(ctx);
  return await rows.update(ctx, before, changes);
}

const CATEGORIES = [
  ['Ownership', 'A team is responsible for the service and can be reached.'],
  ['Observability', 'The behavior of the service can be observed from outside.'],
  ['Reliability', 'The service withstands failures and recovers from them.'],
  ['Security', 'The service protects itself and its data.'],
] as const;

const LEVELS = [
  ['Bronze', 'The minimum for a service in production.'],
  ['Silver', 'The minimum for a service that other services depend on.'],
  ['Gold', 'The best services of the organization.'],
] as const;

const TIERS = [
  ['Tier 1', 'Mission critical: an outage stops the business.'],
  ['Tier 2', 'Important: an outage affects customers.'],
  ['Tier 3', 'Internal: an outage affects other teams.'],
  ['Tier 4', 'Low: an outage can wait.'],
] as const;

const LIFECYCLES = [
  ['Pre-alpha', 'In design or in early development.'],
  ['Alpha', 'Tested by its own team.'],
  ['Beta', 'Tested by some customers.'],
  ['Generally available', 'In production for all customers.'],
  ['End of life', 'No longer developed, and removed soon.'],
] as const;

const named = <Row extends object>(own: Row, rows: readonly (readonly [name: string, description: string])[]) =>
  rows.map(([name, description]) => ({ ...own, name, alias: name.toLowerCase().replaceAll(' ', '_'), description }));

const ordered = <Row extends object>(rows: Row[]) => rows.map((row, index) => ({ ...row, index }));

/** Creates the rubric, tiers and lifecycle stages that a new organization starts with. */
export async function createDefaultRubric(ctx: Context): Promise<void> {
  const rubric = await insertDefaultRubric(await db(ctx), tenant(ctx));
  const touched = rubric ? [{ id: toPublicId('rub', rubric.id), projectId: null }] : [];
  audit(ctx, { touched });
}

/** The same without an audit event. */
export async function insertDefaultRubric(tx: Db, organizationId: string): Promise<RubricRow | undefined> {
  const own = { organizationId };
  const [rubric] = await tx
    .insert(rubrics)
    .values({ ...own, name: 'Service maturity' })
    .returning();
  await tx.insert(categories).values(named(own, CATEGORIES));
  await tx.insert(levels).values(ordered(named(own, LEVELS)));
  await tx.insert(tiers).values(ordered(named(own, TIERS)));
  await tx.insert(lifecycles).values(ordered(named(own, LIFECYCLES)));
  return rubric;
}
