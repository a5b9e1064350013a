import type { GraphQLFormattedError } from 'graphql';
import type { Dependencies } from '../context.ts';
import type { ServerContext } from './server-context.ts';

const SUGGESTION = / Did you mean .+\?$/s;

export const withoutSuggestion = (message: string): string => message.replace(SUGGESTION, '');

/** Whether the errors may suggest names of the schema to the caller. */
export type MaySuggest = (errors: readonly GraphQLFormattedError[], server: ServerContext) => Promise<boolean>;

/**
 * Suggestions are only for callers who may read the schema. A document with errors is refused before its credential is
 * read, so the credential is read here.
 */
export const createMaySuggest =
  ({ config, identity }: Dependencies): MaySuggest =>
  async (errors, { authorization, address, state }) => {
    if (config.introspection === 'public') return true;
    if (authorization === null || !errors.some(({ message }) => SUGGESTION.test(message))) return false;
    try {
      return (await identity.authenticate(authorization, address, state.work)).credential !== null;
    } catch {
      return false;
    }
  };
