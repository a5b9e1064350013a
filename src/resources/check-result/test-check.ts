import { type Context, db, revalidate, tenant } from '../../context.ts';
import { signalOf } from '../../db/work.ts';
import type { EventRules, PayloadOutcome, ServiceOutcome } from '../../lib/event-rules/messages.ts';
import { storableText } from '../../lib/storable.ts';
import type { CheckRow } from '../check/service.ts';
import { MAX_RULES, settingsOf } from '../check/settings.ts';
import { servicesByAlias } from '../integration/services.ts';

/** Rules that are tested instead of those of the check. */
export type GivenRules = { readonly [Field in keyof EventRules]?: EventRules[Field] | null | undefined };

/** What a check would do with an event. */
export interface CheckTest {
  /** Problems with the rules and the payload as a whole. */
  readonly errors: readonly string[];
  readonly services: readonly TestedService[];
}

export type TestedService = ServiceOutcome & {
  /** Null for an alias that no service has. */
  readonly serviceId: string | null;
};

const onlyErrors = (...errors: string[]): CheckTest => ({ errors, services: [] });

/** Evaluates the payload as an event would be. Writes nothing. */
export async function testCheck(
  ctx: Context,
  check: CheckRow | null,
  given: GivenRules,
  payload: unknown,
): Promise<CheckTest> {
  if (check && check.type !== 'CUSTOM_EVENT') return onlyErrors(`The check is of type ${check.type}.`);
  const rules = { ...settingsOf('CUSTOM_EVENT', check?.settings ?? {}), ...definedIn(given) };
  for (const field of ['serviceSelector', 'successCondition'] as const)
    if (rules[field].trim() === '') return onlyErrors(`${field}: is required`);
  for (const [field, max] of Object.entries(MAX_RULES))
    if ((rules[field as keyof EventRules] ?? '').length > max)
      return onlyErrors(`${field}: must have at most ${max.toLocaleString('en')} characters`);
  // The request runs again with the current actor, so the programs need not run now.
  if (!(await revalidate(ctx))) return onlyErrors();
  const outcome = await evaluate(ctx, rules, payload);
  if ('error' in outcome) return onlyErrors(outcome.error);
  const ids = await servicesByAlias(
    { db: await db(ctx), organizationId: tenant(ctx) },
    outcome.services.map(({ alias }) => storableText(alias)),
  );
  return { errors: [], services: outcome.services.map((one) => ({ ...one, serviceId: ids.get(one.alias) ?? null })) };
}

/** Runs the programs. They run outside of a transaction. */
async function evaluate(ctx: Context, rules: EventRules, payload: unknown): Promise<PayloadOutcome> {
  const { eventEvaluator } = ctx.dependencies;
  const options = { signal: signalOf(ctx.work) };
  const problem = await eventEvaluator.check(tenant(ctx), rules, options);
  if (problem) return { error: `${problem.field}: ${problem.message}` };
  const [outcome] = await eventEvaluator.evaluate(tenant(ctx), rules, [JSON.stringify(payload)], options);
  return outcome ?? { error: '' };
}

/** The fields with a value. Null removes the message only, because the programs are required. */
function definedIn({ serviceSelector, successCondition, resultMessage }: GivenRules): Partial<EventRules> {
  return {
    ...(serviceSelector != null && { serviceSelector }),
    ...(successCondition != null && { successCondition }),
    ...(resultMessage !== undefined && { resultMessage }),
  };
}
