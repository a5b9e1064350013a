import type { InputFieldMap } from '@pothos/core';
import type { Context } from '../context.ts';
import type { Mutated } from '../data/hooks.ts';
import { invalid, type UserError, userError } from '../lib/errors.ts';
import { capitalized } from '../lib/words.ts';
import { DRY_RUN, runWithAccessChanges, VISIBLE_ACCESS_CHANGES } from './access-changes.ts';
import type { Fields } from './part-inputs.ts';
import type { Input } from './resource-inputs.ts';
import type { Resource, When } from './resource-model.ts';

type Action = Mutated['action'];

const changesAccess = ({ declaration }: Resource, action: Action): boolean =>
  declaration.changesAccess?.includes(action) ?? false;

/** The input field `dryRun` of a mutation that can change access. */
export function dryRunInput(t: Fields, resource: Resource, action: Action): InputFieldMap {
  if (!changesAccess(resource, action)) return {};
  const { bulk = [], plural } = resource.declaration;
  const isItem = action !== 'delete' && bulk.includes(action);
  const note = `In \`${action}${capitalized(plural)}\`, use the field \`dryRun\` of its input instead.`;
  return { dryRun: t.boolean({ description: isItem ? `${DRY_RUN} ${note}` : DRY_RUN }) };
}

/** The input field `dryRun` of a mutation of several objects. */
export const dryRunOfMany = (t: Fields, resource: Resource, when: When): InputFieldMap =>
  changesAccess(resource, when) ? { dryRun: t.boolean({ description: DRY_RUN }) } : {};

/** Refuses a dry run of one of several objects: the others would be written. */
export function refuseDryRunOfOne(plural: string, inputs: readonly Input[]): void {
  const errors = inputs.flatMap((input, at): UserError[] =>
    input['dryRun'] === true
      ? [
          userError(
            'INVALID',
            [plural, String(at), 'dryRun'],
            `dryRun: must be a field of the input, not of one of the ${plural}.`,
          ),
        ]
      : [],
  );
  if (errors.length > 0) throw invalid(...errors);
}

type Resolve = (input: Input, ctx: Context) => Promise<object>;

/** The results of a mutation and its resolver, with `accessChanges` if it can change access. */
export const resultsOf = (resource: Resource, action: Action, results: object, resolve: Resolve) =>
  changesAccess(resource, action)
    ? {
        results: { ...results, ...VISIBLE_ACCESS_CHANGES },
        resolve: (input: Input, ctx: Context) => runWithAccessChanges(ctx, input['dryRun'], () => resolve(input, ctx)),
      }
    : { results, resolve };
