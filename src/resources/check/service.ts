import { and, count, eq, gt, isNull, lte, or, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { type Context, db, tenant } from '../../context.ts';
import { rowsOf } from '../../data/rows.ts';
import { listPage, type Page, type PageArgs } from '../../db/page.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { fromPublicId } from '../../lib/ids.ts';
import { idOf, multiLine, parse, singleLine } from '../../lib/input.ts';
import { findPrincipal } from '../principal/service.ts';
import { checks } from './table.ts';

export type CheckRow = typeof checks.$inferSelect;

const rows = rowsOf(checks, 'chk');

export const findCheck = rows.find;

/** A check counts from `enableOn` on, also when nobody has switched it on by hand. */
export const isEnabled = (ctx: Context, check: CheckRow): boolean =>
  check.enabled || (check.enableOn !== null && check.enableOn <= ctx.dependencies.clock());

export interface CheckFilter {
  categoryId?: string | null;
  levelId?: string | null;
  enabled?: boolean | null;
  search?: string | null;
}

export interface CheckOrder {
  field: 'NAME' | 'CREATED_AT';
  direction: 'ASC' | 'DESC';
}

export async function listChecks(
  ctx: Context,
  filter: CheckFilter,
  order: CheckOrder,
  args: PageArgs,
): Promise<Page<CheckRow>> {
  const byId = { column: checks.id, key: (row: CheckRow) => row.id };
  const byName = { column: checks.name, key: (row: CheckRow) => row.name };
  return await listPage<CheckRow>(
    await db(ctx),
    {
      reader: rows.reader,
      where: matching(ctx, filter),
      asked: [tenant(ctx), filter],
      // An id is a UUIDv7, so its order is that of creation.
      order: order.field === 'NAME' ? [byName, byId] : [byId],
      descending: order.direction === 'DESC',
    },
    args,
  );
}

const Search = z.object({ search: z.string().max(100).nullish() });

function matching(ctx: Context, filter: CheckFilter): SQL {
  const { search } = filter.search == null ? {} : parse(Search, { search: filter.search });
  const conditions = [
    eq(checks.organizationId, tenant(ctx)),
    filter.categoryId != null ? eqOrNone(checks.categoryId, fromPublicId('cat', filter.categoryId)) : undefined,
    filter.levelId != null ? eqOrNone(checks.levelId, fromPublicId('lvl', filter.levelId)) : undefined,
    filter.enabled != null ? enabledIs(ctx, filter.enabled) : undefined,
    // Not LIKE: in a search `%` and `_` are characters like any other.
    search ? sql`strpos(lower(${checks.name}), lower(${search})) > 0` : undefined,
  ];
  return and(...conditions) as SQL;
}

/** An id that names nothing matches nothing. */
const eqOrNone = (column: typeof checks.categoryId | typeof checks.levelId, id: string | null): SQL =>
  id ? eq(column, id) : sql`false`;

function enabledIs(ctx: Context, enabled: boolean): SQL {
  const now = ctx.dependencies.clock();
  const on = or(eq(checks.enabled, true), lte(checks.enableOn, now));
  const off = and(eq(checks.enabled, false), or(isNull(checks.enableOn), gt(checks.enableOn, now)));
  return (enabled ? on : off) as SQL;
}

const Create = z.object({
  name: singleLine(200),
  notes: multiLine(20_000),
  type: z.enum(['MANUAL']).default('MANUAL'),
  categoryId: idOf('cat'),
  levelId: idOf('lvl'),
  ownerId: idOf('mem').nullish(),
  enabled: z.boolean().nullish(),
  enableOn: z.date().nullish(),
});

export async function createCheck(ctx: Context, input: unknown): Promise<CheckRow> {
  const { enabled, enableOn, ...given } = parse(Create, input);
  await refuseServiceAccount(ctx, given.ownerId);
  const now = ctx.dependencies.clock();
  return await rows.insert(ctx, { ...given, ...switchedOn({ enabled, enableOn }), createdAt: now, updatedAt: now });
}

const Update = Create.omit({ type: true }).extend({
  name: singleLine(200).optional(),
  categoryId: idOf('cat').optional(),
  levelId: idOf('lvl').optional(),
  enabled: z.boolean().optional(),
});

export async function updateCheck(ctx: Context, id: string, input: unknown): Promise<CheckRow> {
  const { enabled, enableOn, ...changes } = parse(Update, input);
  const before = await rows.lock(ctx, id);
  await refuseServiceAccount(ctx, changes.ownerId);
  const switched = switchedLater(ctx, before, { enabled, enableOn });
  return await rows.update(ctx, before, { ...changes, ...switched, updatedAt: ctx.dependencies.clock() });
}

/** A person answers for a check. The foreign key takes every principal, also under the prefix of a member. */
async function refuseServiceAccount(ctx: Context, ownerId: string | null | undefined): Promise<void> {
  const owner = ownerId == null ? null : await findPrincipal(ctx, ownerId);
  if (owner && !owner.userId)
    throw invalid(userError('NOT_FOUND', 'ownerId', 'ownerId: there is no Member with this id.'));
}

interface Switch {
  enabled?: boolean | null | undefined;
  enableOn?: Date | null | undefined;
}

/** On unless told otherwise, or unless a date says when. */
function switchedOn({ enabled, enableOn }: Switch): { enabled: boolean; enableOn: Date | null } {
  refuseBoth({ enabled, enableOn });
  return { enabled: enabled ?? !enableOn, enableOn: enableOn ?? null };
}

/** Switching by hand ends what a date says, and setting a date switches off until then. */
function switchedLater(
  ctx: Context,
  before: CheckRow,
  change: Switch,
): Partial<Pick<CheckRow, 'enabled' | 'enableOn'>> {
  refuseBoth(change);
  const { enabled, enableOn } = change;
  if (enableOn) return { enabled: false, enableOn };
  if (enableOn === null) return { enableOn, enabled: enabled ?? isEnabled(ctx, before) };
  return typeof enabled === 'boolean' ? { enabled, enableOn: null } : {};
}

function refuseBoth({ enabled, enableOn }: Switch): void {
  if (enabled && enableOn)
    throw invalid(userError('INVALID', 'enableOn', 'enableOn: a check that is enabled has no date to be enabled on.'));
}

export async function deleteCheck(ctx: Context, id: string): Promise<string> {
  return await rows.remove(ctx, await rows.lock(ctx, id));
}

const SHOWN = 100;

/** Refuses to delete what checks use, with the list of them, or with their number for who may not see them. */
export async function refuseIfUsed(ctx: Context, what: 'category' | 'level', id: string): Promise<void> {
  const column = what === 'category' ? checks.categoryId : checks.levelId;
  const where = and(eq(checks.organizationId, tenant(ctx)), eq(column, id));
  const tx = await db(ctx);
  const users = await tx.select().from(checks).where(where).orderBy(checks.name, checks.id).limit(SHOWN);
  if (users.length === 0) return;
  const [all] = await tx.select({ total: count() }).from(checks).where(where);
  const visible = ctx.unit.access.can('check:read') ? users : [];
  const names = visible
    .slice(0, 5)
    .map((check) => `“${check.name}”`)
    .join(', ');
  const use = all?.total === 1 ? '1 check uses' : `${all?.total} checks use`;
  const message = `${use} this ${what}${names && `, such as ${names}`}. Move or delete what uses it first.`;
  throw invalid({
    ...userError('IN_USE', 'id', message),
    usedBy: visible.map((check) => ({ __typename: 'Check', ...check })),
  });
}
