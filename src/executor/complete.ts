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
import type { Complete, FieldPlan, Run } from './model.ts';
import type { Position } from './position.ts';
import { infoOf, select, take, wait } from './run.ts';

export function completerOf(schema: GraphQLSchema, type: GraphQLOutputType): Complete {
  if (isNonNullType(type)) return nonNull(completerOfNullable(schema, type.ofType));
  const complete = completerOfNullable(schema, type);
  return (run, field, place, value) => {
    if (value == null) place.holder[place.key] = null;
    else complete(run, field, place, thrown(value));
  };
}

const nonNull =
  (complete: Complete): Complete =>
  (run, field, place, value) => {
    if (value == null)
      throw new Error(`Cannot return null for non-nullable field ${field.parentType.name}.${field.name}.`);
    complete(run, field, place, thrown(value));
  };

function thrown(value: unknown): unknown {
  if (value instanceof Error) throw value;
  return value;
}

function completerOfNullable(schema: GraphQLSchema, type: Exclude<GraphQLOutputType, { kind: 'never' }>): Complete {
  if (isListType(type)) return list(schema, type.ofType);
  if (isLeafType(type)) return leaf(type);
  if (isAbstractType(type)) return abstract(schema, type);
  return (run, field, place, value) => object(run, field, place, value, type as GraphQLObjectType);
}

function leaf(type: GraphQLLeafType): Complete {
  return (_run, _field, place, value) => {
    const serialized = type.serialize(value);
    if (serialized == null)
      throw new Error(
        `Expected \`${inspect(type)}.serialize(${inspect(value)})\` to return non-nullable value, returned: ${inspect(serialized)}`,
      );
    place.holder[place.key] = serialized;
  };
}

function list(schema: GraphQLSchema, itemType: GraphQLOutputType): Complete {
  const complete = completerOf(schema, itemType);
  const nullable = !isNonNullType(itemType);
  return (run, field, place, value) => {
    if (typeof value !== 'object' || !isIterable(value))
      throw new GraphQLError(
        `Expected Iterable, but did not find one for field "${field.parentType.name}.${field.name}".`,
      );
    const items: unknown[] = [];
    place.holder[place.key] = items;
    for (const item of value) {
      const key = items.push(null) - 1;
      const at: Position = { prev: place, key, typename: undefined, holder: items as never, nullable, dead: false };
      take(run, field, at, item, complete);
      if (place.dead) return;
    }
  };
}

const isIterable = (value: object | null): value is Iterable<unknown> =>
  typeof (value as Iterable<unknown> | null)?.[Symbol.iterator] === 'function';

function abstract(schema: GraphQLSchema, type: GraphQLAbstractType): Complete {
  const resolveType = type.resolveType ?? defaultTypeResolver;
  return (run, field, place, value) => {
    const name = resolveType(value, run.context, infoOf(run, field, place), type);
    const known: Complete = (_run, _field, _place, resolved) =>
      object(run, field, place, value, runtimeType(schema, field, type, resolved));
    wait(run, field, place, name, known);
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

function object(run: Run, field: FieldPlan, place: Position, value: unknown, type: GraphQLObjectType): void {
  const isOne = type.isTypeOf ? type.isTypeOf(value, run.context, infoOf(run, field, place)) : true;
  if (isOne === true) select(run, field.selectionOn(type), value, place);
  else wait(run, field, place, isOne, (_run, _field, _place, is) => selectIf(is, run, field, place, value, type));
}

function selectIf(
  isOne: unknown,
  run: Run,
  field: FieldPlan,
  place: Position,
  value: unknown,
  type: GraphQLObjectType,
): void {
  if (!isOne)
    throw new GraphQLError(`Expected value of type "${type.name}" but got: ${inspect(value)}.`, { nodes: field.nodes });
  select(run, field.selectionOn(type), value, place);
}
