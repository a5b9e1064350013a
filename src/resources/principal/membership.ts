import { and, eq, type SQL } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import type { Db } from '../../db/client.ts';
import { removeSecrets } from '../../identity/secrets.ts';
import { hashesOf, lockLineage } from '../api-token/lineage.ts';
import { apiTokens } from '../api-token/table.ts';
import { invitations } from '../invitation/table.ts';
import { sessions } from '../session/table.ts';
import { people } from '../user/table.ts';
import type { PrincipalRow } from './service.ts';
import { memberships, principals } from './table.ts';

/** Makes the user of the request a member of the bound organization, without a role. */
export async function addMember(ctx: Context, id: string): Promise<PrincipalRow> {
  const { user } = ctx.unit.actor;
  if (!user) throw new Error('only a signed-in user can become a member');
  const organizationId = tenant(ctx);
  const tx = await db(ctx);
  const inserted = tx
    .insert(principals)
    .values({ organizationId, id, userId: user.id, createdAt: ctx.dependencies.clock() })
    .returning();
  const [[member]] = await Promise.all([
    inserted,
    tx.insert(people).values({ ...user, organizationId }),
    tx.insert(memberships).values({ organizationId, userId: user.id, principalId: id }),
  ]);
  return member as PrincipalRow;
}

/** Locks the principal. Statements that refer to it, such as a new API token, wait for its deletion and then fail. */
export async function lockPrincipal(ctx: Context, { id }: PrincipalRow): Promise<void> {
  const tx = await db(ctx);
  await tx.select({ id: principals.id }).from(principals).where(own(ctx, id)).for('update');
}

const own = (ctx: Context, id: string): SQL | undefined =>
  and(eq(principals.organizationId, tenant(ctx)), eq(principals.id, id));

/**
 * Deletes a member or a service account. Foreign keys delete its roles, its invitations and its API tokens, with all tokens
 * and keys that were created with them. Sessions and the directories belong to the instance, so no foreign key can refer from
 * them to the organization. Returns false if it was deleted before.
 */
export async function deletePrincipal(ctx: Context, { id, userId }: PrincipalRow): Promise<boolean> {
  const organizationId = tenant(ctx);
  const tx = await db(ctx);
  const sent = and(eq(invitations.organizationId, organizationId), eq(invitations.inviterId, id));
  const [tokens, offers] = await Promise.all([
    lockLineage(tx, organizationId, eq(apiTokens.principalId, id)),
    tx.select({ hash: invitations.hash }).from(invitations).where(sent),
  ]);
  // Sent together. The member is first, because a request that binds a session to the organization locks it until its end.
  const [deleted] = await Promise.all([
    tx.delete(principals).where(own(ctx, id)).returning({ id: principals.id }),
    removeSecrets(tx, [...hashesOf(tokens), ...offers.map(({ hash }) => hash)]),
    ...(userId ? endMembership(tx, organizationId, userId) : []),
  ]);
  return deleted.length > 0;
}

const endMembership = (tx: Db, organizationId: string, userId: string) => [
  tx.delete(sessions).where(and(eq(sessions.organizationId, organizationId), eq(sessions.userId, userId))),
  tx.delete(memberships).where(and(eq(memberships.organizationId, organizationId), eq(memberships.userId, userId))),
];
