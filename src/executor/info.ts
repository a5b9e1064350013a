import type { FieldNode, GraphQLObjectType, GraphQLOutputType, GraphQLResolveInfo, GraphQLSchema } from 'graphql';
import type { FieldPlan, Run } from './model.ts';
import type { Container, Position } from './position.ts';

/**
 * The fourth argument of resolvers. Most resolvers read nothing of it, so each property is computed when it is read. Also
 * the position of the field, which a leaf value needs only for an error. It is a class, because creating an object with
 * getters of its own takes longer than creating all properties.
 */
export class Info implements GraphQLResolveInfo {
  readonly #run: Run;
  readonly #field: FieldPlan;
  readonly #container: Container;
  readonly #prev: Position | undefined;
  #position: Position | undefined;

  constructor(run: Run, field: FieldPlan, container: Container, prev: Position | undefined, position?: Position) {
    this.#run = run;
    this.#field = field;
    this.#container = container;
    this.#prev = prev;
    this.#position = position;
  }

  get fieldName(): string {
    return this.#field.name;
  }

  get fieldNodes(): readonly FieldNode[] {
    return this.#field.nodes;
  }

  get returnType(): GraphQLOutputType {
    return this.#field.type;
  }

  get parentType(): GraphQLObjectType {
    return this.#field.parentType;
  }

  get path(): Position {
    const { key, nullable, parentType } = this.#field;
    this.#position ??= {
      prev: this.#prev,
      key,
      typename: parentType.name,
      container: this.#container,
      nullable,
      isNulled: false,
    };
    return this.#position;
  }

  get schema(): GraphQLSchema {
    return this.#run.plan.schema;
  }

  get fragments(): GraphQLResolveInfo['fragments'] {
    return this.#run.plan.fragments;
  }

  get rootValue(): undefined {
    return undefined;
  }

  get operation(): GraphQLResolveInfo['operation'] {
    return this.#run.plan.operation;
  }

  get variableValues(): GraphQLResolveInfo['variableValues'] {
    return this.#run.variables;
  }
}

/** The argument for a value whose position exists. */
export const infoOf = (run: Run, field: FieldPlan, position: Position): GraphQLResolveInfo =>
  new Info(run, field, position.container, position.prev, position);
