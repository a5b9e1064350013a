import { and, eq, isNotNull, isNull, type SQL, sql } from 'drizzle-orm';
import { permissionsOf, unrestricted } from '../../access/access.ts';
import type { Permission } from '../../access/catalog.ts';
import { holds } from '../../access/escalation.ts';
import { grantsOfKey, permissionsOfKey } from '../../access/key-role.ts';
import { type Context, db, tenant } from '../../context.ts';
import { loaderOf } from '../../data/loader.ts';
import { inProjects } from '../../data/project-scope.ts';
import { isAnyOf } from '../../db/array.ts';
import { MAX_PAGE } from '../../db/page.ts';
import { readerOf } from '../../db/reader.ts';
import { notFound } from '../../lib/errors.ts';
import { fromPublicId, publicRow, toPublicId } from '../../lib/ids.ts';
import { apiTokens, commonFields } from '../api-token/table.ts';
import { planOf } from '../principal/access.ts';
import { findPrincipal, publicIdOfPrincipal } from '../principal/service.ts';

export const fields = { ...commonFields, projectId: apiTokens.projectId, preset: apiTokens.preset };

/** An API key. The table also contains API tokens, which have a principal instead of a project. */
export interface ApiKeyRow
  extends Omit<Pick<typeof apiTokens.$inferSelect, keyof typeof fields>, keyof NotNull>,
    NotNull {}

/** Columns that are null for API tokens, but never for API keys. */
interface NotNull {
  projectId: string;
  permissions: string[];
  hint: string;
  createdById: string;
}

/** Whether the request is authenticated with this key. */
export const isOwnKey = ({ id }: ApiKeyRow, { unit }: Context): boolean => id === unit.actor.credential?.id;

/** The caller sees the key of the request, and with `api_key:read` in the project other keys. */
const isVisible = (ctx: Context, key: ApiKeyRow): boolean =>
  isOwnKey(key, ctx) || ctx.unit.access.can('api_key:read', key.projectId);

export const keyReader = readerOf<ApiKeyRow>(apiTokens, fields);

/** The rows of the organization that are keys. */
export const isKeyHere = (ctx: Context): SQL =>
  and(eq(apiTokens.organizationId, tenant(ctx)), isNotNull(apiTokens.projectId)) as SQL;

const readKey = loaderOf<ApiKeyRow>(async (ctx, ids) =>
  keyReader.read(await db(ctx), sql`where ${isKeyHere(ctx)} and ${isAnyOf(apiTokens.id, ids)}`),
);

/** The key. Null if it does not exist or is not visible to the caller. */
export async function findApiKey(ctx: Context, id: string): Promise<ApiKeyRow | null> {
  if (!ctx.unit.binding.organizationId) return null;
  const key = await readKey(ctx, id);
  return key && isVisible(ctx, key) ? key : null;
}

export async function getApiKey(ctx: Context, publicId: string): Promise<ApiKeyRow> {
  const id = fromPublicId('key', publicId);
  const key = id && (await findApiKey(ctx, id));
  if (!key) throw notFound('ApiKey');
  return key;
}

/** The key as this transaction sees it, locked until its end. */
export async function lockApiKey(ctx: Context, id: string): Promise<ApiKeyRow> {
  const [key] = await keyReader.read(
    await db(ctx),
    sql`where ${isKeyHere(ctx)} and ${apiTokens.id} = ${id} for update`,
  );
  if (!key) throw notFound('ApiKey');
  return key;
}

/** The keys that a member has created with a session, in projects where the caller can see keys. */
export async function listKeysCreatedBy(ctx: Context, principalId: string): Promise<ApiKeyRow[]> {
  const visible = and(
    isKeyHere(ctx),
    inProjects(ctx, apiTokens.projectId, 'api_key:read'),
    eq(apiTokens.createdById, principalId),
    isNull(apiTokens.createdWithId),
  );
  const order = sql`order by ${apiTokens.id} desc limit ${MAX_PAGE}`;
  return keyReader.read(await db(ctx), sql`where ${visible} ${order}`);
}

/**
 * The public ID of the creator. A key that was created with a token or key is deleted with it. So a creator that does not exist
 * any more was a member with a session.
 */
export async function creatorIdOf(ctx: Context, { createdById, createdWithId }: ApiKeyRow): Promise<string> {
  if (createdById === createdWithId) return toPublicId('key', createdById);
  const creator = await findPrincipal(ctx, createdById);
  return creator ? publicIdOfPrincipal(creator) : toPublicId('mem', createdById);
}

/** What the audit log shows of a key. */
export async function snapshotOf(ctx: Context, key: ApiKeyRow): Promise<Record<string, unknown>> {
  const { lineageAt: _, createdWithId: __, lastUsedAt: ___, lastUsedAddress: ____, ...row } = key;
  return { ...publicRow('key', row), createdById: await creatorIdOf(ctx, key) };
}

/** The permissions that the key has now in its project. */
export const effectivePermissionsOf = (ctx: Context, key: ApiKeyRow): Permission[] =>
  permissionsOf(unrestricted(grantsOfKey(key, key.projectId, planOf(ctx))), key.projectId);

/** The permissions that the caller has on the key. An update requires all permissions of the key. */
export function permissionsOnKey(ctx: Context, key: ApiKeyRow): Permission[] {
  const { access } = ctx.unit;
  const mayChange = holds(access, permissionsOfKey(key.permissions), key.projectId);
  const may = {
    'api_key:read': isVisible(ctx, key),
    'api_key:update': mayChange && access.can('api_key:update', key.projectId),
    'api_key:delete': access.can('api_key:delete', key.projectId),
  };
  return (Object.keys(may) as (keyof typeof may)[]).filter((name) => may[name]);
}
