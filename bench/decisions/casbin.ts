import { type CachedEnforcer, type Enforcer, newCachedEnforcer, newEnforcer, newModelFromString } from 'casbin';
import { type Ask, distinct, type Question, type Rule } from './role.ts';

/**
 * RBAC with deny-override, as in casbin's examples (`rbac_with_deny_model.conf`). The matcher compares the object first
 * and asks for the role last, which took least time of the orders that were tried; its `keyMatch` takes longer than `*`.
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

/** Permissions stand with the role and not with the user, and no other tenant's are loaded (casbin.org/docs/performance). */
async function fill<E extends Enforcer>(enforcer: E, rules: Rule[]): Promise<E> {
  // Casbin takes no line twice.
  const lines = distinct(rules).map(({ effect, resource, action }) => [ROLE, resource, action, effect.toLowerCase()]);
  await enforcer.addPolicies(lines);
  await enforcer.addGroupingPolicy(MEMBER, ROLE);
  return enforcer;
}

/** `enforceSync` is the faster one where no matcher waits for anything, says its documentation. */
export async function casbin(rules: Rule[]): Promise<Ask> {
  const enforcer = await fill(await newEnforcer(newModelFromString(MODEL)), rules);
  return ({ resource, action }) => enforcer.enforceSync(MEMBER, resource, action);
}

/** Remembers its answers by the question: a look-up, once every question has been asked. It has no synchronous form. */
export async function casbinCached(rules: Rule[]): Promise<(question: Question) => Promise<boolean>> {
  const enforcer: CachedEnforcer = await fill(await newCachedEnforcer(newModelFromString(MODEL)), rules);
  return ({ resource, action }) => enforcer.enforce(MEMBER, resource, action);
}
