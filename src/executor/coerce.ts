import {
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLSchema,
  getNullableType,
  isInputObjectType,
  isListType,
  isNonNullType,
  type OperationDefinitionNode,
  typeFromAST,
  valueFromAST,
} from 'graphql';
import type { Variables } from './model.ts';

/** Coerces a value (GraphQL specification, section 3.12). Throws anything if the value is not valid. */
type Coerce = (value: unknown) => unknown;

/** Returns the coerced variables, or null if graphql-js must report the errors in them. */
export type CoerceVariables = (given: Variables) => Variables | null;

const invalid = (): never => {
  throw INVALID;
};
const INVALID: unique symbol = Symbol('invalid');

/** Returns functions that read the types of the variables once, which takes most of the time of graphql-js. */
export function createCoercion(schema: GraphQLSchema): (operation: OperationDefinitionNode) => CoerceVariables {
  const coercers = new Map<GraphQLInputType, Coerce>();

  function coercerOf(type: GraphQLInputType): Coerce {
    const known = coercers.get(type) ?? nullable(type, coercerOfValue(getNullableType(type)));
    coercers.set(type, known);
    return known;
  }

  function coercerOfValue(type: GraphQLInputType): Coerce {
    if (isListType(type)) {
      const coerceItem = coercerOf(type.ofType);
      return (value) => (Array.isArray(value) ? value.map(coerceItem) : [coerceItem(value)]);
    }
    if (isInputObjectType(type)) return objectCoercer(type);
    const leaf = type as Extract<GraphQLInputType, { parseValue: unknown }>;
    return (value) => {
      const parsed = leaf.parseValue(value);
      return parsed === undefined ? invalid() : parsed;
    };
  }

  function objectCoercer(type: GraphQLInputObjectType): Coerce {
    const fields = type.getFields();
    // An input type can contain itself.
    let coerceFields: readonly (readonly [name: string, defaultValue: unknown, coerce: Coerce])[] | undefined;
    return (value) => {
      if (typeof value !== 'object' || Array.isArray(value)) return invalid();
      const given = value as Variables;
      for (const name of Object.keys(given)) if (!fields[name]) invalid();
      coerceFields ??= Object.values(fields).map((field) => [field.name, field.defaultValue, coercerOf(field.type)]);
      const coerced: Variables = {};
      for (const [name, defaultValue, coerce] of coerceFields) {
        if (given[name] !== undefined) coerced[name] = coerce(given[name]);
        else if (defaultValue !== undefined) coerced[name] = defaultValue;
        else if (isNonNullType(fields[name]?.type)) invalid();
      }
      if (type.isOneOf) checkOneOf(coerced);
      return coerced;
    };
  }

  return ({ variableDefinitions = [] }) => {
    const definitions = variableDefinitions.map(({ variable, type, defaultValue }) => {
      const inputType = typeFromAST(schema, type as never) as unknown as GraphQLInputType;
      return { name: variable.name.value, inputType, defaultValue, coerce: coercerOf(inputType) };
    });
    // An assignment to this name would change the prototype instead.
    if (definitions.some(({ name }) => name === '__proto__')) return () => null;
    return (given) => {
      const coerced: Variables = {};
      try {
        for (const { name, inputType, defaultValue, coerce } of definitions) {
          if (Object.hasOwn(given, name)) coerced[name] = coerce(given[name]);
          else if (defaultValue) coerced[name] = valueFromAST(defaultValue, inputType);
          else if (isNonNullType(inputType)) return null;
        }
      } catch {
        return null;
      }
      return coerced;
    };
  };
}

const nullable = (type: GraphQLInputType, coerce: Coerce): Coerce =>
  isNonNullType(type)
    ? (value) => (value == null ? invalid() : coerce(value))
    : (value) => (value == null ? null : coerce(value));

function checkOneOf(coerced: Variables): void {
  const values = Object.values(coerced);
  if (values.length !== 1 || values[0] === null) invalid();
}
