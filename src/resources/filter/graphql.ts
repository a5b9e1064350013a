import type { Context } from '../../context.ts';
import { builder } from '../../graphql/builder.ts';
import { DELETED, mutation } from '../../graphql/mutation.ts';
import { attributeInputs, valuesOf } from '../../graphql/resource-inputs.ts';
import type { When } from '../../graphql/resource-model.ts';
import type { Target } from '../../graphql/target.ts';
import { AmbitError, invalid, type UserError, userError } from '../../lib/errors.ts';
import { targetId } from '../../lib/input.ts';
import { Lifecycle } from '../lifecycle/resource.ts';
import { PropertyDefinition } from '../property-definition/resource.ts';
import { Team } from '../team/resource.ts';
import { Tier } from '../tier/resource.ts';
import type { Predicate } from './compile.ts';
import { MAX_DEPTH } from './compile.ts';
import { MAX_REGEXES, MAX_TOTAL } from './nesting.ts';
import { FilterPredicate, FilterPredicateInput } from './predicate-graphql.ts';
import { checkPredicates, type GivenPredicate, MAX_PREDICATES } from './predicates.ts';
import { Filter } from './resource.ts';
import { createFilter, deleteFilter, type FilterValues, updateFilter } from './write.ts';

const OBJECTS = [
  ['team', Team, 'teamId', 'team that is compared with'],
  ['tier', Tier, 'tierId', 'tier that is compared with'],
  ['lifecycle', Lifecycle, 'lifecycleId', 'lifecycle stage that is compared with'],
  ['propertyDefinition', PropertyDefinition, 'definitionId', 'definition of the property that is compared'],
  ['filter', Filter, 'nestedId', 'filter that is nested'],
] as const;

for (const [name, target, column, words] of OBJECTS) {
  const { type, load } = target as unknown as Target;
  builder.objectField(FilterPredicate, name, (t) =>
    t.field({
      type,
      nullable: true,
      description: `The ${words}. Null if there is none or it is not visible to the caller.`,
      resolve: (predicate, _args, ctx, info) => {
        const id = predicate[column];
        return id === null ? null : load(ctx, id, info);
      },
    }),
  );
}

const PREDICATES = `1 to ${MAX_PREDICATES} conditions. With those of nested filters, at most ${MAX_TOTAL}, of which at most ${MAX_REGEXES} are regular expressions. Filters can be nested ${MAX_DEPTH} levels deep, and cannot contain themselves.`;

const RESULT = { filter: { type: Filter.type, description: 'The filter.' } } as const;

mutation('createFilter', {
  mayUseCachedActor: true,
  permission: 'filter:create',
  description: 'Creates a filter.',
  input: (t) => ({
    ...attributeInputs(t, Filter as never, 'create'),
    predicates: t.field({ type: [FilterPredicateInput], required: true, description: PREDICATES }),
  }),
  results: RESULT,
  resolve: async ({ predicates, ...input }, ctx) => {
    const checked = await checkInput(ctx, 'create', input, predicates);
    return { filter: await createFilter(ctx, checked.values as FilterValues, checked.predicates ?? []) };
  },
});

mutation('updateFilter', {
  mayUseCachedActor: true,
  permission: 'filter:update',
  description: 'Updates a filter. Omitted fields are unchanged.',
  input: (t) => ({
    id: t.id({ required: true, description: 'The ID of the filter.' }),
    ...attributeInputs(t, Filter as never, 'update'),
    predicates: t.field({
      type: [FilterPredicateInput],
      description: `${PREDICATES} They replace the current predicates. Cannot be null.`,
    }),
  }),
  results: RESULT,
  resolve: async ({ id, predicates, ...input }, ctx) => {
    const uuid = targetId('fil', id);
    const checked = await checkInput(ctx, 'update', input, predicates);
    return { filter: await updateFilter(ctx, uuid, checked.values, checked.predicates) };
  },
});

mutation('deleteFilter', {
  mayUseCachedActor: true,
  permission: 'filter:delete',
  description: 'Deletes a filter. Returns IN_USE if other objects refer to it, and lists them in `usedBy`.',
  input: (t) => ({ id: t.id({ required: true, description: 'The ID of the filter.' }) }),
  results: DELETED,
  resolve: async ({ id }, ctx) => ({ deletedId: await deleteFilter(ctx, targetId('fil', id)) }),
});

interface CheckedInput {
  values: Partial<FilterValues>;
  predicates: Predicate[] | undefined;
}

/** The values of an input. Throws the errors of the predicates and those of the other fields at once. */
async function checkInput(
  ctx: Context,
  when: When,
  input: Record<string, unknown>,
  given: readonly GivenPredicate[] | null | undefined,
): Promise<CheckedInput> {
  const { predicates, errors } = await checkGiven(ctx, given);
  const values = await valuesOf(ctx, Filter as never, when, input).catch((error: unknown) => {
    if (!(error instanceof AmbitError && error.userErrors)) throw error;
    throw invalid(...error.userErrors, ...errors);
  });
  if (errors.length > 0) throw invalid(...errors);
  return { values, predicates };
}

async function checkGiven(
  ctx: Context,
  given: readonly GivenPredicate[] | null | undefined,
): Promise<{ predicates: Predicate[] | undefined; errors: UserError[] }> {
  if (given) return await checkPredicates(ctx, given);
  const message = 'predicates: is required and must not be null.';
  return { predicates: undefined, errors: given === null ? [userError('REQUIRED', 'predicates', message)] : [] };
}
