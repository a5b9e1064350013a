import type {
  FieldNode,
  FragmentDefinitionNode,
  GraphQLFieldResolver,
  GraphQLLeafType,
  GraphQLObjectType,
  GraphQLOutputType,
  GraphQLSchema,
  OperationDefinitionNode,
} from 'graphql';
import type { Container, Position, Response } from './position.ts';

export type Variables = Record<string, unknown>;

/** Everything about a field that is the same in each execution. */
export interface FieldPlan {
  readonly key: string;
  readonly name: string;
  readonly parentType: GraphQLObjectType;
  readonly type: GraphQLOutputType;
  readonly nullable: boolean;
  readonly nodes: readonly FieldNode[];
  readonly resolve: GraphQLFieldResolver<unknown, unknown>;
  readonly argsOf: (variables: Variables) => Record<string, unknown>;
  readonly complete: Complete;
  /** The scalar or enum type of the value. Null for lists and objects. */
  readonly leafType: GraphQLLeafType | null;
  /** The selected fields of the returned object, if it has this type. */
  readonly selectionOn: (type: GraphQLObjectType) => Selection;
}

/** The selected fields of an object. */
export interface Selection {
  readonly fields: readonly FieldPlan[];
  /** An object with all response keys in their order. It is copied for each object of the response. */
  readonly template: Readonly<Container>;
  /** Estimated bytes of the object in JSON without the texts in it. */
  readonly size: number;
}

/** A planned operation. It can run with all variables that select the same fields. */
export interface Plan {
  readonly schema: GraphQLSchema;
  readonly operation: OperationDefinitionNode;
  readonly fragments: Record<string, FragmentDefinitionNode>;
  readonly selection: Selection;
}

/**
 * Limits the size of responses. The size is an estimate that counts one byte for each character. JSON has up to six bytes
 * for a character, so the text of a response has at most six times the estimated size.
 */
export interface Limits {
  readonly maxSize: number;
  /** Maximum number of errors. An error takes much more time than a value: its locations are found in the document's text. */
  readonly maxErrors: number;
  /**
   * Creates the error of a response that exceeds a limit. For a mutation, it is the error of the root field whose
   * payload exceeds it. Called immediately, so that it can stop work in progress.
   */
  onTooLarge(operation: OperationDefinitionNode, context: unknown): Error;
}

/** One execution of a plan. */
export interface Run extends Response {
  readonly plan: Plan;
  readonly context: unknown;
  readonly variables: Variables;
  /** Number of pending promises. */
  pending: number;
  /** Called when no promise is pending. */
  onIdle: (() => void) | null;
}

/** Completes a resolved value: writes it to its position, or throws a field error. */
export type Complete = (run: Run, field: FieldPlan, position: Position, value: unknown) => void;
