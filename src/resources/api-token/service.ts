import { and, eq, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { mayActOnOwners, requireHeldChange, requireOwnerFor } from '../../access/escalation.ts';
import { grantsOfAllOverTime, loadAssignments } from '../../access/grants.ts';
import type { Grants } from '../../access/model.ts';
import { audit, type Context, db, tenant } from '../../context.ts';
import { loaderOf, pagesOf } from '../../data/loader.ts';
import { isAnyOf } from '../../db/array.ts';
import { listPage, type Page, type PageArgs } from '../../db/page.ts';
import { readerOf } from '../../db/reader.ts';
import { addSecrets, removeSecrets } from '../../identity/secrets.ts';
import { invalid, notFound, userError } from '../../lib/errors.ts';
import { publicRow, toPublicId } from '../../lib/ids.ts';
import { parse, singleLine } from '../../lib/input.ts';
import { hashSecret, newSecret } from '../../lib/secret.ts';
import { findGrantsOverTime } from '../principal/access.ts';
import { findByPublicId, findPrincipal, publicIdOfPrincipal } from '../principal/service.ts';
import { apiTokens, type TokenAccess } from './table.ts';

/** All columns except the hash of the secret, which no resolver needs. */
const fields = {
  id: apiTokens.id,
  principalId: apiTokens.principalId,
  name: apiTokens.name,
  access: apiTokens.access,
  createdAt: apiTokens.createdAt,
  expiresAt: apiTokens.expiresAt,
};

export interface ApiTokenRow {
  id: string;
  principalId: string;
  name: string;
  access: TokenAccess;
  createdAt: Date;
  expiresAt: Date | null;
}

export const isOwnToken = (token: ApiTokenRow, ctx: Context): boolean =>
  token.principalId === ctx.unit.actor.principal?.id;

const visible = (ctx: Context): SQL =>
  and(
    eq(apiTokens.organizationId, tenant(ctx)),
    ctx.unit.access.can('api_token:read') ? undefined : eq(apiTokens.principalId, ctx.unit.actor.principal?.id ?? ''),
  ) as SQL;

const reader = readerOf<ApiTokenRow>(apiTokens, fields);

export const findApiToken = loaderOf<ApiTokenRow>(async (ctx, ids) =>
  ctx.unit.binding.organizationId
    ? await reader.read(await db(ctx), sql`where ${visible(ctx)} and ${isAnyOf(apiTokens.id, ids)}`)
    : [],
);

interface ApiTokenFilter {
  principalId?: string | null | undefined;
}

export async function listApiTokens(
  ctx: Context,
  { filter, ...args }: PageArgs & { filter?: ApiTokenFilter | null | undefined },
): Promise<Page<ApiTokenRow>> {
  ctx.unit.access.requireOrganization();
  const holder = filter?.principalId == null ? undefined : await findByPublicId(ctx, filter.principalId);
  // A principal that does not exist, or that the caller may not see, has no tokens.
  const ofHolder = holder === null ? sql`false` : holder && eq(apiTokens.principalId, holder.id);
  const order = [{ column: apiTokens.id, key: (row: ApiTokenRow) => row.id }];
  return await listPage<ApiTokenRow>(
    await db(ctx),
    {
      reader,
      where: and(visible(ctx), ofHolder) as SQL,
      asked: [tenant(ctx), filter ?? {}],
      order,
      descending: true,
    },
    args,
  );
}

/** The tokens of members and service accounts, newest first. */
export const listApiTokensOf = pagesOf<ApiTokenRow>((ctx) => ({
  reader,
  where: (principal) => and(visible(ctx), sql`${apiTokens.principalId} = ${principal}`) as SQL,
  asked: (principal) => [tenant(ctx), 'principal', principal],
  order: [{ column: apiTokens.id, key: (row) => row.id }],
  descending: true,
}));

const Create = z.object({
  name: singleLine(100),
  access: z.enum(['READ', 'WRITE']).default('READ'),
  expiresAt: z.date().nullish(),
});

export interface CreatedToken {
  apiToken: ApiTokenRow;
  secret: string;
}

/** Creates a token for the caller or for a service account. Only the response contains its secret. */
export async function createApiToken(
  ctx: Context,
  { serviceAccountId, ...input }: { serviceAccountId?: string | null | undefined; name: string },
): Promise<CreatedToken> {
  const given = parse(Create, input);
  refuseLifetime(ctx, given.expiresAt ?? null);
  const principalId =
    serviceAccountId == null ? ctx.unit.actor.principal?.id : await accountFor(ctx, serviceAccountId, given.access);
  const secret = newSecret('ambit_pat_');
  const values = {
    ...given,
    organizationId: tenant(ctx),
    principalId: principalId ?? '',
    hash: hashSecret(secret),
    createdAt: ctx.dependencies.clock(),
  };
  const tx = await db(ctx);
  const [[apiToken]] = await Promise.all([
    tx.insert(apiTokens).values(values).returning(fields),
    addSecrets(tx, values.organizationId, [values.hash]),
  ]);
  audit(ctx, {
    targetId: toPublicId('tok', (apiToken as ApiTokenRow).id),
    after: await snapshotOf(ctx, apiToken as ApiTokenRow),
  });
  return { apiToken: apiToken as ApiTokenRow, secret };
}

/** The caller gets the token, so it must not grant permissions that the caller lacks. */
async function accountFor(ctx: Context, publicId: string, access: TokenAccess): Promise<string> {
  const account = await findByPublicId(ctx, publicId);
  if (!account || account.userId || !ctx.unit.access.can('service_account:read'))
    throw invalid(
      userError('NOT_FOUND', 'serviceAccountId', 'serviceAccountId: there is no service account with this ID.'),
    );
  const all = await findGrantsOverTime(ctx, account.id);
  requireOwnerFor(ctx.unit.access, all);
  for (const grants of all)
    requireHeldChange(ctx.unit.access, { before: null, after: { grants, access } }, 'A token of this service account');
  return account.id;
}

async function snapshotOf(ctx: Context, { principalId, ...token }: ApiTokenRow): Promise<Record<string, unknown>> {
  const principal = await findPrincipal(ctx, principalId);
  return { ...publicRow('tok', token), principalId: principal && publicIdOfPrincipal(principal) };
}

/** A token cannot extend its own lifetime by creating another token. */
function refuseLifetime(ctx: Context, expiresAt: Date | null): void {
  if (expiresAt && expiresAt <= ctx.dependencies.clock())
    throw invalid(userError('INVALID', 'expiresAt', 'expiresAt: must be in the future.'));
  const own = ctx.unit.actor.credential?.kind === 'API_TOKEN' ? ctx.unit.actor.credential.expiresAt : null;
  if (own && (!expiresAt || expiresAt > own))
    throw invalid(
      userError(
        'INVALID',
        'expiresAt',
        `expiresAt: must not be later than ${own.toISOString()}, when the token of this request expires.`,
      ),
    );
}

/** Whether the grants of each principal let the caller revoke its tokens. Only an Owner revokes the tokens of an Owner. */
const findRevocable = loaderOf<{ id: string; revocable: boolean }>(async (ctx, ids) => {
  const rows = await loadAssignments(await db(ctx), tenant(ctx), ids);
  const later = grantsOfAllOverTime(rows, ctx.dependencies.clock());
  const grantsOf = (id: string): Grants[] => later.flatMap((all) => all.get(id) ?? []);
  return ids.map((id) => ({ id, revocable: mayActOnOwners(ctx.unit.access, grantsOf(id)) }));
});

/** Whether the caller can revoke each token of this principal. */
export const mayRevoke = async (ctx: Context, principalId: string): Promise<boolean> =>
  ctx.unit.access.can('api_token:delete') && (await findRevocable(ctx, principalId))?.revocable === true;

/** Deletes the caller's own token, or with `api_token:delete` any token. */
export async function deleteApiToken(ctx: Context, id: string): Promise<string> {
  const token = await findApiToken(ctx, id);
  if (!token) throw notFound('ApiToken');
  if (!isOwnToken(token, ctx)) {
    ctx.unit.access.require('api_token:delete');
    requireOwnerFor(ctx.unit.access, await findGrantsOverTime(ctx, token.principalId));
  }
  const before = await snapshotOf(ctx, token);
  const tx = await db(ctx);
  const deleted = await tx
    .delete(apiTokens)
    .where(and(eq(apiTokens.organizationId, tenant(ctx)), eq(apiTokens.id, id)))
    .returning({ hash: apiTokens.hash });
  await removeSecrets(
    tx,
    deleted.map(({ hash }) => hash),
  );
  audit(ctx, { targetId: toPublicId('tok', id), before, after: null });
  return toPublicId('tok', id);
}
