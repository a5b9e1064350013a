import { GraphQLError, GraphQLScalarType } from 'graphql';
import { DateTimeResolver, JSONResolver } from 'graphql-scalars';
import { isStorableTime, YEARS } from '../lib/storable.ts';

/** Times that the database stores, and returns unchanged. */
export const DateTime = new GraphQLScalarType<Date, Date>({
  ...DateTimeResolver.toConfig(),
  parseValue: (value) => requireStorable(DateTimeResolver.parseValue(value)),
  parseLiteral: (node, variables) => requireStorable(DateTimeResolver.parseLiteral(node, variables)),
});

function requireStorable(time: Date): Date {
  if (!isStorableTime(time))
    throw new GraphQLError(`A DateTime must be in the years ${YEARS.first} to ${YEARS.last}, in UTC.`);
  return time;
}

/** A literal gets the same objects as a variable. Those of the library have no prototype, with which Drizzle fails. */
export const Json = new GraphQLScalarType({
  ...JSONResolver.toConfig(),
  parseLiteral: (node, variables) => structuredClone(JSONResolver.parseLiteral(node, variables)),
});

/** The input of a scalar that is a text. Any other value would reach the code as it is. */
export function parseText(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new GraphQLError('The value must be a String.');
}
