import { specifiedRules, type ValidationRule } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Config } from '../config.ts';
import { introspectionCountRule, noIntrospectionRule } from './introspection.ts';
import { countRule } from './limits.ts';
import type { ServerContext } from './server-context.ts';

/** The validation rules for one kind of caller. */
export interface RuleSet {
  /** The rules in addition to those of the GraphQL specification. */
  readonly added: readonly ValidationRule[];
  /** The names of all rules. A document is valid for every caller with the same key. */
  readonly key: string;
}

export type RulesOf = (caller: Pick<ServerContext, 'authorization'>) => RuleSet;

export const keyOf = (rules: readonly ValidationRule[]): string => rules.map(({ name }) => name).join();

const ruleSet = (added: readonly ValidationRule[]): RuleSet => ({ added, key: keyOf([...specifiedRules, ...added]) });

/** Anonymous callers cannot use introspection, unless the schema is public. An invalid credential is refused later. */
export function createRules({ introspection }: Pick<Config, 'introspection'>): RulesOf {
  const open = ruleSet([countRule, introspectionCountRule]);
  const closed = ruleSet([...open.added, noIntrospectionRule]);
  return ({ authorization }) => (introspection === 'public' || authorization !== null ? open : closed);
}

export function useRules(rulesOf: RulesOf): Plugin {
  return {
    onValidate({ addValidationRule, context }) {
      for (const rule of rulesOf(context as unknown as ServerContext).added) addValidationRule(rule);
    },
  };
}
