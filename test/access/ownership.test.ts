import { describe, expect, test } from 'vitest';
import { canOnEvery, canOnSome, type Target } from '../../src/access/access.ts';
import type { Permission } from '../../src/access/catalog.ts';
import { trace } from '../../src/access/decide.ts';
import { OWN_SERVICE, SERVICE_PERMISSIONS, serviceOf } from '../../src/access/ownership.ts';
import { roleByKey } from '../../src/access/roles.ts';
import { textOf } from '../../src/resources/access/explain.ts';
import type { Statement } from '../../src/resources/policy/table.ts';
import { allow, allowedOf, allowIfOwned, ask, customRole, deny, denyIfOwned, effective, PROJECT } from './examples.ts';

const OURS = serviceOf('our team');
const THEIRS = serviceOf('another team');
const NOBODYS = serviceOf(null);
const member = (...statements: Statement[]) =>
  effective({ role: customRole('Team', ...statements), teams: new Set(['our team']) });

describe('a statement with ownedByPrincipal', () => {
  test('allows on services of the principal’s teams, and nowhere else', () => {
    const held = member(allow('service:read'), allowIfOwned('service:*', 'check_result:create'));
    expect(allowedOf(held, SERVICE_PERMISSIONS, OURS)).toEqual([
      'service:read',
      'service:update',
      'service:delete',
      'check_result:create',
    ]);
    for (const target of [null, THEIRS, NOBODYS])
      expect(allowedOf(held, SERVICE_PERMISSIONS, target)).toEqual(['service:read']);
    expect(ask(held, 'service:create').allowed).toBe(false);
    expect(ask(held, 'service:create', OURS).allowed).toBe(false);
  });

  test('denies on services of the principal’s teams, and nowhere else', () => {
    const held = member(allow('service:*'), denyIfOwned('service:delete'));
    expect(ask(held, 'service:delete', OURS)).toMatchObject({ allowed: false, reason: 'DENIED' });
    for (const target of [null, THEIRS, NOBODYS]) expect(ask(held, 'service:delete', target).allowed).toBe(true);
  });

  test('does not override a denial without the condition, and is overridden by one with it', () => {
    expect(ask(member(allowIfOwned('service:*'), deny('service:delete')), 'service:delete', OURS).allowed).toBe(false);
    const both = member(allowIfOwned('service:*'), denyIfOwned('service:delete'));
    expect(allowedOf(both, SERVICE_PERMISSIONS, OURS)).toEqual(['service:read', 'service:update']);
  });

  test('has no effect on other permissions, whatever its patterns match', () => {
    const held = member(allow('check:read'), allowIfOwned('*'), denyIfOwned('*:delete'));
    for (const target of [null, OURS])
      expect(allowedOf(held, ['check:read', 'check:create', 'team:delete', 'service:create'], target)).toEqual([
        'check:read',
      ]);
    expect(ask(held, 'trace:read', PROJECT).allowed).toBe(false);
  });

  test('has no effect for a principal without teams', () => {
    const alone = effective({ role: customRole('Team', allowIfOwned('service:*')) });
    for (const target of [null, OURS, NOBODYS]) expect(allowedOf(alone, SERVICE_PERMISSIONS, target)).toEqual([]);
  });

  test('of a role that the plan suspends allows only what Read allows as well', () => {
    const { grants } = member(allowIfOwned('service:*'));
    const suspended = effective({ ...grants, plan: 'FREE' });
    expect(allowedOf(suspended, SERVICE_PERMISSIONS, OURS)).toEqual(['service:read']);
    expect(allowedOf(suspended, SERVICE_PERMISSIONS, THEIRS)).toEqual([]);
  });

  test('allows a READ token only to read', () => {
    const { grants } = member(allowIfOwned('service:*'));
    expect(allowedOf(effective(grants, 'READ'), SERVICE_PERMISSIONS, OURS)).toEqual(['service:read']);
  });
});

test('principals of different teams share a role, and each is decided for its own teams', () => {
  const role = customRole('Team', allowIfOwned('service:update'));
  const of = (team: string) => effective({ role, teams: new Set([team]) });
  for (const _ of ['computed', 'cached']) {
    expect(ask(of('our team'), 'service:update', OURS).allowed).toBe(true);
    expect(ask(of('our team'), 'service:update', THEIRS).allowed).toBe(false);
    expect(ask(of('another team'), 'service:update', OURS).allowed).toBe(false);
    expect(ask(of('another team'), 'service:update', THEIRS).allowed).toBe(true);
  }
});

test('some services and every service are told apart', () => {
  const of = (...statements: Statement[]) => {
    const held = member(...statements);
    const can = (name: Permission, target: Target = null) => ask(held, name, target).allowed;
    return [canOnSome({ can }, 'service:read'), canOnEvery({ can }, 'service:read')];
  };
  expect(of(allow('service:read'))).toEqual([true, true]);
  expect(of(allowIfOwned('service:read'))).toEqual([true, false]);
  expect(of(allow('service:read'), denyIfOwned('service:read'))).toEqual([true, false]);
  expect(of(allow('check:read'))).toEqual([false, false]);
});

test('the steps of a decision say whether a team of the principal owns the service', () => {
  const held = member(allowIfOwned('service:update'), denyIfOwned('service:delete'), allow('service:delete'));
  const stepsOf = (permission: Permission, target: Parameters<typeof trace>[2]) =>
    trace(held, permission, target).steps.map((step) => `${step.kind} ${step.passed}: ${textOf(step)}`);
  expect(stepsOf('service:update', OURS)).toEqual([
    'LEVEL true: service:update is checked on the organization; its level is organization.',
    'ORGANIZATION_ROLE true: The organization role is Team (custom).',
    'OWNERSHIP true: A team of the principal, or a child team of one, owns the service.',
    'DENIAL true: No policy or statement of Team denies it.',
    'GRANT true: Team (custom) grants it only for services of the principal’s teams.',
    'PLAN true: The plan ENTERPRISE suspends none of these roles.',
    'CREDENTIAL true: The credential allows reading and writing.',
  ]);
  expect(stepsOf('service:update', NOBODYS).slice(2)).toEqual([
    'OWNERSHIP true: No team of the principal owns the service, so statements with ownedByPrincipal have no effect.',
    'DENIAL true: No policy or statement of Team denies it.',
    'GRANT false: Team (custom) grants it only for services of the principal’s teams.',
  ]);
  expect(stepsOf('service:update', null)[2]).toBe(
    'OWNERSHIP true: The question names no service, so statements with ownedByPrincipal have no effect.',
  );
  expect(stepsOf('service:delete', OURS).slice(3)).toEqual([
    'DENIAL false: Policy Team policy of Team denies it for services of the principal’s teams.',
  ]);
  // A role without the condition is explained as before.
  const kinds = trace(effective({ role: roleByKey('user') }), 'service:update', OURS).steps.map(({ kind }) => kind);
  expect(kinds).not.toContain('OWNERSHIP');
});

test('any service of the principal’s teams is a scope of its own', () => {
  const held = effective({ role: customRole('Team', allowIfOwned('service:update')) });
  expect(ask(held, 'service:update', OWN_SERVICE).allowed).toBe(true);
});
