import { complexityFromQuery } from '@pothos/plugin-complexity';
import { type DocumentNode, type ExecutionArgs, getOperationAST, Kind, type ValidationRule } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { AmbitError } from '../lib/errors.ts';

/** Limits of an operation. An operation above a limit is refused with status 400 before it is executed. */
export const LIMITS = {
  /** Characters of the document. */
  characters: 15_000,
  /** Tokens of the document. The parser stops at this limit. */
  tokens: 1_000,
  aliases: 60,
  directives: 50,
  depth: 15,
  /** Number of fields, each multiplied by the lengths of the lists that contain it. */
  cost: 50_000,
} as const;

const tooLarge = (reason: string): AmbitError =>
  new AmbitError('BAD_REQUEST', `The operation is too large: ${reason}. Split it into several operations.`, {
    http: { status: 400 },
  });

/** Counts aliases and directives, which make validation and execution expensive with any schema. */
const countRule: ValidationRule = (context) => {
  const counts = { aliases: 0, directives: 0 };
  const add = (kind: keyof typeof counts): void => {
    counts[kind] += 1;
    if (counts[kind] === LIMITS[kind] + 1) context.reportError(tooLarge(`more than ${LIMITS[kind]} ${kind}`));
  };
  return {
    Field: (node) => void (node.alias && add('aliases')),
    Directive: () => add('directives'),
  };
};

/** Enforces the limits. Calls `onCost` with the cost of each operation before it is executed. */
export function useLimits(onCost: (args: ExecutionArgs, cost: number) => void): Plugin {
  const costOf = cachedCost();
  return {
    onParams({ params }) {
      if (params.query && params.query.length > LIMITS.characters)
        throw tooLarge(`more than ${LIMITS.characters} characters`);
    },
    onParse({ params }) {
      (params as { options: object }).options = { ...params.options, maxTokens: LIMITS.tokens };
    },
    onValidate({ addValidationRule }) {
      addValidationRule(countRule);
    },
    onExecute({ args }) {
      const { complexity, depth } = costOf(args);
      if (depth > LIMITS.depth) throw tooLarge(`its depth is ${depth}, the limit is ${LIMITS.depth}`);
      if (complexity > LIMITS.cost)
        throw tooLarge(`its cost is ${complexity}, the limit is ${LIMITS.cost}; request shorter pages`);
      onCost(args, complexity);
    },
  };
}

interface Cost {
  complexity: number;
  depth: number;
}

/** Maximum number of cached costs per document. */
const MAX_COSTS = 16;

/** Computes the cost of an operation once for all variables that do not affect it. */
function cachedCost(): (args: ExecutionArgs) => Cost {
  const cache = new WeakMap<DocumentNode, Map<string, Cost>>();
  return (args) => {
    const key = costKey(args);
    if (key === null) return computeCost(args);
    const costs = cache.get(args.document) ?? new Map<string, Cost>();
    cache.set(args.document, costs);
    const cost = costs.get(key) ?? computeCost(args);
    if (costs.size === MAX_COSTS) costs.clear();
    costs.set(key, cost);
    return cost;
  };
}

const computeCost = ({ document, operationName, schema, variableValues, contextValue }: ExecutionArgs): Cost =>
  complexityFromQuery(withoutOtherOperations(document, operationName), {
    schema,
    variables: variableValues ?? {},
    ctx: contextValue as object,
  });

/**
 * The cache key: the operation and its Int variables, such as page sizes. Null if a variable can be a list or an object,
 * because the cost depends on its size.
 */
function costKey({ document, operationName, variableValues }: ExecutionArgs): string | null {
  const operation = getOperationAST(document, operationName);
  const key = [operation?.name?.value];
  for (const { variable, type } of operation?.variableDefinitions ?? []) {
    const named = type.kind === Kind.NON_NULL_TYPE ? type.type : type;
    if (named.kind !== Kind.NAMED_TYPE) return null;
    if (named.name.value === 'Int') key.push(JSON.stringify(variableValues?.[variable.name.value]));
    else if (!SIZELESS.has(named.name.value)) return null;
  }
  return key.join(' ');
}

/** Types of variables that do not affect the cost. */
const SIZELESS = new Set(['ID', 'String', 'Boolean']);

/** Keeps only the operation that will be executed. The cost is computed from the first operation of a document. */
function withoutOtherOperations(document: DocumentNode, operationName: string | null | undefined): DocumentNode {
  const definitions = document.definitions.filter(
    (definition) =>
      definition.kind !== Kind.OPERATION_DEFINITION || !operationName || definition.name?.value === operationName,
  );
  return { ...document, definitions };
}
