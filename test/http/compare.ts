import { type ExecutionArgs, type ExecutionResult, execute, type GraphQLSchema, parse, validate } from 'graphql';
import { expect } from 'vitest';
import { createExecute, type Execute } from '../../src/executor/execute.ts';

/** Both say that an abstract type did not resolve, in words of their own. */
const UNRESOLVED = /^(Abstract type|Runtime Object type|Support for returning GraphQLObjectType).*/;

export interface Shown {
  /** As a client reads it, with keys in their order. */
  data: string;
  errors: string[];
  /** Where an error has made the response null. */
  nulled: string[];
}

export function shown({ data, errors = [] }: ExecutionResult): Shown {
  const faults = errors.map(({ message, path, locations }) =>
    JSON.stringify({ message: message.replace(UNRESOLVED, 'unresolved'), path, locations }),
  );
  const nulled = new Set(errors.map(({ path }) => (path ? nulledAt(data, path) : 'the request')));
  return { data: String(JSON.stringify(data)), errors: faults.sort(), nulled: [...nulled].sort() };
}

/** The nearest null on the way to the error. */
function nulledAt(data: unknown, path: readonly (string | number)[]): string {
  let [value, length] = [data, 0];
  for (; value !== null && value !== undefined && length < path.length; length += 1)
    value = (value as Record<string | number, unknown>)[path[length] as string];
  return value === null ? path.slice(0, length).join('.') : `${path.join('.')} is not null`;
}

export type Asked = Pick<ExecutionArgs, 'variableValues' | 'operationName' | 'contextValue'>;

export type Contender = (asked?: Asked) => Promise<Shown>;

/** A valid document, to be asked of both executors; ours with the plans that it has kept. */
export function documentIn(schema: GraphQLSchema, source: string, executor: Execute = createExecute()) {
  const document = parse(source);
  expect(validate(schema, document), source).toEqual([]);
  const by =
    (execution: Execute, on = schema): Contender =>
    async (asked = {}) =>
      shown(await execution({ schema: on, document, ...asked }));
  return {
    own: by(executor),
    usual: by(execute as Execute),
    usualOn: (on: GraphQLSchema) => by(execute as Execute, on),
  };
}
