import { z } from 'zod';
import { requireHeldChange, requireOwnerFor } from '../../access/escalation.ts';
import { narrowingOf } from '../../access/key-role.ts';
import { audit, type Context, db } from '../../context.ts';
import { addSecrets } from '../../identity/secrets.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { parse, singleLine } from '../../lib/input.ts';
import { findGrantsOverTime } from '../principal/access.ts';
import { findByPublicId, type PrincipalRow } from '../principal/service.ts';
import { requireUnchanged } from './current.ts';
import { lineageColumns, newSecretColumns } from './insert.ts';
import { requireLifetime, requireNotBeyondCredential } from './lifetime.ts';
import {
  addressList,
  limitsWithin,
  patternList,
  projectList,
  requireVisibleProjects,
  type TokenLimits,
} from './limits.ts';
import { type ApiTokenRow, fields, snapshotOf } from './service.ts';
import { apiTokens, type TokenAccess } from './table.ts';

const Create = z.object({
  name: singleLine(100),
  access: z.enum(['READ', 'WRITE']).default('READ'),
  permissions: patternList,
  projectIds: projectList,
  addresses: addressList,
  expiresAt: z.date().nullish(),
});

export interface TokenWithSecret {
  apiToken: ApiTokenRow;
  secret: string;
}

/** Creates a token for the caller or for a service account. Only the response contains its secret. */
export async function createApiToken(
  ctx: Context,
  { serviceAccountId, ...input }: { serviceAccountId?: string | null | undefined; name: string },
): Promise<TokenWithSecret> {
  const { actor } = ctx.unit;
  const { expiresAt = null, ...given } = parse(Create, input);
  await requireVisibleProjects(ctx, given.projectIds ?? []);
  const limits = limitsWithin(actor.credential, given);
  const account = serviceAccountId == null ? null : await accountWithId(ctx, serviceAccountId);
  const principalId = account?.id ?? actor.principal?.id ?? '';
  if (account) await requireHeldOf(ctx, account, { ...limits, access: given.access });
  const lineage = await lineageOf(ctx, account === null && actor.user !== null);
  await requireLifetime(ctx, { expiresAt, lineageAt: lineage.lineageAt });
  requireNotBeyondCredential(ctx, expiresAt);
  return await insert(ctx, { ...given, ...limits, ...lineage, expiresAt, principalId });
}

async function insert(
  ctx: Context,
  given: Omit<typeof apiTokens.$inferInsert, 'hash' | 'organizationId'>,
): Promise<TokenWithSecret> {
  const { secret, columns } = newSecretColumns(ctx, 'ambit_pat_');
  const tx = await db(ctx);
  const [[row]] = await Promise.all([
    tx
      .insert(apiTokens)
      .values({ ...given, ...columns })
      .returning(fields),
    addSecrets(tx, columns.organizationId, [columns.hash]),
  ]);
  // Locks the creating token after the insertion has locked the principal. A deletion of the principal uses the same order.
  await requireUnchanged(ctx, 'key share');
  const apiToken = row as ApiTokenRow;
  audit(ctx, { targetId: toPublicId('tok', apiToken.id), after: await snapshotOf(ctx, apiToken) });
  return { apiToken, secret };
}

/** The token of a service account does not end with the token that created it. */
async function lineageOf(
  ctx: Context,
  isOfMember: boolean,
): Promise<{ createdWithId: string | null; lineageAt: Date | null }> {
  const columns = await lineageColumns(ctx);
  return isOfMember && columns ? columns : { createdWithId: null, lineageAt: ctx.dependencies.clock() };
}

async function accountWithId(ctx: Context, publicId: string): Promise<PrincipalRow> {
  const account = await findByPublicId(ctx, publicId);
  if (!account || account.userId || !ctx.unit.access.can('service_account:read'))
    throw invalid(
      userError('NOT_FOUND', 'serviceAccountId', 'serviceAccountId: there is no service account with this ID.'),
    );
  return account;
}

/** The caller gets the secret, so the token must not grant permissions that the caller lacks. */
export async function requireHeldOf(
  ctx: Context,
  account: PrincipalRow,
  { access, permissions, projectIds }: Pick<TokenLimits, 'permissions' | 'projectIds'> & { access: TokenAccess },
): Promise<void> {
  const all = await findGrantsOverTime(ctx, account.id);
  requireOwnerFor(ctx.unit.access, all);
  const limit = { access, narrowing: narrowingOf(permissions, projectIds) };
  for (const grants of all)
    requireHeldChange(
      ctx.unit.access,
      { before: null, after: { grants, ...limit } },
      'A token of this service account',
    );
}
