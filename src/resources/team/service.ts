import { and, eq, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import type { Change, Hooks } from '../../data/hooks.ts';
import { queryRows } from '../../db/reader.ts';
import { invalid, notFound, userError } from '../../lib/errors.ts';
import { email } from '../../lib/input.ts';
import { isWebUrl } from '../../lib/web-url.ts';
import { evaluateLater } from '../evaluation/enqueue.ts';
import { organizations } from '../organization/table.ts';
import { aroundTeams } from './access.ts';
import { type ContactType, teams } from './table.ts';

type TeamRow = typeof teams.$inferSelect;

/** Levels of the tree of teams, with the team at its top. */
export const MAX_DEPTH = 10;

export const teamHooks: Hooks<TeamRow> = {
  around: aroundTeams,
  beforeCreate: async (ctx, values) => {
    if (values.parentId) await requirePlace(ctx, null, values.parentId);
    return values;
  },
  beforeUpdate: async (ctx, team, changes) => {
    if (changes.parentId && changes.parentId !== team.parentId) await requirePlace(ctx, team.id, changes.parentId);
    return changes;
  },
  afterWrite: async (ctx, changes) => {
    if (changes.some(concernsServices)) await evaluateLater(ctx, {});
  },
};

/** Checks and filters depend on the tree of teams and on their contacts. A new team owns no service. */
const concernsServices = ({ before, after, items }: Change<TeamRow>): boolean =>
  before !== null && (before.parentId !== after.parentId || items.some(({ part }) => part.name === 'contacts'));

/**
 * Refuses a parent with which the tree would have a cycle or too many levels. All changes of the tree of an organization
 * happen one after the other: two requests could otherwise make a cycle together.
 */
async function requirePlace(ctx: Context, id: string | null, parentId: string): Promise<void> {
  await lockTree(ctx);
  const above = await ancestorsOf(ctx, parentId);
  if (id !== null && above.includes(id))
    throw invalid(userError('INVALID', 'parent', 'parent: a team cannot be below itself.'));
  const below = id === null ? 1 : await heightOf(ctx, id);
  if (above.length + below > MAX_DEPTH)
    throw invalid(
      userError('LIMIT_EXCEEDED', 'parent', `parent: the tree of teams can be at most ${MAX_DEPTH} levels deep.`),
    );
}

async function lockTree(ctx: Context): Promise<void> {
  const [organization] = await (await db(ctx))
    .select({ id: organizations.id })
    .from(organizations)
    .where(eq(organizations.id, tenant(ctx)))
    .for('no key update');
  if (!organization) throw notFound('Organization');
}

/** The team and all teams above it. The limit ends the query also if stored data had a cycle. */
const ancestorsOf = async (ctx: Context, id: string): Promise<string[]> =>
  (
    await queryRows<{ id: string }>(
      await db(ctx),
      sql`with recursive above as (
          select ${teams.id}, ${teams.parentId}, 1 as level from ${teams} where ${inTenant(ctx, sql`${teams.id} = ${id}`)}
          union all
          select ${teams.id}, ${teams.parentId}, above.level + 1 from above join ${teams}
            on ${inTenant(ctx, sql`${teams.id} = above.parent_id`)} where above.level <= ${MAX_DEPTH}
        ) select id from above`,
    )
  ).map((row) => row.id);

/** The number of levels of the tree below the team, with its own. */
const heightOf = async (ctx: Context, id: string): Promise<number> =>
  (
    await queryRows<{ height: number }>(
      await db(ctx),
      sql`with recursive below as (
          select ${teams.id}, 1 as level from ${teams} where ${inTenant(ctx, sql`${teams.id} = ${id}`)}
          union all
          select ${teams.id}, below.level + 1 from below join ${teams}
            on ${inTenant(ctx, sql`${teams.parentId} = below.id`)} where below.level <= ${MAX_DEPTH}
        ) select max(level) as height from below`,
    )
  )[0]?.height ?? 1;

const inTenant = (ctx: Context, which: ReturnType<typeof sql>) => and(eq(teams.organizationId, tenant(ctx)), which);

interface Contact {
  type: ContactType;
  address: string;
}

/** The reason why the address does not fit the type of the contact. */
export function refuseAddress({ type, address }: Contact): { column: string; message: string } | null {
  const refused = (message: string) => ({ column: 'address', message });
  if (type === 'EMAIL' && !email.safeParse(address).success) return refused('must be an e-mail address');
  if (type === 'WEB' && !isWebUrl(address)) return refused('must be an http or https URL');
  return null;
}
