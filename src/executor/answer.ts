import type { ExecutionArgs } from 'graphql';

/** Answers an operation with planned statements: the text of the whole response. Null if the resolvers must answer. */
export type Answer = (args: ExecutionArgs) => Promise<string | null> | null;

/** Leaves every operation to the resolvers. */
export const noAnswer: Answer = () => null;
