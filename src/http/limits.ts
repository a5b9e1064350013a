import { complexityFromQuery } from '@pothos/plugin-complexity';
import { type DocumentNode, type ExecutionArgs, getOperationAST, Kind, type ValidationRule } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { AmbitError } from '../lib/errors.ts';

/** How large an operation may be. Everything beyond is refused with status 400 before it is executed. */
export const LIMITS = {
  /** Characters of the document. */
  characters: 15_000,
  /** Tokens of the document, the least thing that a parser can count. */
  tokens: 1_000,
  aliases: 60,
  directives: 50,
  depth: 15,
  /** Fields, each times the lengths of the lists around it. */
  cost: 50_000,
} as const;

const tooLarge = (what: string): AmbitError =>
  new AmbitError('BAD_REQUEST', `The operation is too large: ${what}. Split it.`, { http: { status: 400 } });

/** Counts what makes validation and execution dear, whatever the schema says. */
const countRule: ValidationRule = (context) => {
  const counts = { aliases: 0, directives: 0 };
  const add = (what: keyof typeof counts): void => {
    counts[what] += 1;
    if (counts[what] === LIMITS[what] + 1) context.reportError(tooLarge(`more than ${LIMITS[what]} ${what}`));
  };
  return {
    Field: (node) => void (node.alias && add('aliases')),
    Directive: () => add('directives'),
  };
};

export function useLimits(remember: (args: ExecutionArgs, cost: number) => void): Plugin {
  const costOf = rememberingCost();
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
      if (depth > LIMITS.depth) throw tooLarge(`nested ${depth} deep, at most ${LIMITS.depth}`);
      if (complexity > LIMITS.cost)
        throw tooLarge(`it may read ${complexity} fields, at most ${LIMITS.cost}; ask for shorter pages`);
      remember(args, complexity);
    },
  };
}

interface Cost {
  complexity: number;
  depth: number;
}

/** Costs of one document that are kept. */
const COSTS = 16;

/** What an operation costs, computed once for all values of the variables that do not matter. */
function rememberingCost(): (args: ExecutionArgs) => Cost {
  const kept = new WeakMap<DocumentNode, Map<string, Cost>>();
  return (args) => {
    const key = costKey(args);
    if (key === null) return computeCost(args);
    const costs = kept.get(args.document) ?? new Map<string, Cost>();
    kept.set(args.document, costs);
    const cost = costs.get(key) ?? computeCost(args);
    if (costs.size === COSTS) costs.clear();
    costs.set(key, cost);
    return cost;
  };
}

const computeCost = ({ document, operationName, schema, variableValues, contextValue }: ExecutionArgs): Cost =>
  complexityFromQuery(selected(document, operationName), {
    schema,
    variables: variableValues ?? {},
    ctx: contextValue as object,
  });

/** What the cost depends on: of variables, the numbers. Null where there are lists or objects, whose size counts. */
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

const SIZELESS = new Set(['ID', 'String', 'Boolean']);

/** The operation that will run, and not the first one of the document. */
function selected(document: DocumentNode, operationName: string | null | undefined): DocumentNode {
  const definitions = document.definitions.filter(
    (definition) =>
      definition.kind !== Kind.OPERATION_DEFINITION || !operationName || definition.name?.value === operationName,
  );
  return { ...document, definitions };
}
