import { createMongoAbility, type MongoAbility, type RawRuleOf } from '@casl/ability';
import type { Role } from '../../src/access/model.ts';
import type { Ask, Rule } from './role.ts';

/**
 * CASL as its guide says: `manage` and `all` are any action and any subject; a later rule outweighs an earlier one, so
 * the inverted rules come last. Abilities are built once, and asked with the subject's type, which its README names the
 * fastest way (O(1)).
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

/** No rule but one for each permission that comes of it all, as nobody writes it by hand: the least work for CASL. */
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

/** CASL has no places: an application keeps one ability for each. */
export const caslIn =
  (abilities: ReadonlyMap<string, MongoAbility>): Ask =>
  ({ action, resource, project }) =>
    abilities.get(project as string)?.can(action, resource) ?? false;
