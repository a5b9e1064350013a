import { type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import { makePgArray } from 'drizzle-orm/pg-core';

/**
 * A list as one parameter. Drizzle's `inArray` writes one placeholder per value. Each number of values would then be a
 * separate statement, which every connection parses and plans again. The list is sent in its text form, because the
 * driver would need an extra query on each new connection to know array types.
 */
export const arrayParam = (values: Iterable<string>): SQLWrapper => sql.param(makePgArray([...values]));

export const isAnyOf = (column: SQLWrapper, values: Iterable<string>): SQL =>
  sql`${column} = any(${arrayParam(values)})`;

export const isNoneOf = (column: SQLWrapper, values: Iterable<string>): SQL =>
  sql`${column} <> all(${arrayParam(values)})`;
