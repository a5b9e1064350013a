import { or, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import { z } from 'zod';
import { parse } from '../lib/input.ts';

/** The most characters of a text that is searched for. */
export const MAX_SEARCH = 100;

/** A filter of a list that can be searched. */
export interface SearchFilter {
  search?: string | null | undefined;
}

const Search = z.object({ search: z.string().max(MAX_SEARCH) });

/**
 * The condition that one of the columns contains the text, case-insensitive. Undefined for an empty text. Not LIKE, so
 * `%` and `_` are ordinary characters. Reads all rows of the organization: under row-level security PostgreSQL uses no
 * trigram index, because its operators are not leakproof.
 */
export function containing(columns: readonly SQLWrapper[], text: string): SQL | undefined {
  const { search } = parse(Search, { search: text });
  return search === ''
    ? undefined
    : or(...columns.map((column) => sql`strpos(lower(${column}), lower(${search})) > 0`));
}
