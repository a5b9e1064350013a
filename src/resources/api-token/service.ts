import { and, eq, isNotNull, or, type SQL, sql } from 'drizzle-orm';
import { mayActOnOwners, requireOwnerFor } from '../../access/escalation.ts';
import { grantsOfAllOverTime, loadAssignments } from '../../access/grants.ts';
import type { Grants } from '../../access/model.ts';
import { audit, type Context, db, tenant } from '../../context.ts';
import { loaderOf, pagesOf } from '../../data/loader.ts';
import { isAnyOf } from '../../db/array.ts';
import { listPage, type Page, type PageArgs } from '../../db/page.ts';
import { readerOf } from '../../db/reader.ts';
import { notFound } from '../../lib/errors.ts';
import { publicRow, toPublicId } from '../../lib/ids.ts';
import { findGrantsOverTime } from '../principal/access.ts';
import { findByPublicId, findPrincipal, publicIdOfPrincipal } from '../principal/service.ts';
import { deleteLineage } from './lineage.ts';
import { apiTokens, commonFields } from './table.ts';

export const fields = { ...commonFields, principalId: apiTokens.principalId, projectIds: apiTokens.projectIds };

/** An API token. The table also contains API keys, which have no principal. */
export type ApiTokenRow = Omit<Pick<typeof apiTokens.$inferSelect, keyof typeof fields>, 'principalId'> & {
  principalId: string;
};

/** A narrowed token has only itself and the tokens that were created with it as its own. */
export function isOwnToken(token: ApiTokenRow, { unit: { actor } }: Context): boolean {
  const { credential, principal } = actor;
  if (token.principalId !== principal?.id) return false;
  return !credential?.narrowing || [token.id, token.createdWithId].includes(credential.id);
}

function own({ unit: { actor } }: Context): SQL | undefined {
  const { credential, principal } = actor;
  const isOfCredential = credential?.narrowing
    ? or(eq(apiTokens.id, credential.id), eq(apiTokens.createdWithId, credential.id))
    : undefined;
  return and(eq(apiTokens.principalId, principal?.id ?? ''), isOfCredential);
}

const visible = (ctx: Context): SQL =>
  and(
    eq(apiTokens.organizationId, tenant(ctx)),
    isNotNull(apiTokens.principalId),
    ctx.unit.access.can('api_token:read') ? undefined : own(ctx),
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
  // Returns no tokens for a principal that does not exist or that the caller may not see.
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

/** A token of the organization, also one that the caller cannot see. */
export async function readApiToken(ctx: Context, id: string): Promise<ApiTokenRow> {
  const own = sql`where ${apiTokens.organizationId} = ${tenant(ctx)} and ${apiTokens.id} = ${id}`;
  const [row] = await reader.read(await db(ctx), own);
  if (!row) throw notFound('ApiToken');
  return row;
}

/** What the audit log shows of a token. */
export async function snapshotOf(ctx: Context, row: ApiTokenRow): Promise<Record<string, unknown>> {
  const { principalId, createdById, projectIds, lineageAt: _, lastUsedAt: __, lastUsedAddress: ___, ...token } = row;
  const principal = await findPrincipal(ctx, principalId);
  const creator = createdById && (await findPrincipal(ctx, createdById));
  return {
    ...publicRow('tok', token, { createdWithId: 'tok' }),
    principalId: principal && publicIdOfPrincipal(principal),
    createdById: creator && publicIdOfPrincipal(creator),
    projectIds: projectIds?.map((project) => toPublicId('prj', project)) ?? null,
  };
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
  await deleteLineage(await db(ctx), tenant(ctx), id);
  audit(ctx, { targetId: toPublicId('tok', id), before, after: null });
  return toPublicId('tok', id);
}
