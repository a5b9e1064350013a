import {
  defaultTypeResolver,
  type GraphQLAbstractType,
  GraphQLError,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { inspect } from 'graphql/jsutils/inspect.js';
import { infoOf } from './info.ts';
import { writeLeaf } from './leaf.ts';
import type { Complete, FieldPlan, Run } from './model.ts';
import type { Position } from './position.ts';
import { awaitValue, completeValue, executeSelection } from './run.ts';
import { growByItem } from './size.ts';

/** Returns the function that completes values of this type (GraphQL specification, section 6.4.3). */
export function completerOf(schema: GraphQLSchema, type: GraphQLOutputType): Complete {
  if (isNonNullType(type)) return nonNull(completerOfNullable(schema, type.ofType));
  const complete = completerOfNullable(schema, type);
  return (run, field, position, value) => {
    if (value == null) position.container[position.key] = null;
    else complete(run, field, position, throwIfError(value));
  };
}

const nonNull =
  (complete: Complete): Complete =>
  (run, field, position, value) => {
    if (value == null)
      throw new Error(`Cannot return null for non-nullable field ${field.parentType.name}.${field.name}.`);
    complete(run, field, position, throwIfError(value));
  };

/** A resolver may return an error instead of throwing it. */
function throwIfError(value: unknown): unknown {
  if (value instanceof Error) throw value;
  return value;
}

function completerOfNullable(schema: GraphQLSchema, type: Exclude<GraphQLOutputType, { kind: 'never' }>): Complete {
  if (isListType(type)) return list(schema, type.ofType);
  if (isLeafType(type)) return leaf(type);
  if (isAbstractType(type)) return abstract(schema, type);
  return (run, field, position, value) => object(run, field, position, value, type as GraphQLObjectType);
}

function leaf(type: GraphQLLeafType): Complete {
  return (run, _field, { container, key }, value) => writeLeaf(run, type, container, key, value);
}

function list(schema: GraphQLSchema, itemType: GraphQLOutputType): Complete {
  const complete = completerOf(schema, itemType);
  const nullable = !isNonNullType(itemType);
  return (run, field, position, value) => {
    if (typeof value !== 'object' || !isIterable(value))
      throw new GraphQLError(
        `Expected Iterable, but did not find one for field "${field.parentType.name}.${field.name}".`,
      );
    const items: unknown[] = [];
    position.container[position.key] = items;
    for (const item of value) {
      growByItem(run);
      const key = items.push(null) - 1;
      const itemPosition: Position = {
        prev: position,
        key,
        typename: undefined,
        container: items as never,
        nullable,
        isNulled: false,
      };
      completeValue(run, field, itemPosition, item, complete);
      if (position.isNulled || run.tooLarge) return;
    }
  };
}

const isIterable = (value: object | null): value is Iterable<unknown> =>
  typeof (value as Iterable<unknown> | null)?.[Symbol.iterator] === 'function';

function abstract(schema: GraphQLSchema, type: GraphQLAbstractType): Complete {
  const resolveType = type.resolveType ?? defaultTypeResolver;
  return (run, field, position, value) => {
    const name = resolveType(value, run.context, infoOf(run, field, position), type);
    const completeAs: Complete = (_run, _field, _position, resolved) =>
      object(run, field, position, value, runtimeType(schema, field, type, resolved));
    awaitValue(run, field, position, name, completeAs);
  };
}

function runtimeType(schema: GraphQLSchema, field: FieldPlan, type: GraphQLAbstractType, name: unknown) {
  const found = typeof name === 'string' ? schema.getType(name) : undefined;
  if (isObjectType(found) && schema.isSubType(type, found)) return found;
  throw new GraphQLError(
    `Abstract type "${type.name}" must resolve to one of its Object types at runtime for field "${field.parentType.name}.${field.name}", received ${inspect(name)}.`,
    { nodes: field.nodes },
  );
}

function object(run: Run, field: FieldPlan, position: Position, value: unknown, type: GraphQLObjectType): void {
  const isType = type.isTypeOf ? type.isTypeOf(value, run.context, infoOf(run, field, position)) : true;
  if (isType === true) executeSelection(run, field.selectionOn(type), value, position);
  else
    awaitValue(run, field, position, isType, (_run, _field, _position, isType) =>
      executeIfType(isType, run, field, position, value, type),
    );
}

function executeIfType(
  isType: unknown,
  run: Run,
  field: FieldPlan,
  position: Position,
  value: unknown,
  type: GraphQLObjectType,
): void {
  if (!isType)
    throw new GraphQLError(`Expected value of type "${type.name}" but got: ${inspect(value)}.`, { nodes: field.nodes });
  executeSelection(run, field.selectionOn(type), value, position);
}
