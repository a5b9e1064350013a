import {
  type DocumentNode,
  type GraphQLNamedType,
  type GraphQLSchema,
  getIntrospectionQuery,
  getNamedType,
  getOperationAST,
  introspectionTypes,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  Kind,
  parse,
  type SelectionSetNode,
} from 'graphql';
import { type Fragments, fragmentsOf } from './fragments.ts';

export interface Cost {
  complexity: number;
  depth: number;
}

/** The cost of the introspection query that tools send, whatever the size of the schema. */
export const STANDARD_COST = 10_000;

/** Computes the cost and the depth of `__schema` and `__type` in an operation. */
export type IntrospectionCost = (document: DocumentNode, operationName?: string | null) => Cost;

const ROOT_TYPES = new Map([
  ['__schema', '__Schema'],
  ['__type', '__Type'],
]);

/**
 * The number of values, with the mean lengths of the schema's lists, relative to the standard introspection query. So the
 * cost of a document does not grow with the schema.
 */
export function introspectionCostOf(schema: GraphQLSchema): IntrospectionCost {
  const lengths = meanLengths(schema);
  const standard = parse(getIntrospectionQuery({ specifiedByUrl: true, inputValueDeprecation: true, oneOf: true }));
  const { complexity } = valuesOf(standard, null, lengths);
  return (document, operationName) => {
    const values = valuesOf(document, operationName, lengths);
    return { complexity: Math.ceil((values.complexity / complexity) * STANDARD_COST), depth: values.depth };
  };
}

const keysOf = (fields: object): number => Object.keys(fields).length;

/** The mean lengths of the lists of introspection types, by type and field. Of types without such a list, none counts. */
function meanLengths(schema: GraphQLSchema): ReadonlyMap<string, number> {
  const types = Object.values(schema.getTypeMap());
  const mean = (counts: number[]): number =>
    Math.max(counts.reduce((sum, one) => sum + one, 0) / counts.length || 1, 1);
  const withFields = types.filter((type) => isObjectType(type) || isInterfaceType(type));
  const fields = withFields.flatMap((type) => Object.values(type.getFields()));
  const directives = schema.getDirectives();
  return new Map([
    ['__Schema.types', types.length],
    ['__Schema.directives', directives.length],
    ['__Directive.args', mean(directives.map(({ args }) => args.length))],
    ['__Type.fields', mean(withFields.map((type) => keysOf(type.getFields())))],
    ['__Type.interfaces', mean(withFields.map((type) => type.getInterfaces().length))],
    ['__Type.possibleTypes', mean(types.filter(isAbstractType).map((type) => schema.getPossibleTypes(type).length))],
    ['__Type.enumValues', mean(types.filter(isEnumType).map((type) => type.getValues().length))],
    ['__Type.inputFields', mean(types.filter(isInputObjectType).map((type) => keysOf(type.getFields())))],
    ['__Field.args', mean(fields.map(({ args }) => args.length))],
  ]);
}

const TYPES = new Map(introspectionTypes.map((type) => [type.name, type as GraphQLNamedType]));

function valuesOf(
  document: DocumentNode,
  operationName: string | null | undefined,
  lengths: ReadonlyMap<string, number>,
): Cost {
  const fragments = fragmentsOf(document);
  // A fragment that is used many times is computed once for each type.
  const known = new Map<SelectionSetNode, Map<string, Cost>>();

  const within = (set: SelectionSetNode, type: string): Cost => {
    const ofSet = known.get(set) ?? new Map<string, Cost>();
    known.set(set, ofSet);
    const cost = ofSet.get(type) ?? sumOf(set, type);
    ofSet.set(type, cost);
    return cost;
  };

  const sumOf = (set: SelectionSetNode, type: string): Cost => {
    const sum = { complexity: 0, depth: 0 };
    for (const selection of set.selections) {
      const cost =
        selection.kind === Kind.FIELD
          ? fieldCost(selection.name.value, selection.selectionSet, type)
          : within(selectionSetOf(selection, fragments), type);
      sum.complexity += cost.complexity;
      sum.depth = Math.max(sum.depth, cost.depth);
    }
    return sum;
  };

  const fieldCost = (name: string, set: SelectionSetNode | undefined, type: string): Cost => {
    const fieldType = type === '' ? ROOT_TYPES.get(name) : returnTypeOf(type, name);
    if (type === '' && !fieldType) return { complexity: 0, depth: 0 };
    if (!set || !fieldType) return { complexity: 1, depth: 1 };
    const inner = within(set, fieldType);
    const length = lengths.get(`${type}.${name}`) ?? 1;
    return { complexity: 1 + length * inner.complexity, depth: 1 + inner.depth };
  };

  const operation = getOperationAST(document, operationName);
  return operation ? within(operation.selectionSet, '') : { complexity: 0, depth: 0 };
}

function selectionSetOf(
  selection: Exclude<SelectionSetNode['selections'][number], { kind: Kind.FIELD }>,
  fragments: Fragments,
): SelectionSetNode {
  if (selection.kind === Kind.INLINE_FRAGMENT) return selection.selectionSet;
  const fragment = fragments.get(selection.name.value);
  if (!fragment) throw new Error(`validation did not find the missing fragment ${selection.name.value}`);
  return fragment.selectionSet;
}

function returnTypeOf(type: string, field: string): string | undefined {
  const found = TYPES.get(type);
  const definition = isObjectType(found) ? found.getFields()[field] : undefined;
  return definition && getNamedType(definition.type).name;
}
