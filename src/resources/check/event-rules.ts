import { isDeepStrictEqual } from 'node:util';
import { and, eq } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { integrations } from '../integration/table.ts';
import { settingsOf } from './settings.ts';
import type { checks } from './table.ts';

type EventCheck = Pick<typeof checks.$inferSelect, 'type' | 'settings' | 'integrationId'>;

/** Throws for a check of type CUSTOM_EVENT whose rules cannot be used. What `before` has is not checked again. */
export async function refuseEventRules(ctx: Context, check: EventCheck, before: EventCheck | null): Promise<void> {
  if (check.type !== 'CUSTOM_EVENT') return;
  if (check.integrationId !== before?.integrationId) await refuseIntegration(ctx, check.integrationId);
  const rules = settingsOf(check.type, check.settings);
  if (before && isDeepStrictEqual(rules, settingsOf(check.type, before.settings))) return;
  // Checks the credential. Otherwise the field would run twice, and check slow programs twice.
  await db(ctx);
  const problem = await ctx.dependencies.eventEvaluator.check(tenant(ctx), rules);
  if (problem) refuse(problem.field, problem.message);
}

/** The type of an integration never changes. */
async function refuseIntegration(ctx: Context, integrationId: string | null): Promise<void> {
  const [found] = await (await db(ctx))
    .select({ type: integrations.type })
    .from(integrations)
    .where(and(eq(integrations.organizationId, tenant(ctx)), eq(integrations.id, integrationId ?? '')));
  // A missing one violates the foreign key, which has an error of its own.
  if (found && found.type !== 'CUSTOM_EVENT')
    refuse('integrationId', `must be of type CUSTOM_EVENT, and is ${found.type}`);
}

function refuse(field: string, message: string): never {
  const path = ['settings', 'customEvent', field];
  throw invalid(userError('INVALID', path, `${path.join('.')}: ${message}.`));
}
