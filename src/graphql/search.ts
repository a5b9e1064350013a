import type { PageArgs } from '../db/page.ts';
import { MAX_SEARCH } from '../db/search.ts';
import { nounOf } from '../lib/words.ts';
import { builder, pageCost } from './builder.ts';

/** What a list counts in the cost of an operation if it reads all rows of the organization. */
export const SEARCH_COST = 2_500;

const COUNTS = `Counts as ${SEARCH_COST.toLocaleString('en')} fields in the cost of the operation.`;

/** The description of the field `search` of a filter. */
export const searchDescription = (fields: readonly string[], noun: string): string =>
  `A text that ${fields.map((key) => `\`${key}\``).join(' or ')} contains, case-insensitive. At most ${MAX_SEARCH} characters. The search reads every ${noun} of the organization, so it is slow in large organizations. ${COUNTS}`;

/** The description of an order that no index has. */
export const sortDescription = (words: string): string => `${words} ${COUNTS}`;

interface ListArgs extends PageArgs {
  filter?: { search?: unknown } | null | undefined;
  orderBy?: { field?: unknown } | null | undefined;
}

/**
 * The cost of a list, with `sorted` for the order that no index has, and `conditions` for the cost of further conditions. Whether a text is empty does not count, because the cost
 * is cached for all values of a variable.
 */
export function costOfList(
  { filter, orderBy, ...page }: ListArgs,
  { sorted, conditions = 0 }: { sorted?: unknown; conditions?: number } = {},
) {
  const readsAll = filter?.search != null || (sorted !== undefined && orderBy?.field === sorted);
  return pageCost(page, (readsAll ? SEARCH_COST : 1) + conditions);
}

/** The input type of a filter that only searches. */
export const searchFilter = (name: string, plural: string, fields: readonly string[]) =>
  builder.inputType(`${name}Filter`, {
    description: `Selects the ${plural} that match all given fields.`,
    fields: (t) => ({ search: t.string({ description: searchDescription(fields, nounOf(name)) }) }),
  });
