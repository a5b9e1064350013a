import { complexityFromQuery } from '@pothos/plugin-complexity';
import { type DocumentNode, type ExecutionArgs, type GraphQLSchema, getOperationAST, Kind } from 'graphql';
import { type Cost, type IntrospectionCost, introspectionCostOf } from './introspection-cost.ts';

/** Maximum number of cached costs per document. */
const MAX_COSTS = 16;

/** Computes the cost of an operation once for all variables that do not affect it. */
export function createCost(schema: GraphQLSchema): (args: ExecutionArgs) => Cost {
  const introspectionCost = introspectionCostOf(schema);
  const cache = new WeakMap<DocumentNode, Map<string, Cost>>();
  return (args) => {
    const key = costKey(args);
    if (key === null) return computeCost(args, introspectionCost);
    const costs = cache.get(args.document) ?? new Map<string, Cost>();
    cache.set(args.document, costs);
    const known = costs.get(key);
    if (known) return known;
    if (costs.size === MAX_COSTS) costs.clear();
    const cost = computeCost(args, introspectionCost);
    costs.set(key, cost);
    return cost;
  };
}

function computeCost(
  { document, operationName, schema, variableValues, contextValue }: ExecutionArgs,
  introspectionCost: IntrospectionCost,
): Cost {
  const { complexity, depth } = complexityFromQuery(withoutOtherOperations(document, operationName), {
    schema,
    variables: variableValues ?? {},
    ctx: contextValue as object,
  });
  const introspection = introspectionCost(document, operationName);
  return { complexity: complexity + introspection.complexity, depth: Math.max(depth, introspection.depth) };
}

/**
 * The cache key: the operation, its Int variables, such as page sizes, and which others are given. Null if a variable can
 * be a list or an object, because the cost depends on its size.
 */
function costKey({ document, operationName, variableValues }: ExecutionArgs): string | null {
  const operation = getOperationAST(document, operationName);
  const key = [operation?.name?.value];
  for (const { variable, type } of operation?.variableDefinitions ?? []) {
    const named = type.kind === Kind.NON_NULL_TYPE ? type.type : type;
    if (named.kind !== Kind.NAMED_TYPE) return null;
    const value = variableValues?.[variable.name.value];
    if (named.name.value === 'Int') key.push(JSON.stringify(value));
    else if (SIZELESS.has(named.name.value)) key.push(value == null ? 'null' : 'given');
    else return null;
  }
  return key.join(' ');
}

/** Types of variables that affect the cost only by being given: a search costs more than none. */
const SIZELESS = new Set(['ID', 'String', 'Boolean']);

/** Keeps only the operation that will be executed. The cost is computed from the first operation of a document. */
function withoutOtherOperations(document: DocumentNode, operationName: string | null | undefined): DocumentNode {
  const definitions = document.definitions.filter(
    (definition) =>
      definition.kind !== Kind.OPERATION_DEFINITION || !operationName || definition.name?.value === operationName,
  );
  return { ...document, definitions };
}
