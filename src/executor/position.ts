import { type FieldNode, type GraphQLError, locatedError } from 'graphql';
import type { Path } from 'graphql/jsutils/Path.js';
import { ERROR_SIZE, type Sized, TOO_LARGE } from './size.ts';

/** An object or a list of the response. */
export type Container = Record<string | number, unknown>;

/** A position in the response. Its links to `prev` make the path, and its value is `container[key]`. */
export interface Position extends Path {
  readonly prev: Position | undefined;
  readonly container: Container;
  readonly nullable: boolean;
  /** Whether an error has set this position to null. Values that arrive for it later are dropped. */
  isNulled: boolean;
}

/** The response of an execution in progress. */
export interface Response extends Sized {
  data: Container | null;
  readonly errors: GraphQLError[];
  readonly maxErrors: number;
  /** The error of a response that is too large or has too many errors. It is then not completed. */
  tooLarge: Error | null;
  readonly onTooLarge: () => Error;
}

export function pathOf(position: Position): (string | number)[] {
  const path: (string | number)[] = [];
  for (let at: Position | undefined = position; at; at = at.prev) path.push(at.key);
  return path.reverse();
}

/**
 * Reports a field error and sets the nearest nullable position to null: this one or one that contains it (GraphQL
 * specification, section 6.4.4). An error inside a position that is already null is not reported.
 */
export function fail(response: Response, nodes: readonly FieldNode[], position: Position, error: unknown): void {
  if (response.tooLarge || isInsideNull(response, position)) return;
  if (error !== TOO_LARGE) {
    const located = locatedError(error, nodes, pathOf(position));
    response.errors.push(located);
    response.size += ERROR_SIZE + located.message.length;
  }
  const isTooLarge = response.size > response.maxSize || response.errors.length > response.maxErrors;
  if (isTooLarge) response.tooLarge = response.onTooLarge();
  let at: Position | undefined = position;
  while (at) {
    at.isNulled = true;
    if (at.nullable) break;
    at = at.prev;
  }
  if (at) at.container[at.key] = null;
  else response.data = null;
}

function isInsideNull(response: Response, position: Position): boolean {
  for (let at: Position | undefined = position; at; at = at.prev) if (at.isNulled) return true;
  return response.data === null;
}
