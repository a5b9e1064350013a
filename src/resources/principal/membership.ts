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
  const tokens = and(eq(apiTokens.organizationId, organizationId), eq(apiTokens.principalId, id));
  const sent = and(eq(invitations.organizationId, organizationId), eq(invitations.inviterId, id));
  const secrets = await Promise.all([
    tx.select({ hash: apiTokens.hash }).from(apiTokens).where(tokens),
    tx.select({ hash: invitations.hash }).from(invitations).where(sent),
  ]);
  const deleted = await tx
    .delete(principals)
    .where(and(eq(principals.organizationId, organizationId), eq(principals.id, id)))
    .returning({ id: principals.id });
  if (deleted.length === 0) return false;
  // After the member, which a request that binds a session to the organization has locked until its end.
  await Promise.all([
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
