import { PERMISSIONS, type Permission } from '../../src/access/catalog.ts';
import type { Role } from '../../src/access/model.ts';
import { compileRole } from '../../src/access/roles.ts';
import type { Statement } from '../../src/resources/policy/table.ts';

/** A policy of one custom role, as a customer of Ambit would write it; each contender gets it in its own language. */
export interface Policy {
  name: string;
  statements: Statement[];
}

/** A pattern taken apart: what every contender makes its rules of. */
export interface Rule {
  effect: Statement['effect'];
  /** `*` for any. */
  resource: string;
  action: string;
}

/** Grants about half the permissions of the catalog, by patterns of every form, and denies some of those again. */
const FIRST: Statement[] = [
  { effect: 'ALLOW', permissions: ['*:read', 'team:*', 'service:*', 'check:*', 'check_result:*', 'category:*'] },
  { effect: 'ALLOW', permissions: ['dataset:*', 'golden:*', 'metric:*', 'trace:*', 'span:*', 'thread:*', 'prompt:*'] },
  { effect: 'ALLOW', permissions: ['project:create', 'role:assign', 'api_key:create', 'test_run:evaluate'] },
  { effect: 'DENY', permissions: ['billing:*', 'audit_event:read', 'check:delete', 'golden:assign', 'prompt:delete'] },
];

const first = compile([{ name: 'first', statements: FIRST }]);
const granted = [...first.allow];
const denied = [...first.deny.keys()];

/**
 * So many policies. Those after the first say again, one permission or pattern each, what the first says already, so
 * the decisions stay the same and nothing but the number of policies shows.
 */
export const policiesOf = (count: number): Policy[] =>
  Array.from({ length: count }, (_, at) => ({ name: `policy ${at}`, statements: at === 0 ? FIRST : [repeated(at)] }));

const RESOURCES = ['dataset:*', 'trace:*', 'check:*', 'team:*'];

function repeated(at: number): Statement {
  if (at % 10 === 0) return { effect: 'DENY', permissions: [pick(denied, at / 10)] };
  if (at % 50 === 1) return { effect: 'ALLOW', permissions: ['*:read'] };
  if (at % 10 === 5) return { effect: 'ALLOW', permissions: [pick(RESOURCES, (at - 5) / 10)] };
  return { effect: 'ALLOW', permissions: [pick(granted, at)] };
}

const pick = <Item>(list: readonly Item[], at: number): Item => list[at % list.length] as Item;

export function compile(policies: Policy[]): Role {
  return compileRole({ id: 'custom', name: 'Custom', description: null, projectId: null, policies });
}

/** In the order of the policies. */
export const rulesOf = (policies: Policy[]): Rule[] =>
  policies
    .flatMap(({ statements }) => statements)
    .flatMap(({ effect, permissions }) => permissions.map((pattern) => ({ effect, ...partsOf(pattern) })));

/** For who takes no rule twice. */
export const distinct = (rules: Rule[]): Rule[] => [
  ...new Map(rules.map((rule) => [Object.values(rule).join(), rule])).values(),
];

function partsOf(pattern: string): Pick<Rule, 'resource' | 'action'> {
  const [resource = '*', action = '*'] = pattern.split(':');
  return { resource, action };
}

/** Taken apart beforehand: no contender pays for it. */
export interface Question {
  permission: Permission;
  resource: string;
  action: string;
  /** Null asks about the organization. */
  project: string | null;
}

export type Ask = (question: Question) => boolean;

/** Every permission of the catalog that can be asked there. */
export const questionsAbout = (project: string | null): Question[] =>
  [...PERMISSIONS.values()]
    .filter(({ level }) => project === null || level !== 'organization')
    .map(({ name }) => ({ permission: name, ...partsOf(name), project }));
