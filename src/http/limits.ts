import { type ExecutionArgs, type GraphQLSchema, type ValidationRule, validate } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { AmbitError } from '../lib/errors.ts';
import { createCost } from './cost.ts';

/** Limits of an operation. An operation above a limit is refused with status 400 before it is executed. */
export const LIMITS = {
  /** Characters of the document. */
  characters: 15_000,
  /**
   * Lines of the document. The location of an error is found by reading all lines before it: 12,000 empty lines take 1 ms.
   * A document with the maximum of tokens needs fewer lines than this.
   */
  lines: 2_000,
  /** Tokens of the document. The parser stops at this limit. */
  tokens: 1_000,
  aliases: 60,
  directives: 50,
  depth: 15,
  /** The cost of the fields, each multiplied by the lengths of the lists that contain it. */
  cost: 50_000,
  /** Errors of the validation. It stops at this limit, because the suggestions for one unknown type take 0.4 ms. */
  validationErrors: 20,
  /** Number of `__schema`. */
  schemas: 1,
  /** Number of `__type`. */
  types: 4,
} as const;

const tooLarge = (reason: string): AmbitError =>
  new AmbitError('BAD_REQUEST', `The operation is too large: ${reason}. Split it into several operations.`, {
    http: { status: 400 },
  });

/** A line ends with a line feed, a carriage return, or both (GraphQL specification, section 2.1.2). */
function hasTooManyLines(document: string): boolean {
  if (document.length < LIMITS.lines) return false;
  return (document.match(/\r\n|[\n\r]/g)?.length ?? 0) >= LIMITS.lines;
}

/** Counts aliases and directives, which make validation and execution expensive with any schema. */
export const countRule: ValidationRule = (context) => {
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

const validateWithLimit: typeof validate = (schema, document, rules, options) =>
  validate(schema, document, rules, { ...options, maxErrors: LIMITS.validationErrors });

/** Returns the check of an operation before it is executed. It returns the cost. */
export function createCostCheck(schema: GraphQLSchema): (args: ExecutionArgs) => number {
  const costOf = createCost(schema);
  return (args) => {
    const { complexity, depth } = costOf(args);
    if (depth > LIMITS.depth) throw tooLarge(`its depth is ${depth}, the limit is ${LIMITS.depth}`);
    if (complexity > LIMITS.cost)
      throw tooLarge(`its cost is ${complexity}, the limit is ${LIMITS.cost}; request shorter pages`);
    return complexity;
  };
}

/** Limits the document before it is parsed and while it is validated. */
export function useDocumentLimits(): Plugin {
  return {
    onParams({ params: { query } }) {
      // yoga refuses a query of another type later.
      if (typeof query !== 'string') return;
      if (query.length > LIMITS.characters) throw tooLarge(`more than ${LIMITS.characters} characters`);
      if (hasTooManyLines(query)) throw tooLarge(`more than ${LIMITS.lines} lines`);
    },
    onParse({ params }) {
      (params as { options: object }).options = { ...params.options, maxTokens: LIMITS.tokens };
    },
    onValidate({ setValidationFn }) {
      setValidationFn(validateWithLimit);
    },
  };
}
