import { type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import { makePgArray } from 'drizzle-orm/pg-core';

/**
 * A list as one parameter. Drizzle's `inArray` writes a placeholder per value, so every number of values would be a
 * statement of its own, to be parsed and planned again on every connection. The text form is made here, because the
 * driver knows array types only after a query of its own on each new connection.
 */
export const arrayParam = (values: Iterable<string>): SQLWrapper => sql.param(makePgArray([...values]));

export const isAnyOf = (column: SQLWrapper, values: Iterable<string>): SQL =>
  sql`${column} = any(${arrayParam(values)})`;

export const isNoneOf = (column: SQLWrapper, values: Iterable<string>): SQL =>
  sql`${column} <> all(${arrayParam(values)})`;
