import {
  type GraphQLArgument,
  type GraphQLNamedType,
  type GraphQLObjectType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isNonNullType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
} from 'graphql';
import { expect, test } from 'vitest';
import { buildSchema } from '../../src/schema.ts';
import { printedSchema } from '../support/generated.ts';

const schema = buildSchema();
const types = Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith('__'));
const objects = types.filter(isObjectType);

test('every list of a type has the same connection and edge type, named after the type', () => {
  const connections = objects.filter(({ name }) => name.endsWith('Connection'));
  expect(connections.length).toBeGreaterThan(10);
  for (const connection of connections) {
    const fields = connection.getFields();
    const node = getNamedType(fields['nodes']?.type)?.name;
    const edge = getNamedType(fields['edges']?.type) as GraphQLObjectType;
    expect([connection.name, edge.name, getNamedType(edge.getFields()['node']?.type)?.name]).toEqual([
      `${node}Connection`,
      `${node}Edge`,
      node,
    ]);
  }
});

test('every scalar of the schema names its specification', () => {
  const scalars = types.filter((type) => isScalarType(type)).filter((type) => !isSpecifiedScalarType(type));
  expect(scalars.map(({ name }) => name).sort()).toEqual(['DateTime', 'JSON', 'Permission']);
  for (const { name, specifiedByURL } of scalars) expect(specifiedByURL, name).toBeTruthy();
  expect(printedSchema()).toMatch(/scalar DateTime @specifiedBy\(url: "https:/);
});

test('the schema has a description, and the printed schema shows it', () => {
  expect(schema.description).toContain('Ambit');
  expect(printedSchema().startsWith(`"""\n${schema.description?.split('\n')[0]}`)).toBe(true);
});

type Described = [name: string, description: string | null | undefined];

/** The type and everything in it that has a description. */
function describedIn(type: GraphQLNamedType): Described[] {
  const own: Described = [type.name, type.description];
  if (isEnumType(type)) return [own, ...type.getValues().map((value): Described => [value.name, value.description])];
  if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) return [own];
  return [own, ...Object.values(type.getFields()).flatMap((field) => describedOf(type.name, field))];
}

const describedOf = (
  parent: string,
  { name, description, args = [] }: { name: string; description?: unknown; args?: readonly GraphQLArgument[] },
): Described[] => [
  [`${parent}.${name}`, description as Described[1]],
  ...args.map((arg): Described => [`${parent}.${name}(${arg.name}:)`, arg.description]),
];

test('every schema element has a description that begins with a capital letter and ends with a period', () => {
  const all = types.filter((type) => !isSpecifiedScalarType(type)).flatMap(describedIn);
  expect(all.filter(([, text]) => !/^[A-Z0-9`][\s\S]*\.$/.test(text ?? ''))).toEqual([]);
});

test('every nullable field says when it is null, or what it requires', () => {
  const fields = types
    .filter((type) => isObjectType(type) || isInterfaceType(type))
    // The fields of mutations are null if they are refused or fail, as the description of the schema says.
    .filter(({ name }) => name !== 'Mutation')
    .flatMap((type) => Object.values(type.getFields()).map((field) => ({ parent: type.name, ...field })));
  const nullable = fields.filter(({ type }) => !isNonNullType(type));
  expect(nullable.length).toBeGreaterThan(50);
  const silent = nullable.filter(({ description }) => !/\b[Nn]ull\b|\bRequires /.test(description ?? ''));
  expect(silent.map(({ parent, name }) => `${parent}.${name}`)).toEqual([]);
});

test('no description uses the words that the style guide replaces', () => {
  const words = /\bunless told\b|\bwhoever\b|\bWhom\b|\bnone any more\b|\bmend\b|\bWhat to do\b/;
  expect(
    printedSchema()
      .split('\n')
      .filter((line) => words.test(line)),
  ).toEqual([]);
});
