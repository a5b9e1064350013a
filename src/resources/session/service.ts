import { and, eq, gt, isNull, type SQL, sql } from 'drizzle-orm';
import { unrestricted } from '../../access/access.ts';
import { requireHeldChange } from '../../access/escalation.ts';
import { audit, type Context, db, tenant } from '../../context.ts';
import { loaderOf, pagesOf } from '../../data/loader.ts';
import { isAnyOf } from '../../db/array.ts';
import { listPage, type Page, type PageArgs } from '../../db/page.ts';
import { readerOf } from '../../db/reader.ts';
import { notFound } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { targetId } from '../../lib/input.ts';
import { getMember } from '../member/service.ts';
import { findGrantsOverTime, requireSession } from '../principal/access.ts';
import { findByUser, findReach } from '../principal/service.ts';
import { sessions } from './table.ts';

export type SessionRow = typeof sessions.$inferSelect;

/** The user whose sessions are the caller's own. Null for service accounts, API keys and narrowed tokens. */
const ownerOf = ({ unit: { actor } }: Context): string | null =>
  actor.credential?.narrowing ? null : (actor.user?.id ?? null);

export const isOwnSession = (session: SessionRow, ctx: Context): boolean => session.userId === ownerOf(ctx);

/** Sessions of the bound organization. For a caller without an organization, sessions without one. */
const here = (ctx: Context): SQL =>
  ctx.unit.binding.organizationId
    ? eq(sessions.organizationId, ctx.unit.binding.organizationId)
    : isNull(sessions.organizationId);

function own(ctx: Context): SQL {
  const userId = ownerOf(ctx);
  return userId ? eq(sessions.userId, userId) : sql`false`;
}

const visible = (ctx: Context): SQL =>
  and(
    here(ctx),
    gt(sessions.expiresAt, ctx.dependencies.clock()),
    ctx.unit.access.can('session:read') ? undefined : own(ctx),
  ) as SQL;

const reader = readerOf<SessionRow>(sessions);

export const findSession = loaderOf<SessionRow>(async (ctx, ids) =>
  reader.read(await db(ctx), sql`where ${visible(ctx)} and ${isAnyOf(sessions.id, ids)}`),
);

export async function listSessions(ctx: Context, args: PageArgs): Promise<Page<SessionRow>> {
  const order = [{ column: sessions.id, key: (row: SessionRow) => row.id }];
  return await listPage<SessionRow>(
    await db(ctx),
    { reader, where: visible(ctx), asked: [ctx.unit.binding.organizationId], order, descending: true },
    args,
  );
}

/** The active sessions of users that are bound to the organization, newest first. */
export const listSessionsOf = pagesOf<SessionRow>((ctx) => ({
  reader,
  where: (user) => and(visible(ctx), sql`${sessions.userId} = ${user}`) as SQL,
  asked: (user) => [tenant(ctx), 'user', user],
  order: [{ column: sessions.id, key: (row) => row.id }],
  descending: true,
}));

/** Whether the caller can end the session: with `signOut` if it is their own, else with `signOutMember`. */
export async function mayEnd(ctx: Context, session: SessionRow): Promise<boolean> {
  if (isOwnSession(session, ctx) && ctx.unit.actor.credential?.kind === 'SESSION') return true;
  if (!ctx.unit.access.can('session:delete')) return false;
  const member = await findByUser(ctx, session.userId);
  if (!member || !(isOwnSession(session, ctx) || ctx.unit.access.can('member:read'))) return false;
  return (await findReach(ctx, member.principalId))?.changeable ?? false;
}

/** Ends a session of the caller, in any organization. Defaults to the session of the request. */
export async function signOut(ctx: Context, publicId: string | null | undefined): Promise<string> {
  const { sessionId } = requireSession(ctx);
  const id = publicId == null ? sessionId : targetId('ses', publicId);
  const ended = await (await db(ctx))
    .delete(sessions)
    .where(and(eq(sessions.id, id), own(ctx)))
    .returning({ id: sessions.id });
  if (ended.length === 0) throw notFound('Session');
  const endedId = toPublicId('ses', id);
  audit(ctx, { targetId: endedId, before: { id: endedId }, after: null });
  return endedId;
}

/** Ends all sessions of the member in this organization. The next request of each session is refused. */
export async function signOutMember(ctx: Context, memberId: string): Promise<number> {
  const member = await getMember(ctx, memberId);
  for (const grants of await findGrantsOverTime(ctx, member.id))
    requireHeldChange(ctx.unit.access, { before: unrestricted(grants), after: null }, 'Signing out this member');
  const ended = await (await db(ctx))
    .delete(sessions)
    .where(and(eq(sessions.organizationId, tenant(ctx)), eq(sessions.userId, member.userId ?? '')))
    .returning({ id: sessions.id });
  const related = ended.map(({ id }) => {
    const targetId = toPublicId('ses', id);
    return { targetId, before: { id: targetId }, after: null };
  });
  audit(ctx, { related });
  return ended.length;
}
