import { createMongoAbility, type MongoAbility, type RawRuleOf } from '@casl/ability';
import type { Role } from '../../src/access/model.ts';
import type { Ask, Rule } from './role.ts';

/**
 * CASL as in its guide: `manage` and `all` mean any action and any subject. A later rule overrides an earlier one, so the
 * inverted rules are last. Abilities are built once and checked with the subject's type, which is the fastest way
 * according to its README (O(1)).
 */
export const abilityOf = (rules: Rule[]): MongoAbility =>
  createMongoAbility([
    ...rules.filter(({ effect }) => effect === 'ALLOW').map((rule) => rawRule(rule, false)),
    ...rules.filter(({ effect }) => effect === 'DENY').map((rule) => rawRule(rule, true)),
  ]);

const rawRule = ({ resource, action }: Rule, inverted: boolean): RawRuleOf<MongoAbility> => ({
  action: action === '*' ? 'manage' : action,
  subject: resource === '*' ? 'all' : resource,
  inverted,
});

/** One rule for each effective permission. This is the least work for CASL, but nobody writes such rules by hand. */
export const flatAbilityOf = ({ allow }: Role): MongoAbility =>
  abilityOf([...allow].map((name) => ({ effect: 'ALLOW', ...(split(name) as Pick<Rule, 'resource' | 'action'>) })));

function split(name: string): Pick<Rule, 'resource' | 'action'> {
  const [resource = '', action = ''] = name.split(':');
  return { resource, action };
}

export const casl =
  (ability: MongoAbility): Ask =>
  ({ action, resource }) =>
    ability.can(action, resource);

/** CASL has no scopes, so an application needs one ability for each project. */
export const caslIn =
  (abilities: ReadonlyMap<string, MongoAbility>): Ask =>
  ({ action, resource, project }) =>
    abilities.get(project as string)?.can(action, resource) ?? false;
