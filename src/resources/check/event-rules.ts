import { isDeepStrictEqual } from 'node:util';
import { and, eq } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { signalOf } from '../../db/work.ts';
import { invalid, userError } from '../../lib/errors.ts';
import type { EventRules, RuleProblem } from '../../lib/event-rules/messages.ts';
import { integrations } from '../integration/table.ts';
import { settingsOf } from './settings.ts';
import type { checks } from './table.ts';

type EventCheck = Pick<typeof checks.$inferSelect, 'type' | 'settings' | 'integrationId'>;

/** The rules that were checked before the transaction began, each with its problem. Null for rules that can be used. */
export type RuleProblems = ReadonlyMap<string, RuleProblem | null>;

const keyOf = ({ serviceSelector, successCondition, resultMessage }: EventRules): string =>
  JSON.stringify([serviceSelector, successCondition, resultMessage]);

/** Checks rules in the thread. */
export async function findRuleProblems(ctx: Context, all: readonly EventRules[]): Promise<RuleProblems> {
  const problems = new Map<string, RuleProblem | null>();
  for (const rules of all) if (!problems.has(keyOf(rules))) problems.set(keyOf(rules), await problemOf(ctx, rules));
  return problems;
}

const problemOf = (ctx: Context, rules: EventRules): Promise<RuleProblem | null> =>
  ctx.dependencies.eventEvaluator.check(tenant(ctx), rules, { signal: signalOf(ctx.work) });

/** Throws for a check of type CUSTOM_EVENT whose rules cannot be used. What `before` has is not checked again. */
export async function refuseEventRules(
  ctx: Context,
  check: EventCheck,
  before: EventCheck | null,
  known: RuleProblems,
): Promise<void> {
  if (check.type !== 'CUSTOM_EVENT') return;
  if (check.integrationId !== before?.integrationId) await refuseIntegration(ctx, check.integrationId);
  const rules = settingsOf(check.type, check.settings);
  if (before && isDeepStrictEqual(rules, settingsOf(check.type, before.settings))) return;
  // Checks the credential. Otherwise the field would run twice, and check slow programs twice.
  await db(ctx);
  const found = known.get(keyOf(rules));
  // Another request has changed the rules of the check since they were read.
  const problem = found === undefined ? await problemOf(ctx, rules) : found;
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
