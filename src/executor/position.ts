import { type FieldNode, type GraphQLError, locatedError } from 'graphql';
import type { Path } from 'graphql/jsutils/Path.js';

/** Objects and lists of the response. */
export type Container = Record<string | number, unknown>;

/** A position of the response: what its path is made of, and where its value is written. */
export interface Position extends Path {
  readonly prev: Position | undefined;
  readonly holder: Container;
  readonly nullable: boolean;
  /** An error has nulled it, or something around it: what is still to come for it is dropped. */
  dead: boolean;
}

/** The whole response, while it is made. */
export interface Response {
  data: Container | null;
  readonly errors: GraphQLError[];
}

export function pathOf(place: Position): (string | number)[] {
  const path: (string | number)[] = [];
  for (let at: Position | undefined = place; at; at = at.prev) path.push(at.key);
  return path.reverse();
}

/**
 * Reports a field error and nulls the nearest place around it that can be null (GraphQL specification, section 6.4.4).
 * Of errors below what is nulled already, none is reported.
 */
export function fail(response: Response, nodes: readonly FieldNode[], place: Position, error: unknown): void {
  if (isDead(response, place)) return;
  response.errors.push(locatedError(error, nodes, pathOf(place)));
  let at: Position | undefined = place;
  while (at) {
    at.dead = true;
    if (at.nullable) break;
    at = at.prev;
  }
  if (at) at.holder[at.key] = null;
  else response.data = null;
}

function isDead(response: Response, place: Position): boolean {
  for (let at: Position | undefined = place; at; at = at.prev) if (at.dead) return true;
  return response.data === null;
}
