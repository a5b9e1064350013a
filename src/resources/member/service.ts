import { and, eq, inArray, or } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { listPage, type Page, type PageArgs } from '../../db/page.ts';
import { AmbitError, invalid, notFound, userError } from '../../errors.ts';
import { fromPublicId } from '../../ids.ts';
import { loaderOf } from '../../loader.ts';
import { rowsOf } from '../../rows.ts';
import { members } from './table.ts';

export type MemberRow = typeof members.$inferSelect;

const rows = rowsOf(members, 'mem');

export const findMember = rows.find;

/** The role that a user has here; null for who is no member. */
export const findRoleOfUser = loaderOf(async (ctx, userIds) =>
  (await db(ctx))
    .select({ id: members.userId, role: members.role })
    .from(members)
    .where(and(eq(members.organizationId, tenant(ctx)), inArray(members.userId, [...userIds]))),
);

export async function listMembers(ctx: Context, args: PageArgs): Promise<Page<MemberRow>> {
  const order = [{ column: members.id, key: (row: MemberRow) => row.id }];
  return await listPage<MemberRow>(
    await db(ctx),
    { table: members, where: eq(members.organizationId, tenant(ctx)), asked: [tenant(ctx)], order },
    args,
  );
}

/**
 * Locks the member, everybody whose role counts for the last-Owner rule, and the caller, in the order of their ids, so
 * that two who change each other wait for one another instead of both going through.
 */
async function lockAround(ctx: Context, id: string): Promise<{ member: MemberRow; owners: MemberRow[] }> {
  const caller = ctx.actor.member;
  const rows = await (await db(ctx))
    .select()
    .from(members)
    .where(
      and(
        eq(members.organizationId, tenant(ctx)),
        or(eq(members.role, 'owner'), inArray(members.id, caller ? [id, caller.id] : [id])),
      ),
    )
    .orderBy(members.id)
    .for('update');
  const member = rows.find((row) => row.id === id);
  if (!member) throw notFound('Member');
  if (caller && rows.find((row) => row.id === caller.id)?.role !== caller.role)
    throw new AmbitError('CONFLICT', 'Your own role was changed at the same time; ask again what you may do.');
  return { member, owners: rows.filter((row) => row.role === 'owner') };
}

function refuseLastOwner(member: MemberRow, owners: MemberRow[]): void {
  if (owners.length === 1 && owners[0]?.id === member.id)
    throw invalid(
      userError('LAST_OWNER', 'id', 'This is the last Owner of the organization; make somebody else Owner first.'),
    );
}

/** Nobody changes who holds more than they do, nor gives more than they hold. */
export async function updateMember(
  ctx: Context,
  id: string,
  input: { roleId?: string | null | undefined },
): Promise<MemberRow> {
  if (input.roleId === null) throw invalid(userError('REQUIRED', 'roleId', 'roleId: a member always has a role.'));
  const { member, owners } = await lockAround(ctx, id);
  ctx.access.requireAllOf(ctx.access.role(member.role), 'member:update', 'Changing this member');
  if (input.roleId === undefined) return await rows.update(ctx, member, {});
  const role = ctx.access.findRole(fromPublicId('rol', input.roleId) ?? '');
  if (!role) throw invalid(userError('NOT_FOUND', 'roleId', 'roleId: there is no role with this id.'));
  ctx.access.requireAllOf(role, 'member:update', `Giving the role ${role.name}`);
  if (role.key !== 'owner') refuseLastOwner(member, owners);
  return await rows.update(ctx, member, { role: role.key });
}

/** The member's sessions, tokens and ownership of checks go with them: foreign keys see to it. */
export async function deleteMember(ctx: Context, id: string): Promise<string> {
  const { member, owners } = await lockAround(ctx, id);
  ctx.access.requireAllOf(ctx.access.role(member.role), 'member:delete', 'Removing this member');
  refuseLastOwner(member, owners);
  return await rows.remove(ctx, member);
}
