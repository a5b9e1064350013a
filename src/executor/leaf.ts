import type { GraphQLLeafType } from 'graphql';
import { inspect } from 'graphql/jsutils/inspect.js';
import type { Container, Response } from './position.ts';
import { growByLeaf } from './size.ts';

/** Serializes the value of a scalar or an enum, and writes it to its place in the response. */
export function writeLeaf(
  response: Response,
  type: GraphQLLeafType,
  container: Container,
  key: string | number,
  value: unknown,
): void {
  const serialized = type.serialize(value);
  if (serialized == null)
    throw new Error(
      `Expected \`${inspect(type)}.serialize(${inspect(value)})\` to return non-nullable value, returned: ${inspect(serialized)}`,
    );
  growByLeaf(response, serialized);
  container[key] = serialized;
}
