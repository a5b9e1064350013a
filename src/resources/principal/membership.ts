import { and, eq } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { removeSecrets } from '../../identity/secrets.ts';
import { apiTokens } from '../api-token/table.ts';
import { invitations } from '../invitation/table.ts';
import { sessions } from '../session/table.ts';
import { people } from '../user/table.ts';
import type { PrincipalRow } from './service.ts';
import { memberships, principals } from './table.ts';

/** Makes the user of the request a member of the bound organization. The member gets no role yet. */
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
    tx.insert(memberships).values({ organizationId, userId: user.id }),
  ]);
  return member as PrincipalRow;
}

/**
 * Deletes a member or a service account. Foreign keys delete its roles, API tokens and invitations. Sessions and the
 * directories belong to the instance, so no foreign key can refer from them to the organization. Returns false if it was
 * deleted before.
 */
export async function deletePrincipal(ctx: Context, { id, userId }: PrincipalRow): Promise<boolean> {
  const organizationId = tenant(ctx);
  const tx = await db(ctx);
  const own = and(eq(principals.organizationId, organizationId), eq(principals.id, id));
  const tokens = and(eq(apiTokens.organizationId, organizationId), eq(apiTokens.principalId, id));
  const sent = and(eq(invitations.organizationId, organizationId), eq(invitations.inviterId, id));
  // Under the lock, because a request that creates a token or binds a session has locked the principal until its end.
  const [locked, ...secrets] = await Promise.all([
    tx.select({ id: principals.id }).from(principals).where(own).for('update'),
    tx.select({ hash: apiTokens.hash }).from(apiTokens).where(tokens),
    tx.select({ hash: invitations.hash }).from(invitations).where(sent),
  ]);
  if (locked.length === 0) return false;
  await Promise.all([
    tx.delete(principals).where(own),
    removeSecrets(
      tx,
      secrets.flat().map(({ hash }) => hash),
    ),
    ...(userId
      ? [
          tx.delete(sessions).where(and(eq(sessions.organizationId, organizationId), eq(sessions.userId, userId))),
          tx
            .delete(memberships)
            .where(and(eq(memberships.organizationId, organizationId), eq(memberships.userId, userId))),
        ]
      : []),
  ]);
  return true;
}
