import {
  type FieldNode,
  type GraphQLField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  GraphQLInt,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  type ValueNode,
} from 'graphql';

export type Variables = Readonly<Record<string, unknown>>;

/** Returns the raw value of a variable: the given one, or the default of the operation. */
export type ReadVariable = (variables: Variables, name: string) => unknown;

export function readVariables({ variableDefinitions = [] }: OperationDefinitionNode): ReadVariable {
  const defaults = new Map(
    variableDefinitions.map(({ variable, defaultValue }) => [
      variable.name.value,
      defaultValue && rawValue(defaultValue, {}, () => undefined),
    ]),
  );
  return (variables, name) => (Object.hasOwn(variables, name) ? variables[name] : defaults.get(name));
}

/**
 * The arguments of a field, as far as its cost depends on them. The items of lists are not read, only their number. So
 * thousands of IDs cost no time. Wrong values count as omitted, because the execution refuses them.
 */
export function costArguments(
  { args }: GraphQLField<unknown, unknown>,
  { arguments: given = [] }: FieldNode,
  variables: Variables,
  readVariable: ReadVariable,
): Record<string, unknown> {
  const nodes = new Map(given.map(({ name, value }) => [name.value, value]));
  return Object.fromEntries(
    args.map(({ name, type, defaultValue }) => {
      const node = nodes.get(name);
      const value = node && rawValue(node, variables, readVariable);
      return [name, value === undefined ? (defaultValue ?? readValue(type, null)) : readValue(type, value)];
    }),
  );
}

/** The value without coercion. The items of a list are its nodes. */
function rawValue(node: ValueNode, variables: Variables, readVariable: ReadVariable): unknown {
  switch (node.kind) {
    case Kind.VARIABLE:
      return readVariable(variables, node.name.value);
    case Kind.NULL:
      return null;
    case Kind.LIST:
      return node.values;
    case Kind.INT:
      return Number(node.value);
    case Kind.OBJECT:
      return Object.fromEntries(
        node.fields.map(({ name, value }) => [name.value, rawValue(value, variables, readVariable)]),
      );
    default:
      return node.value;
  }
}

function readValue(type: GraphQLInputType, value: unknown): unknown {
  const nullable = getNullableType(type);
  if (value == null) return isNonNullType(type) && isListType(nullable) ? [] : null;
  if (isListType(nullable)) return Array.isArray(value) ? value : [value];
  if (isEnumType(nullable)) return nullable.getValue(String(value))?.value ?? null;
  if (nullable === GraphQLInt) return isInt(value) ? value : null;
  if (!isInputObjectType(nullable)) return value;
  return typeof value === 'object' ? readFields(nullable, value as Record<string, unknown>) : null;
}

const readFields = (type: GraphQLInputObjectType, given: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.values(type.getFields()).map((field) => [
      field.name,
      Object.hasOwn(given, field.name) ? readValue(field.type, given[field.name]) : field.defaultValue,
    ]),
  );

const isInt = (value: unknown): boolean => Number.isInteger(value) && Math.abs(value as number) <= 2 ** 31;
