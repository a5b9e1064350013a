import { and, count, eq } from 'drizzle-orm';
import { z } from 'zod';
import { audit, type Context, db } from '../../context.ts';
import { addSecrets } from '../../identity/secrets.ts';
import { toPublicId } from '../../lib/ids.ts';
import { parse, singleLine } from '../../lib/input.ts';
import { lineageColumns, newSecretColumns } from '../api-token/insert.ts';
import { requireLifetime, requireNotBeyondCredential } from '../api-token/lifetime.ts';
import { addressList, limitsWithin } from '../api-token/limits.ts';
import { apiTokens } from '../api-token/table.ts';
import type { ProjectRow } from '../project/service.ts';
import { definitionInput, definitionOf } from './definition.ts';
import { lockForKey } from './escalation.ts';
import { type ApiKeyRow, fields, isKeyHere, snapshotOf } from './service.ts';

const Create = z.object({
  ...definitionInput,
  name: singleLine(100),
  addresses: addressList,
  expiresAt: z.date().nullish(),
});

export interface KeyWithSecret {
  apiKey: ApiKeyRow;
  secret: string;
}

/** Creates a key of the project. Only the response contains its secret. */
export async function createApiKey(ctx: Context, project: ProjectRow, input: unknown): Promise<KeyWithSecret> {
  const { preset, permissions, expiresAt = null, ...given } = parse(Create, input);
  const definition = definitionOf(ctx, { preset, permissions });
  const { addresses } = limitsWithin(ctx.unit.actor.credential, { addresses: given.addresses });
  await requireLifetime(ctx, { expiresAt, lineageAt: null });
  requireNotBeyondCredential(ctx, expiresAt);
  // Two requests for the last key of the plan run one after the other.
  const escalation = await lockForKey(ctx, 'api_key:create', project.id);
  const values = { ...definition, name: given.name, addresses, expiresAt, projectId: project.id };
  escalation.requireGivable(values);
  await requireRoom(ctx, project.id);
  return await insert(ctx, { ...values, ...(await lineageOf(ctx)) });
}

async function requireRoom(ctx: Context, projectId: string): Promise<void> {
  const [all] = await (await db(ctx))
    .select({ total: count() })
    .from(apiTokens)
    .where(and(isKeyHere(ctx), eq(apiTokens.projectId, projectId)));
  ctx.unit.access.requireRoom('apiKeysPerProject', { usage: all?.total ?? 0, added: 1 });
}

type Values = Omit<typeof apiTokens.$inferInsert, 'hash' | 'organizationId'>;

async function insert(ctx: Context, given: Values): Promise<KeyWithSecret> {
  const { secret, columns } = newSecretColumns(ctx, 'ambit_key_');
  const tx = await db(ctx);
  // The name may be taken. Then the hash must not be sent, because the transaction is aborted.
  const [row] = await tx
    .insert(apiTokens)
    .values({ ...given, ...columns })
    .returning(fields);
  await addSecrets(tx, columns.organizationId, [columns.hash]);
  const apiKey = row as ApiKeyRow;
  audit(ctx, { targetId: toPublicId('key', apiKey.id), after: await snapshotOf(ctx, apiKey) });
  return { apiKey, secret };
}

/** The maximum lifetime is that of API tokens. It does not apply to a key that was created with a session. */
const lineageOf = async (ctx: Context): Promise<Pick<Values, 'createdWithId' | 'lineageAt'>> =>
  (await lineageColumns(ctx, 'key share')) ?? { createdWithId: null, lineageAt: null };
