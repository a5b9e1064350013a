import { type CachedEnforcer, type Enforcer, newCachedEnforcer, newEnforcer, newModelFromString } from 'casbin';
import { type Ask, distinct, type Question, type Rule } from './role.ts';

/**
 * RBAC with deny-override, as in casbin's examples (`rbac_with_deny_model.conf`). The matcher compares the object first
 * and the role last, which was the fastest order. `keyMatch` is slower than the comparison with `*`.
 */
const MODEL = `
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act, eft
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = (p.obj == "*" || r.obj == p.obj) && (p.act == "*" || r.act == p.act) && g(r.sub, p.sub)
`;

const MEMBER = 'member';
const ROLE = 'custom';

/** Permissions belong to the role, and only one tenant is loaded, as casbin.org/docs/performance recommends. */
async function fill<E extends Enforcer>(enforcer: E, rules: Rule[]): Promise<E> {
  // Casbin does not accept duplicate lines.
  const lines = distinct(rules).map(({ effect, resource, action }) => [ROLE, resource, action, effect.toLowerCase()]);
  await enforcer.addPolicies(lines);
  await enforcer.addGroupingPolicy(MEMBER, ROLE);
  return enforcer;
}

/** Uses `enforceSync`, which the documentation recommends for synchronous matchers. */
export async function casbin(rules: Rule[]): Promise<Ask> {
  const enforcer = await fill(await newEnforcer(newModelFromString(MODEL)), rules);
  return ({ resource, action }) => enforcer.enforceSync(MEMBER, resource, action);
}

/** Caches decisions by question, so it measures only a lookup after the first pass. It has no synchronous form. */
export async function casbinCached(rules: Rule[]): Promise<(question: Question) => Promise<boolean>> {
  const enforcer: CachedEnforcer = await fill(await newCachedEnforcer(newModelFromString(MODEL)), rules);
  return ({ resource, action }) => enforcer.enforce(MEMBER, resource, action);
}
