import type { SQL } from 'drizzle-orm';
import type { Context } from '../context.ts';
import type { ListCondition } from './declaration.ts';
import type { Resource } from './resource-model.ts';

/** The arguments of a list, as far as they have conditions. */
type Args = Readonly<Record<string, unknown>> & { readonly filter?: Readonly<Record<string, unknown>> | null };

/** The declared conditions of one kind, by their names. */
export const conditionsOf = ({ declaration }: Resource, as: ListCondition['as']): [string, ListCondition][] =>
  Object.entries(declaration.conditions ?? {}).filter(([, condition]) => condition.as === as);

/** The declared conditions that have a value. */
function given(resource: Resource, args: Args): [ListCondition, never][] {
  const values = { argument: args, 'filter field': args.filter ?? {} };
  return Object.entries(resource.declaration.conditions ?? {}).flatMap(([name, condition]) => {
    const value = values[condition.as][name];
    return value == null ? [] : [[condition, value as never]];
  });
}

/** Computes the conditions that have a value, one after the other. Null if none has. */
export function prepareConditions(ctx: Context, resource: Resource, args: object): Promise<SQL[]> | null {
  const all = given(resource, args as Args);
  return all.length > 0 ? computed(ctx, all) : null;
}

async function computed(ctx: Context, all: readonly [ListCondition, never][]): Promise<SQL[]> {
  const conditions: SQL[] = [];
  for (const [{ where }, value] of all) conditions.push(await where(ctx, value));
  return conditions;
}

/** What the conditions that have a value add to the cost of the list. */
export const costOfConditions = (resource: Resource, args: object): number =>
  given(resource, args as Args).reduce((sum, [{ cost }, value]) => sum + cost(value), 0);

/** The arguments with conditions that have a value. A cursor belongs to them. */
export function argumentsGiven(resource: Resource, args: object): object[] {
  const own = conditionsOf(resource, 'argument').flatMap(([name]) => {
    const value = (args as Args)[name];
    return value == null ? [] : [[name, value] as const];
  });
  return own.length > 0 ? [Object.fromEntries(own)] : [];
}
