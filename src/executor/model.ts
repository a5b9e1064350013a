import type {
  FieldNode,
  FragmentDefinitionNode,
  GraphQLFieldResolver,
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
  /** The selected fields of the returned object, if it has this type. */
  readonly selectionOn: (type: GraphQLObjectType) => Selection;
}

/** The selected fields of an object. */
export interface Selection {
  readonly fields: readonly FieldPlan[];
  /** An object with all response keys in their order. It is copied for each object of the response. */
  readonly template: Readonly<Container>;
}

/** A planned operation. It can run with all variables that select the same fields. */
export interface Plan {
  readonly schema: GraphQLSchema;
  readonly operation: OperationDefinitionNode;
  readonly fragments: Record<string, FragmentDefinitionNode>;
  readonly selection: Selection;
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
