import { complexityFromQuery } from '@pothos/plugin-complexity';
import { type DocumentNode, Kind, type ValidationRule } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { AmbitError } from '../errors.ts';

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

export function useLimits(): Plugin {
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
      const { complexity, depth } = complexityFromQuery(selected(args.document, args.operationName), {
        schema: args.schema,
        variables: args.variableValues ?? {},
        ctx: args.contextValue as object,
      });
      if (depth > LIMITS.depth) throw tooLarge(`nested ${depth} deep, at most ${LIMITS.depth}`);
      if (complexity > LIMITS.cost)
        throw tooLarge(`it may read ${complexity} fields, at most ${LIMITS.cost}; ask for shorter pages`);
    },
  };
}

/** The operation that will run, and not the first one of the document. */
function selected(document: DocumentNode, operationName: string | null | undefined): DocumentNode {
  const definitions = document.definitions.filter(
    (definition) =>
      definition.kind !== Kind.OPERATION_DEFINITION || !operationName || definition.name?.value === operationName,
  );
  return { ...document, definitions };
}
