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

/** What is known of a field before anybody asks for it. */
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
  /** What is selected below, on one type of what the field returns. */
  readonly selectionOn: (type: GraphQLObjectType) => Selection;
}

export interface Selection {
  readonly fields: readonly FieldPlan[];
  /** The object with all of its keys, in their order. */
  readonly template: Readonly<Container>;
}

/** An operation, ready to be run with any variables that select the same fields. */
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
  /** Promises that are waited for. */
  pending: number;
  whenIdle: (() => void) | null;
}

/** Writes what a resolver gave into its place, or throws what is wrong with it. */
export type Complete = (run: Run, field: FieldPlan, place: Position, value: unknown) => void;
