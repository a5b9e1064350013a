import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';
import type { Random } from '../http/random.ts';
import type { Json } from '../support/api.ts';

/** Writes values as literals and as variables of one operation. */
export interface Inputs {
  /** The variables of the operation. */
  definitions: string[];
  variables: Record<string, Json>;
  /** The arguments of the field. */
  passed(field: GraphQLField<unknown, unknown>, args: Record<string, Json>): string;
  /** The argument of `@skip` or `@include`. */
  condition(): string;
}

export function createInputs(random: Random): Inputs {
  const definitions: string[] = [];
  const variables: Record<string, Json> = {};

  function variable(type: GraphQLInputType, value: Json): string {
    const name = `v${definitions.length}`;
    const base = isNonNullType(type) ? String(type.ofType) : String(type);
    // `null` passes through a nullable variable to a nullable position only.
    const strict = value !== null && (isNonNullType(type) || random.oneIn(4)) ? '!' : '';
    const way = random.below(value === null ? 3 : 6);
    if (way === 0) definitions.push(`$${name}: ${base}${strict} = ${literal(type, value, false)}`);
    else if (way === 1 && value === null) definitions.push(`$${name}: ${base}`);
    else {
      definitions.push(`$${name}: ${base}${strict}`);
      variables[name] = value;
    }
    return `$${name}`;
  }

  function written(type: GraphQLInputType, value: Json, mayVary = true): string {
    if (mayVary && random.oneIn(4)) return variable(type, value);
    return literal(type, value, mayVary);
  }

  function literal(type: GraphQLInputType, value: Json, mayVary: boolean): string {
    if (isNonNullType(type)) return literal(type.ofType, value, mayVary);
    if (value === null) return 'null';
    if (isListType(type) && Array.isArray(value))
      return `[${value.map((item) => written(type.ofType, item, mayVary && random.oneIn(4))).join(', ')}]`;
    const named = getNamedType(type);
    if (isInputObjectType(named)) {
      // A variable in a `oneOf` object must not be null.
      const fields = Object.entries(value).map(
        ([key, item]) =>
          `${key}: ${written(named.getFields()[key]?.type as GraphQLInputType, item, mayVary && !named.isOneOf)}`,
      );
      return `{${fields.join(', ')}}`;
    }
    return isEnumType(named) ? String(value) : JSON.stringify(value);
  }

  function condition(): string {
    const value = !random.oneIn(3);
    if (random.oneIn(2)) return String(value);
    const name = `v${definitions.length}`;
    definitions.push(`$${name}: Boolean${random.oneIn(2) ? '!' : ' = true'}`);
    variables[name] = value;
    return `$${name}`;
  }

  return {
    definitions,
    variables,
    condition,
    passed: (field, args) =>
      Object.entries(args)
        .map(([name, value]) => {
          const { type } = field.args.find((arg) => arg.name === name) as GraphQLArgument;
          return `${name}: ${written(type, value)}`;
        })
        .join(', '),
  };
}
