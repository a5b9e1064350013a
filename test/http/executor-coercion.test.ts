import { buildSchema, type GraphQLSchema, isInputType, Kind, type OperationDefinitionNode, parse } from 'graphql';
import { getVariableValues } from 'graphql/execution/values.js';
import { expect, test } from 'vitest';
import { createCoercion } from '../../src/executor/coerce.ts';
import { arbitraryValue } from '../enforcement/support.ts';
import { schema } from '../support/introspect.ts';

const operationOf = (source: string): OperationDefinitionNode =>
  parse(source).definitions.find(({ kind }) => kind === Kind.OPERATION_DEFINITION) as OperationDefinitionNode;

/** The variables, or null if there are errors, by Ambit and by graphql-js. */
function both(on: GraphQLSchema, source: string, given: Record<string, unknown>) {
  const operation = operationOf(source);
  const reference = getVariableValues(on, operation.variableDefinitions ?? [], given);
  return [createCoercion(on)(operation)(given), reference.coerced ?? null] as const;
}

const WRONG = [undefined, null, 'text', '', 7, 1.5, true, {}, [], [null], [[]], { unknown: 1 }, { length: 1 }];

/** The value, and the value with one part replaced, removed or added. */
function variations(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [value, [value], ...WRONG];
  if (Array.isArray(value))
    return [value, value[0], ...value.flatMap(variations).map((item) => [item, item]), ...WRONG];
  const entries = Object.entries(value);
  const changed = entries.flatMap(([name, part]) => variations(part).map((other) => ({ ...value, [name]: other })));
  const removed = entries.map(([name]) => Object.fromEntries(entries.filter(([other]) => other !== name)));
  return [value, [value], { ...value, unknown: 1 }, ...changed, ...removed, ...WRONG];
}

test('the variables of every input type are those of graphql-js, and null if graphql-js finds errors', () => {
  const counts = { valid: 0, invalid: 0 };
  for (const type of Object.values(schema.getTypeMap()).filter((each) => isInputType(each)))
    for (const written of [`${type.name}`, `${type.name}!`, `[${type.name}!]`, `[${type.name}]!`])
      for (const value of variations(arbitraryValue(type))) {
        const [own, reference] = both(schema, `query ($v: ${written}) { __typename }`, { v: value });
        expect({ written, value, own }).toStrictEqual({ written, value, own: reference });
        expect(JSON.stringify(own)).toBe(JSON.stringify(reference));
        counts[own ? 'valid' : 'invalid'] += 1;
      }
  expect(Math.min(counts.valid, counts.invalid)).toBeGreaterThan(500);
});

const SDL = `
  type Query { a: Int }
  enum Color { RED GREEN }
  input Tree { name: String = "leaf", color: Color = RED, children: [Tree!], parent: Tree }
  input Choice @oneOf { a: Int, b: Tree }`;

test.each([
  [
    'defaults',
    'query ($a: Int = 3, $t: Tree = { children: [{ name: null }] }, $l: [Int] = 7) { a }',
    [{}, { a: null }, { t: {} }, { l: 1, a: 2 }],
  ],
  ['required variables', 'query ($a: Int!, $t: Tree! = {}) { a }', [{}, { a: null }, { a: 1 }, { a: 1, t: null }]],
  [
    'types that contain themselves',
    'query ($t: Tree) { a }',
    [
      { t: { children: [{ parent: { color: 'GREEN' } }, {}] } },
      { t: { children: {} } },
      { t: { children: [null] } },
      { t: { parent: { color: 'BLUE' } } },
    ],
  ],
  [
    'one of several',
    'query ($c: Choice) { a }',
    [
      { c: { a: 1 } },
      { c: {} },
      { c: { a: null } },
      { c: { a: 1, b: null } },
      { c: { a: 1, b: undefined } },
      { c: { b: {} } },
    ],
  ],
  [
    'names of properties of every object',
    'query ($__proto__: Int, $constructor: Int = 1, $toString: Int) { a }',
    [{}, { constructor: 2 }, JSON.parse('{"__proto__": 1}')],
  ],
  ['variables that are not declared', 'query ($a: Int) { a }', [{ b: 1 }, { a: 1, b: 2 }]],
])('%s have the values of graphql-js', (what, source, values) => {
  for (const given of values as Record<string, unknown>[]) {
    const [own, reference] = both(buildSchema(SDL), source, given);
    // A variable with this name is left to graphql-js.
    if (source.includes('__proto__')) expect(own).toBeNull();
    else expect({ what, given, own }).toStrictEqual({ what, given, own: reference });
  }
});
