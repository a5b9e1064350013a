import { and, eq, isNull, ne, or, type SQL, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { pagesOf } from '../../data/loader.ts';
import { type ListOptions, listPage, type Page, type PageArgs } from '../../db/page.ts';
import { containing } from '../../db/search.ts';
import { decodeId } from '../../lib/ids.ts';
import { type ApiKeyPreset, apiTokens } from '../api-token/table.ts';
import { findPrincipal, kindOf } from '../principal/service.ts';
import { type ApiKeyRow, isKeyHere, keyReader } from './service.ts';

export interface ApiKeyFilter {
  search?: string | null | undefined;
  createdBy?: string | null | undefined;
  preset?: ApiKeyPreset | null | undefined;
}

export interface ApiKeyListArgs extends PageArgs {
  filter?: ApiKeyFilter | null | undefined;
  orderBy?: { field: 'name' | 'createdAt'; direction: 'ASC' | 'DESC' } | null | undefined;
}

const byCreation = { column: apiTokens.id, key: (row: ApiKeyRow) => row.id };
const byName = { column: apiTokens.name, key: (row: ApiKeyRow) => row.name };

const base = { reader: keyReader, order: [byName, byCreation] };
const inProject = (ctx: Context, project: SQL): SQL =>
  and(isKeyHere(ctx), sql`${apiTokens.projectId} = ${project}`) as SQL;

/** All keys of projects by name, read once for all projects of a response. */
const listAll = pagesOf<ApiKeyRow>((ctx) => ({
  ...base,
  where: (project) => inProject(ctx, project),
  asked: (project) => [tenant(ctx), project, {}],
}));

/** The keys of a project. */
export async function listApiKeys(
  ctx: Context,
  projectId: string,
  { filter, orderBy, ...page }: ApiKeyListArgs,
): Promise<Page<ApiKeyRow>> {
  if (!filter && !orderBy) return await listAll(ctx, projectId, page);
  const { search, createdBy, preset } = filter ?? {};
  const options: ListOptions<ApiKeyRow> = {
    ...base,
    ...(orderBy?.field === 'createdAt' && { order: [byCreation] }),
    where: and(
      inProject(ctx, sql`${projectId}`),
      search == null ? undefined : containing([apiTokens.name], search),
      createdBy == null ? undefined : await isCreatedBy(ctx, createdBy),
      preset == null ? undefined : eq(apiTokens.preset, preset),
    ) as SQL,
    asked: [tenant(ctx), projectId, filter ?? {}],
    descending: orderBy?.direction === 'DESC',
  };
  return await listPage(await db(ctx), options, page);
}

/** The condition that a member, service account or key with this ID created the key. A member may be deleted. */
async function isCreatedBy(ctx: Context, publicId: string): Promise<SQL> {
  const { prefix = '', uuid = '' } = decodeId(publicId) ?? {};
  const created = eq(apiTokens.createdById, uuid);
  if (prefix === 'key') return and(created, eq(apiTokens.createdWithId, uuid)) as SQL;
  if (prefix !== 'mem' && prefix !== 'sva') return sql`false`;
  const creator = await findPrincipal(ctx, uuid);
  const isMember = !creator || kindOf(creator) === 'member';
  const isOther = or(isNull(apiTokens.createdWithId), ne(apiTokens.createdWithId, uuid));
  return isMember === (prefix === 'mem') ? (and(created, isOther) as SQL) : sql`false`;
}
