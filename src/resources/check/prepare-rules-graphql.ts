import { z } from 'zod';
import { type Context, readInOwnTransaction, revalidateBeforeMutation } from '../../context.ts';
import type { GivenInput } from '../../data/hooks.ts';
import { RunAgain } from '../../graphql/run-again.ts';
import { type GivenReference, loadReferenced, type Target } from '../../graphql/target.ts';
import { unavailable } from '../../lib/errors.ts';
import type { EventRules } from '../../lib/event-rules/messages.ts';
import { multiLine } from '../../lib/input.ts';
import { findRuleProblems, type RuleProblems } from './event-rules.ts';
import type { CheckRow } from './service.ts';
import { MAX_RULES, settingsOf } from './settings.ts';

/** Parses rules in the same way as the attributes of the settings. */
const GivenRules = z.object({
  serviceSelector: multiLine(MAX_RULES.serviceSelector),
  successCondition: multiLine(MAX_RULES.successCondition),
  resultMessage: multiLine(MAX_RULES.resultMessage),
});

/**
 * Checks the rules of all inputs before the transaction of the mutation begins, because a program can take seconds. What the
 * mutation refuses for another reason is not checked.
 */
export async function prepareRules(
  ctx: Context,
  target: Target<CheckRow>,
  inputs: readonly GivenInput[],
): Promise<RuleProblems> {
  const given = inputs.filter(({ input }) => customEventOf(input) !== null);
  if (given.length === 0) return new Map();
  const rules = await readInOwnTransaction(ctx, async (own) => {
    const all: (EventRules | null)[] = [];
    for (const { input } of given) all.push(await rulesOf(own, target, input));
    return all;
  });
  if (!(await revalidateBeforeMutation(ctx))) throw new RunAgain('', { cause: unavailable() });
  return await findRuleProblems(
    ctx,
    rules.filter((one) => one !== null),
  );
}

type Input = GivenInput['input'];

function customEventOf({ settings }: Input): object | null {
  const { customEvent = null } = (settings ?? {}) as { customEvent?: object | null };
  return customEvent;
}

/** The rules that the check will have. Null if they are refused for another reason, or if there is no such check. */
async function rulesOf(ctx: Context, target: Target<CheckRow>, input: Input): Promise<EventRules | null> {
  const { success, data } = GivenRules.safeParse(customEventOf(input));
  if (!success) return null;
  const reference = input['check'] as GivenReference | undefined;
  const row = reference === undefined ? null : await loadReferenced(ctx, target, reference);
  if (reference !== undefined && row?.type !== 'CUSTOM_EVENT') return null;
  const changes = Object.entries(data).filter(([, value]) => value !== undefined);
  const rules = { ...settingsOf('CUSTOM_EVENT', row?.settings ?? {}), ...Object.fromEntries(changes) };
  return rules.serviceSelector && rules.successCondition ? rules : null;
}
