import { and, eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { audit, type Context, db, tenant } from '../../context.ts';
import { rowsOf } from '../../data/rows.ts';
import { invalid, notFound, userError } from '../../lib/errors.ts';
import { newId, toPublicId } from '../../lib/ids.ts';
import { multiLine, parse, singleLine } from '../../lib/input.ts';
import { changeRole, type RoleInput, removePrincipal, roleAssignmentOf } from '../member/service.ts';
import { auditedRoles } from '../principal/audit.ts';
import { type AccessChanged, changeAccess } from '../principal/change-access.ts';
import { assign, findPrincipal, isVisible, type PrincipalRow } from '../principal/service.ts';
import { principals } from '../principal/table.ts';

const rows = rowsOf(principals, 'sva');

/** The service account with this ID. Null for a member. */
export async function findServiceAccount(ctx: Context, id: string): Promise<PrincipalRow | null> {
  const row = await findPrincipal(ctx, id);
  return row && !row.userId ? row : null;
}

export async function findServiceAccountByName(ctx: Context, name: string): Promise<PrincipalRow | null> {
  const [found] = await (await db(ctx))
    .select({ id: principals.id })
    .from(principals)
    .where(and(eq(principals.organizationId, tenant(ctx)), sql`lower(${principals.name}) = lower(${name})`));
  return found ? await findServiceAccount(ctx, found.id) : null;
}

export async function getServiceAccount(ctx: Context, id: string): Promise<PrincipalRow> {
  const row = await findPrincipal(ctx, id);
  if (!row || row.userId || !isVisible(ctx, row)) throw notFound('ServiceAccount');
  return row;
}

const Create = z.object({ name: singleLine(100), description: multiLine(2000) });

export async function createServiceAccount(
  ctx: Context,
  { dryRun, ...input }: RoleInput & { name: string },
): Promise<AccessChanged<PrincipalRow>> {
  const given = parse(Create, input);
  const assignment = await roleAssignmentOf(ctx, input);
  if (!assignment)
    throw invalid(
      userError('REQUIRED', 'roleId', 'roleId: must not be null, because every service account has a role.'),
    );
  const id = newId();
  const changed = await changeAccess(ctx, {
    permission: 'service_account:create',
    affected: () => [id],
    dryRun: dryRun ?? false,
    apply: async () => {
      const account = await rows.insert(ctx, { id, ...given });
      await assign(ctx, account.id, { ...assignment, expiresAt: assignment.expiresAt ?? null });
      return account;
    },
  });
  audit(ctx, { after: { ...given, ...auditedRoles(changed.result, changed.after) } });
  return changed;
}

export async function updateServiceAccount(
  ctx: Context,
  id: string,
  { dryRun, ...input }: RoleInput & { name?: string | null | undefined; description?: string | null | undefined },
): Promise<AccessChanged<PrincipalRow>> {
  const { name, description } = parse(Create.partial(), input);
  const account = await getServiceAccount(ctx, id);
  const assignment = await roleAssignmentOf(ctx, input);
  const changed = await changeRole(ctx, account, assignment, 'service_account:update', dryRun ?? false);
  const { before, after } = ctx.unit.auditDraft;
  // It may have been renamed before the lock was acquired.
  const locked = await rows.lock(ctx, id);
  const updated = await rows.update(ctx, locked, { name, description });
  audit(ctx, {
    targetId: toPublicId('sva', id),
    before: { ...(before as object), name: locked.name, description: locked.description },
    after: { ...(after as object), name: updated.name, description: updated.description },
  });
  return { ...changed, result: updated };
}

export async function deleteServiceAccount(ctx: Context, id: string, dryRun: boolean): Promise<AccessChanged<string>> {
  const account = await getServiceAccount(ctx, id);
  const changed = await removePrincipal(ctx, account, 'service_account:delete', dryRun);
  const { name, description } = account;
  audit(ctx, { before: { name, description, ...(ctx.unit.auditDraft.before as object) } });
  return changed;
}
