import type { ExecutionArgs } from 'graphql';

/** Answers an operation with planned statements: the text of the whole response. Null if the resolvers must answer. */
export type Answer = (args: ExecutionArgs) => Promise<string | null> | null;

/** How an operation is executed: by planned statements, or by its resolvers if one of its fields is not planned. */
export interface Explanation {
  readonly planned: boolean;
  /** Why the operation is not planned, whatever its arguments and its caller are. Null if it is. */
  readonly reason: string | null;
  /** For each root field the text of its statement, or the reason why it is not planned. */
  readonly fields: readonly ({ field: string; statement: string } | { field: string; reason: string })[];
}

/** Explains an operation without executing it. Null if its variables are not valid. */
export type Explain = (args: ExecutionArgs) => Promise<Explanation | null>;
