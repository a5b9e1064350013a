import { type SQL, type SQLWrapper, sql } from 'drizzle-orm';

// Drizzle's `inArray` writes a placeholder per value, so every number of values would be a statement of its own, to be
// parsed and planned again on every connection. One array is one placeholder.

export const isAnyOf = (column: SQLWrapper, values: Iterable<string>): SQL =>
  sql`${column} = any(${sql.param([...values])})`;

export const isNoneOf = (column: SQLWrapper, values: Iterable<string>): SQL =>
  sql`${column} <> all(${sql.param([...values])})`;
