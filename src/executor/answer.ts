import type { ExecutionArgs } from 'graphql';

/** Answers an operation with planned statements: the text of the whole response. Null if the resolvers must answer. */
export type Answer = (args: ExecutionArgs) => Promise<string | null> | null;

/** Leaves every operation to the resolvers. */
export const noAnswer: Answer = () => null;

/** How a query is executed: by planned statements, or by its resolvers if one of its fields is not planned. */
export interface Explanation {
  readonly planned: boolean;
  /** For each root field the text of its statement, or the reason why it is not planned. */
  readonly fields: readonly ({ field: string; statement: string } | { field: string; reason: string })[];
}

/** Explains an operation without executing it. Null if its variables are not valid. */
export type Explain = (args: ExecutionArgs) => Explanation | null;
