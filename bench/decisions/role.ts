import { PERMISSIONS, type Permission } from '../../src/access/catalog.ts';
import type { Role } from '../../src/access/model.ts';
import { compileRole } from '../../src/access/roles.ts';
import type { Statement } from '../../src/resources/policy/table.ts';

/** A policy of a custom role, as a customer of Ambit would write it. It is converted for each contender. */
export interface Policy {
  name: string;
  statements: Statement[];
}

/** A parsed pattern, from which the rules of each contender are built. */
export interface Rule {
  effect: Statement['effect'];
  /** `*` means any. */
  resource: string;
  action: string;
}

/** Grants about half of the permissions, with all forms of patterns, and denies some of them. */
const FIRST: Statement[] = [
  { effect: 'ALLOW', permissions: ['*:read', 'team:*', 'service:*', 'check:*', 'check_result:*', 'category:*'] },
  { effect: 'ALLOW', permissions: ['dataset:*', 'golden:*', 'metric:*', 'trace:*', 'span:*', 'thread:*', 'prompt:*'] },
  { effect: 'ALLOW', permissions: ['project:create', 'role:create', 'api_key:create', 'test_run:evaluate'] },
  // Without it, the WRITE tokens of the workload decide-http would count as READ.
  { effect: 'ALLOW', permissions: ['api_token:grant_write'] },
  { effect: 'DENY', permissions: ['billing:*', 'audit_event:read', 'check:delete', 'golden:assign', 'prompt:delete'] },
];

const first = compile([{ name: 'first', statements: FIRST }]);
const granted = [...first.allow];
const denied = [...first.deny.keys()];

/**
 * Creates `count` policies. Each policy after the first repeats one permission or pattern of the first, so the decisions
 * do not depend on the number of policies.
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

/** All rules, in the order of the policies. */
export const rulesOf = (policies: Policy[]): Rule[] =>
  policies
    .flatMap(({ statements }) => statements)
    .flatMap(({ effect, permissions }) => permissions.map((pattern) => ({ effect, ...partsOf(pattern) })));

/** Removes duplicate rules, for contenders that do not accept them. */
export const distinct = (rules: Rule[]): Rule[] => [
  ...new Map(rules.map((rule) => [Object.values(rule).join(), rule])).values(),
];

function partsOf(pattern: string): Pick<Rule, 'resource' | 'action'> {
  const [resource = '*', action = '*'] = pattern.split(':');
  return { resource, action };
}

/** A question with the permission already parsed, so that parsing is not measured. */
export interface Question {
  permission: Permission;
  resource: string;
  action: string;
  /** Null means the organization. */
  project: string | null;
}

export type Ask = (question: Question) => boolean;

/** One question for each permission that applies to the project or the organization. */
export const questionsAbout = (project: string | null): Question[] =>
  [...PERMISSIONS.values()]
    .filter(({ level }) => project === null || level !== 'organization')
    .map(({ name }) => ({ permission: name, ...partsOf(name), project }));
