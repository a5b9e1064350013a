import { type ExecutionArgs, type ExecutionResult, execute, type GraphQLSchema, parse, validate } from 'graphql';
import { expect } from 'vitest';
import { createExecute, type Execute } from '../../src/executor/execute.ts';

/** Both executors report an unresolved abstract type, with different messages. */
const UNRESOLVED = /^(Abstract type|Runtime Object type|Support for returning GraphQLObjectType).*/;

export interface Comparable {
  /** JSON, with the keys in the order of the response. */
  data: string;
  errors: string[];
  /** The positions that an error made null. */
  nulled: string[];
}

export function comparableOf({ data, errors = [] }: ExecutionResult): Comparable {
  const messages = errors.map(({ message, path, locations }) =>
    JSON.stringify({ message: message.replace(UNRESOLVED, 'unresolved'), path, locations }),
  );
  const nulled = new Set(errors.map(({ path }) => (path ? nulledAt(data, path) : 'the request')));
  return { data: String(JSON.stringify(data)), errors: messages.sort(), nulled: [...nulled].sort() };
}

/** The position of the first null on the path of the error. */
function nulledAt(data: unknown, path: readonly (string | number)[]): string {
  let [value, length] = [data, 0];
  for (; value !== null && value !== undefined && length < path.length; length += 1)
    value = (value as Record<string | number, unknown>)[path[length] as string];
  return value === null ? path.slice(0, length).join('.') : `${path.join('.')} is not null`;
}

export type Call = Pick<ExecutionArgs, 'variableValues' | 'operationName' | 'contextValue'>;

export type Run = (call?: Call) => Promise<Comparable>;

/** Runs a valid document with both executors: `own`, which keeps its plans, and `reference`, which is graphql-js. */
export function documentIn(schema: GraphQLSchema, source: string, executor: Execute = createExecute()) {
  const document = parse(source);
  expect(validate(schema, document), source).toEqual([]);
  const by =
    (execution: Execute, on = schema): Run =>
    async (call = {}) =>
      comparableOf(await execution({ schema: on, document, ...call }));
  return {
    own: by(executor),
    reference: by(execute as Execute),
    referenceOn: (on: GraphQLSchema) => by(execute as Execute, on),
  };
}
