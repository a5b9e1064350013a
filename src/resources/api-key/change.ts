import { and, eq } from 'drizzle-orm';
import { z } from 'zod';
import { refusal } from '../../access/access.ts';
import { permissionsOfKey } from '../../access/key-role.ts';
import { audit, type Context, db, tenant } from '../../context.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { parse, singleLine } from '../../lib/input.ts';
import { isWithinNetworks } from '../../lib/network.ts';
import {
  findExpiry,
  isLater,
  requireLifetime,
  requireNotBeyondCreator,
  requireNotBeyondCredential,
} from '../api-token/lifetime.ts';
import { addressList, limitsWithin } from '../api-token/limits.ts';
import { deleteLineage, endLineage } from '../api-token/lineage.ts';
import { graceSeconds, rotateSecret } from '../api-token/rotation.ts';
import { apiTokens } from '../api-token/table.ts';
import type { KeyWithSecret } from './create.ts';
import { changedDefinition, definitionInput } from './definition.ts';
import { lockForKey } from './escalation.ts';
import { type ApiKeyRow, fields, lockApiKey, snapshotOf } from './service.ts';

const Update = z.object({
  ...definitionInput,
  name: singleLine(100).optional(),
  addresses: addressList,
  expiresAt: z.date().nullish(),
});

type Changes = Partial<Pick<ApiKeyRow, 'name' | 'preset' | 'permissions' | 'access' | 'addresses' | 'expiresAt'>>;

const own = (ctx: Context, id: string) => and(eq(apiTokens.organizationId, tenant(ctx)), eq(apiTokens.id, id));

/** Updates a key. The caller must have all permissions of the key, before and after the update. */
export async function updateApiKey(ctx: Context, { id, projectId }: ApiKeyRow, input: unknown): Promise<ApiKeyRow> {
  const changes = changesOf(ctx, parse(Update, input));
  const escalation = await lockForKey(ctx, 'api_key:update', projectId);
  const before = await lockApiKey(ctx, id);
  escalation.requireHeld(before);
  const after = { ...before, ...changes };
  if (changes.expiresAt !== undefined) await requireMayLast(ctx, after);
  escalation.requireGivable(given(before, after));
  return await write(ctx, before, changes);
}

/** The columns that the input changes. Undefined columns are left out. */
function changesOf(ctx: Context, { preset, permissions, ...given }: z.output<typeof Update>): Changes {
  const definition = changedDefinition(ctx, { preset, permissions });
  if (!definition && (preset === null || permissions === null)) {
    const field = preset === null ? 'preset' : 'permissions';
    throw invalid(userError('REQUIRED', field, `${field}: must not be null, because every API key has permissions.`));
  }
  const { addresses } = limitsWithin(ctx.unit.actor.credential, given);
  const changes = { ...given, ...definition, ...(given.addresses !== undefined && { addresses }) };
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
}

async function requireMayLast(ctx: Context, key: ApiKeyRow): Promise<void> {
  await requireLifetime(ctx, key);
  const end = await findExpiry(ctx, key);
  requireNotBeyondCredential(ctx, end);
  await requireNotBeyondCreator(ctx, key.createdWithId, end);
}

/** What a change gives: all permissions if the key lasts longer, or else those that it did not have. */
function given(before: ApiKeyRow, after: ApiKeyRow): ApiKeyRow {
  if (isLater(after.expiresAt, before.expiresAt)) return after;
  const had = permissionsOfKey(before.permissions);
  return { ...after, permissions: [...permissionsOfKey(after.permissions)].filter((name) => !had.has(name)) };
}

async function write(ctx: Context, before: ApiKeyRow, changes: Changes): Promise<ApiKeyRow> {
  const after = Object.keys(changes).length === 0 ? before : await store(ctx, before, changes);
  const targetId = toPublicId('key', before.id);
  audit(ctx, { targetId, before: await snapshotOf(ctx, before), after: await snapshotOf(ctx, after) });
  return after;
}

async function store(ctx: Context, { id }: ApiKeyRow, changes: Changes): Promise<ApiKeyRow> {
  const tx = await db(ctx);
  const set = { ...changes, updatedAt: ctx.dependencies.clock() };
  const [row] = await tx.update(apiTokens).set(set).where(own(ctx, id)).returning(fields);
  if (changes.expiresAt) await endLineage(tx, tenant(ctx), id, changes.expiresAt);
  return row as ApiKeyRow;
}

const Rotate = z.object({ graceSeconds });

/** Gives a key a new secret. The response contains it, so the caller must have all permissions of the key. */
export async function rotateApiKey(ctx: Context, key: ApiKeyRow, input: unknown): Promise<KeyWithSecret> {
  const { graceSeconds: grace } = parse(Rotate, input);
  const escalation = await lockForKey(ctx, 'api_key:update', key.projectId);
  const before = await lockApiKey(ctx, key.id);
  requireSessionUnlessCreated(ctx, before);
  escalation.requireGivable(before);
  requireNotBeyondCredential(ctx, await findExpiry(ctx, before));
  const secret = await rotateSecret(ctx, 'ambit_key_', key.id, grace);
  const apiKey = await lockApiKey(ctx, key.id);
  const targetId = toPublicId('key', key.id);
  audit(ctx, { targetId, before: await snapshotOf(ctx, before), after: await snapshotOf(ctx, apiKey) });
  return { apiKey, secret };
}

/** A leaked token or key must not get the secret of another key, which stays valid after its own revocation. */
function requireSessionUnlessCreated(ctx: Context, key: ApiKeyRow): void {
  const { credential } = ctx.unit.actor;
  if (!credential || credential.kind === 'SESSION') return;
  const { id, addresses } = credential;
  const isWithin = !addresses || key.addresses?.every((network) => isWithinNetworks(network, addresses));
  if ((key.id === id || key.createdWithId === id) && isWithin) return;
  throw refusal(
    'SESSION_REQUIRED',
    'An API token or API key can rotate only itself and the API keys that were created with it, if they can be used from no other addresses.',
    'Sign in, and use the access token.',
  );
}

/** Deletes a key, with the keys that were created with it. */
export async function deleteApiKey(ctx: Context, key: ApiKeyRow): Promise<string> {
  const before = await snapshotOf(ctx, await lockApiKey(ctx, key.id));
  const lineage = await deleteLineage(await db(ctx), tenant(ctx), key.id);
  const targetId = toPublicId('key', key.id);
  const touched = lineage.map(({ id }) => ({ id: toPublicId('key', id), projectId: key.projectId }));
  audit(ctx, { targetId, before, after: null, touched });
  return targetId;
}
