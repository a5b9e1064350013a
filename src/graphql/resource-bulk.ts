import type { InputRef } from '@pothos/core';
import type { Context } from '../context.ts';
import { domainError } from '../db/constraints.ts';
import { invalid, type UserError, userError } from '../lib/errors.ts';
import { capitalized, nounOf } from '../lib/words.ts';
import { mutation } from './mutation.ts';
import type { Fields } from './part-inputs.ts';
import { dryRunOfMany, refuseDryRunOfOne, resultsOf } from './resource-access.ts';
import type { Input } from './resource-inputs.ts';
import type { AnyRow, Resource, When } from './resource-model.ts';
import { createAll, type Given, targetIdOf, updateAll } from './resource-write.ts';
import { RunAgain } from './run-again.ts';

/** Maximum number of objects that one mutation creates or updates. */
const MAX_BULK = 500;

const WRITE = { create: createAll, update: updateAll };

/** Adds the mutations that create or update several objects, with the same rules as those for one. */
export function addBulk(resource: Resource, inputs: Record<When, InputRef<unknown>>): void {
  const { declaration, type, permissionTo } = resource;
  const { plural, bulk = [] } = declaration;
  const words = nounOf(plural);
  for (const when of bulk)
    mutation(`${when}${capitalized(plural)}`, {
      mayUseCachedActor: true,
      permission: permissionTo(when),
      ...(when === 'update' && resource.owner && { onSome: true }),
      ...(when === 'update' && {
        // The event of a refused update has the same target as that of a successful one: the first object.
        auditTarget: async (ctx: Context, input: Input) => {
          const [first] = input[plural] as Input[];
          return first ? await targetIdOf(ctx, resource, first) : null;
        },
      }),
      description: `${capitalized(when)}s up to ${MAX_BULK} ${words}: all of them or, if there are errors, none. The path of an error begins with \`${plural}\` and the index of the input, from 0.`,
      input: (t: Fields) => ({
        [plural]: t.field({
          type: [inputs[when]],
          required: true,
          description:
            when === 'create'
              ? `The fields of the new ${words}. 1 to ${MAX_BULK}.`
              : `The changes. 1 to ${MAX_BULK}, at most one for each of the ${words}. Omitted fields are unchanged.`,
        } as never),
        ...dryRunOfMany(t, resource, when),
      }),
      complexity: ({ input }: { input: Input }) => costOf((input?.[plural] as unknown[] | undefined)?.length ?? 1),
      ...resultsOf(
        resource,
        when,
        {
          [plural]: {
            type: [type],
            complexity: { field: 1, multiplier: 1 },
            description: `The ${words}, in the order of the input.`,
          },
        },
        async (input, ctx) => ({ [plural]: await writeAll(ctx, resource, when, input[plural] as Input[]) }),
      ),
    } as never);
}

/** The mutation counts as often as it has objects. */
const costOf = (count: number) => ({ field: count, multiplier: Math.max(count, 1) });

async function writeAll(ctx: Context, resource: Resource, when: When, inputs: readonly Input[]): Promise<AnyRow[]> {
  const { plural } = resource.declaration;
  if (inputs.length === 0) throw invalid(userError('TOO_SHORT', plural, `${plural}: must have at least one item.`));
  if (inputs.length > MAX_BULK)
    throw invalid(userError('TOO_LONG', plural, `${plural}: must have at most ${MAX_BULK} items.`));
  refuseDryRunOfOne(plural, inputs);
  return await writeBulk(
    ctx,
    resource,
    when,
    inputs.map((input, at) => ({ input, path: [plural, String(at)] })),
  );
}

/**
 * Creates or updates several objects. An error that only the database finds, such as a reference that another request has just
 * deleted, has the path of the only input. Of several, the database does not tell which one it is, so the mutation runs again.
 */
async function writeBulk(ctx: Context, resource: Resource, when: When, given: readonly Given[]): Promise<AnyRow[]> {
  try {
    return await WRITE[when](ctx, resource, given);
  } catch (thrown) {
    const { userErrors } = domainError(thrown) as { userErrors?: readonly UserError[] };
    const { plural } = resource.declaration;
    if (!userErrors) throw thrown;
    const [only, ...others] = given;
    const hasPath = userErrors.every(({ path }) => path[0] === plural);
    const path = only && others.length === 0 ? only.path : [plural];
    const error = invalid(
      ...userErrors.map((one) => ({ ...one, path: one.path[0] === plural ? one.path : [...path, ...one.path] })),
    );
    throw hasPath || others.length === 0 ? error : new RunAgain('an input violates a constraint', { cause: error });
  }
}
