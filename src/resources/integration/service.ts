import { count, eq } from 'drizzle-orm';
import { EVENT_ENDPOINTS, type EventPath } from '../../access/endpoints.ts';
import { audit, type Context, db, tenant } from '../../context.ts';
import { releaseReferences } from '../../data/references.ts';
import { rowsOf } from '../../data/rows.ts';
import { addSecrets, removeSecrets } from '../../identity/secrets.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { publicRow, toPublicId } from '../../lib/ids.ts';
import { hashSecret, hintOf, newSecret } from '../../lib/secret.ts';
import { lockOrganization } from '../organization/service.ts';
import { MAX_INTEGRATIONS } from './limits.ts';
import { type IntegrationType, integrations } from './table.ts';

export type IntegrationRow = typeof integrations.$inferSelect;

/** The columns of an integration that an input sets. */
export type IntegrationValues = Pick<IntegrationRow, 'name' | 'type' | 'enabled'>;

/** The URL contains the secret, which cannot be read again. */
export interface IntegrationWithUrl {
  readonly integration: IntegrationRow;
  readonly url: string;
}

const rows = rowsOf(integrations, 'int');

/** The integration as the audit log shows it, without the hash of its secret. */
export const snapshotOf = ({ hash: _, ...row }: IntegrationRow): Record<string, unknown> => publicRow('int', row);

export async function createIntegration(ctx: Context, values: IntegrationValues): Promise<IntegrationWithUrl> {
  // Otherwise two requests at once could exceed the limit.
  await lockOrganization(ctx);
  await requireRoom(ctx);
  const secret = newSecret('ambit_int_');
  const now = ctx.dependencies.clock();
  const row = await rows.insert(ctx, { ...values, ...columnsOf(secret), createdAt: now, updatedAt: now });
  await addSecrets(await db(ctx), tenant(ctx), [row.hash]);
  audit(ctx, { after: snapshotOf(row) });
  return { integration: row, url: urlOf(ctx, row.type, secret) };
}

export async function updateIntegration(
  ctx: Context,
  id: string,
  changes: Partial<IntegrationValues>,
): Promise<IntegrationRow> {
  const before = await lock(ctx, id);
  return await write(ctx, before, changes);
}

/** Gives the integration another secret. The previous one is refused from the next request on. */
export async function rotateIntegrationSecret(ctx: Context, id: string): Promise<IntegrationWithUrl> {
  const before = await lock(ctx, id);
  const secret = newSecret('ambit_int_');
  const after = await write(ctx, before, columnsOf(secret));
  const tx = await db(ctx);
  await removeSecrets(tx, [before.hash]);
  await addSecrets(tx, tenant(ctx), [after.hash]);
  return { integration: after, url: urlOf(ctx, after.type, secret) };
}

/** Deletes the integration with its events and suggestions. */
export async function deleteIntegration(ctx: Context, id: string): Promise<string> {
  const before = await lock(ctx, id);
  await releaseReferences(ctx, integrations, 'integration', id);
  await removeSecrets(await db(ctx), [before.hash]);
  const deletedId = await rows.remove(ctx, before);
  audit(ctx, { before: snapshotOf(before) });
  return deletedId;
}

async function lock(ctx: Context, id: string): Promise<IntegrationRow> {
  audit(ctx, { targetId: toPublicId('int', id) });
  return await rows.lock(ctx, id);
}

async function write(ctx: Context, before: IntegrationRow, changes: Partial<IntegrationRow>): Promise<IntegrationRow> {
  const after = await rows.update(ctx, before, { ...changes, updatedAt: ctx.dependencies.clock() });
  audit(ctx, { before: snapshotOf(before), after: snapshotOf(after) });
  return after;
}

const columnsOf = (secret: string) => ({ hash: hashSecret(secret), hint: hintOf(secret) });

const PATHS = Object.fromEntries(Object.entries(EVENT_ENDPOINTS).map(([path, type]) => [type, path])) as Record<
  IntegrationType,
  EventPath
>;

const urlOf = ({ dependencies }: Context, type: IntegrationType, secret: string): string =>
  `${dependencies.config.publicUrl}${PATHS[type]}${secret}`;

async function requireRoom(ctx: Context): Promise<void> {
  const [row] = await (await db(ctx))
    .select({ total: count() })
    .from(integrations)
    .where(eq(integrations.organizationId, tenant(ctx)));
  if ((row?.total ?? 0) < MAX_INTEGRATIONS) return;
  const message = `The organization has ${MAX_INTEGRATIONS} integrations, which is the maximum.`;
  throw invalid(userError('LIMIT_EXCEEDED', [], message));
}
