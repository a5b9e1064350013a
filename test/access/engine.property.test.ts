import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { permissionsOf } from '../../src/access/access.ts';
import type { Permission } from '../../src/access/catalog.ts';
import { accessChanges } from '../../src/access/change.ts';
import { trace } from '../../src/access/decide.ts';
import { isService } from '../../src/access/ownership.ts';
import type { Step } from '../../src/access/steps.ts';
import type { RefusalReason } from '../../src/lib/errors.ts';
import { size } from '../support/size.ts';
import { ask } from './examples.ts';
import { naiveAnswer, naivePermissions, type Policy, signedIn, type Target, type World } from './naive.ts';
import { reads, SPECIFICATION } from './specification.ts';
import {
  callers,
  grantsIn,
  NAMES,
  NOW,
  organizationRoles,
  PROJECTS,
  patterns,
  projectRoles,
  stateOf,
  TARGETS,
  withPolicies,
  worlds,
} from './worlds.ts';

const RUNS = { numRuns: size(40, 120) };

const permissionsIn = (world: World, target: Target): Set<string> => new Set(permissionsOf(grantsIn(world), target));

function expectNoMore(after: World, before: World, targets = TARGETS): void {
  for (const target of targets)
    expect([...permissionsIn(after, target).difference(permissionsIn(before, target))]).toEqual([]);
}

function expectSame(one: World, other: World, targets = TARGETS): void {
  for (const target of targets) expect([...permissionsIn(one, target)]).toEqual([...permissionsIn(other, target)]);
}

describe('the implementation and a naive second one', () => {
  test('decide every permission in every scope alike, with the same reason', () => {
    fc.assert(
      fc.property(callers, (world) => {
        const held = grantsIn(world);
        const differences = TARGETS.flatMap((target) =>
          NAMES.flatMap((name) => {
            const decision = ask(held, name, target);
            const expected = naiveAnswer(world, name, target);
            // The reason is left open where two are equally true.
            const reason = decision.allowed || expected.reason === null ? null : decision.reason;
            const isSame = decision.allowed === expected.allowed && reason === expected.reason;
            return isSame ? [] : [{ name, target, decision, expected }];
          }),
        );
        expect(differences).toEqual([]);
      }),
      { numRuns: size(100, 300) },
    );
  });

  test('decide the same with and without a trace, whose only step that fails is the last and explains the reason', () => {
    const kindOf: Partial<Record<RefusalReason, Step['kind']>> = {
      WRONG_LEVEL: 'LEVEL',
      DENIED: 'DENIAL',
      NO_GRANT: 'GRANT',
      NOT_OWNED: 'GRANT',
      ROLE_EXPIRED: 'GRANT',
      OVERRIDDEN_BY_PROJECT_ROLE: 'GRANT',
      PLAN_LACKS: 'PLAN',
      READ_ONLY_TOKEN: 'CREDENTIAL',
      TOKEN_NARROWED: 'CREDENTIAL',
    };
    fc.assert(
      fc.property(callers, (world) => {
        const held = grantsIn(world);
        for (const target of TARGETS)
          for (const name of NAMES) {
            const { decision, steps } = trace(held, name as Permission, target);
            expect(decision).toEqual(ask(held, name, target));
            const failed = steps.filter(({ passed }) => !passed);
            // A hidden project is refused with the reason why it is hidden.
            const isHidden = failed[0]?.kind === 'PROJECT_READ' && !ask(held, 'project:read', target).allowed;
            const kind = decision.allowed || isHidden ? failed[0]?.kind : kindOf[decision.reason];
            expect(failed.map((step) => step.kind)).toEqual(decision.allowed ? [] : [kind]);
            expect(steps.at(-1)?.passed).toBe(decision.allowed);
          }
      }),
      { numRuns: 40 },
    );
  });

  test('list the same permissions in every scope', () => {
    fc.assert(
      fc.property(callers, (world) => {
        for (const target of TARGETS)
          expect(permissionsOf(grantsIn(world), target)).toEqual(naivePermissions(world, target));
      }),
      RUNS,
    );
  });

  test('report the same gains and losses of a change, whichever principals it adds, changes or removes', async () => {
    const histories = fc.dictionary(fc.constantFrom('ada', 'bob', 'cyd'), worlds, { noNullPrototype: true });
    const plans = fc.constantFrom<World['plan'][]>('FREE', 'TEAM', 'ENTERPRISE');
    const onPlan = (all: Record<string, World>, plan: World['plan']): Record<string, World> =>
      Object.fromEntries(Object.entries(all).map(([id, world]) => [id, { ...world, plan }]));
    // The credential limits a request, not what a principal gains or loses.
    const held = (world: World | undefined, target: Target): string[] =>
      world ? naivePermissions(signedIn(world), target) : [];
    await fc.assert(
      fc.asyncProperty(histories, histories, plans, plans, async (had, has, planBefore, planAfter) => {
        const [before, after] = [onPlan(had, planBefore), onPlan(has, planAfter)];
        const states = [stateOf(before, planBefore), stateOf(after, planAfter)] as const;
        const changes = await accessChanges(...states, new Date(NOW));
        for (const principalId of ['ada', 'bob', 'cyd'])
          for (const target of TARGETS) {
            const [had, has] = [before, after].map((all) => held(all[principalId], target)) as [string[], string[]];
            const own = changes.filter((change) => change.principalId === principalId);
            // A scope that is not listed changes as the organization does. Level `both` is listed for the organization.
            const listed = own.find((one) =>
              isService(target)
                ? one.teamIds?.includes(target.ownerId ?? '')
                : one.teamIds === null && one.projectId === target,
            );
            const change = listed ?? own.find((one) => one.projectId === null && one.teamIds === null);
            const applies = (name: string) => typeof target !== 'string' || listed || levelOf(name) === 'project';
            const without = (names: string[], others: string[]) => names.filter((name) => !others.includes(name));
            expect(change?.gained.filter(applies) ?? []).toEqual(without(has, had).filter(applies));
            expect(change?.lost.filter(applies) ?? []).toEqual(without(had, has).filter(applies));
          }
      }),
      { numRuns: size(30, 80) },
    );
  });
});

const levelOf = (permission: string): string | undefined => SPECIFICATION.find((row) => row.name === permission)?.level;

describe('deny', () => {
  test('wins whatever the order of policies, statements and patterns', () => {
    const turned = (policies: Policy[]): Policy[] =>
      policies.toReversed().map((policy) => ({
        ...policy,
        statements: policy.statements
          .toReversed()
          .map((statement) => ({ ...statement, permissions: statement.permissions.toReversed() })),
      }));
    const shuffled = (by: number) => (policies: Policy[]) => [...policies.slice(by), ...policies.slice(0, by)];
    fc.assert(
      fc.property(worlds, fc.nat(2), (world, by) => {
        expectSame(withPolicies(world, turned), world);
        expectSame(withPolicies(world, shuffled(by)), world);
      }),
      RUNS,
    );
  });

  test('removes the permission from every custom role, in the organization and in every project', () => {
    fc.assert(
      fc.property(worlds, fc.constantFrom(...NAMES), (world, name) => {
        const denied = withPolicies(world, (policies) => [
          ...policies,
          { name: 'No', statements: [{ effect: 'DENY', permissions: [name] }] },
        ]);
        for (const target of TARGETS) {
          const { role, projects } = grantsIn(denied).grants;
          const own = role.neverOverridden || typeof target !== 'string' ? undefined : projects.get(target);
          if (role.builtIn === null || own?.builtIn === null) expect(permissionsIn(denied, target)).not.toContain(name);
        }
      }),
      RUNS,
    );
  });

  test('never grants when it is added to a policy or as a policy, first or last', () => {
    fc.assert(
      fc.property(worlds, patterns, fc.boolean(), (world, permissions, first) => {
        const statement = { effect: 'DENY' as const, permissions };
        const put = <T>(item: T, list: T[]): T[] => (first ? [item, ...list] : [...list, item]);
        expectNoMore(
          withPolicies(world, (policies) => put({ name: 'No', statements: [statement] }, policies)),
          world,
        );
        const inEach = (policies: Policy[]) =>
          policies.map((policy) => ({ ...policy, statements: put(statement, policy.statements) }));
        expectNoMore(withPolicies(world, inEach), world);
      }),
      RUNS,
    );
  });

  test('of the organization role applies in every project, whatever the project role', () => {
    fc.assert(
      fc.property(worlds, organizationRoles, projectRoles, fc.constantFrom(...PROJECTS), (world, role, own, id) => {
        const all: World = {
          ...world,
          organization: { role, expiresAt: null, fallback: 'read' },
          projects: [{ id, role: own }],
        };
        const denied = grantsIn(all).grants.role.deny;
        expect([...permissionsIn(all, id)].filter((name) => denied.has(name as never))).toEqual([]);
      }),
      RUNS,
    );
  });
});

describe('nobody gains a permission by replacing:', () => {
  test('a policy by one that allows less', () => {
    // Only what allows: taking a denial away gives, and is meant to.
    const allowing = (policy: Policy) => policy.statements.every(({ effect }) => effect === 'ALLOW');
    const smaller: Record<string, (policies: Policy[], at: number) => Policy[]> = {
      permission: (policies, at) =>
        eachStatement(policies, (statement) =>
          statement.effect === 'ALLOW'
            ? { ...statement, permissions: statement.permissions.toSpliced(at, 1) }
            : statement,
        ),
      statement: (policies, at) =>
        policies.map((policy) => ({
          ...policy,
          statements: policy.statements.filter(({ effect }, index) => effect === 'DENY' || index !== at),
        })),
      policy: (policies, at) => policies.filter((policy, index) => !allowing(policy) || index !== at),
    };
    fc.assert(
      fc.property(worlds, fc.constantFrom(...Object.keys(smaller)), fc.nat(2), (world, what, at) => {
        expectNoMore(
          withPolicies(world, (policies) => smaller[what]?.(policies, at) ?? policies),
          world,
        );
      }),
      RUNS,
    );
  });

  test('a built-in organization role by the next lower one', () => {
    const ladder = ['owner', 'admin', 'write', 'user', 'read', 'guest'];
    fc.assert(
      fc.property(worlds, fc.nat(4), (world, at) => {
        const as = (role: string): World => ({
          ...world,
          organization: { role, expiresAt: null, fallback: role },
          // Of the built-in project roles: a custom one may hold more than Admin lets go of.
          projects: world.projects.filter((project) => !Array.isArray(project.role)),
        });
        expectNoMore(as(ladder[at + 1] ?? ''), as(ladder[at] ?? ''));
      }),
      RUNS,
    );
  });

  test('a custom organization role by an empty one with the same denials', () => {
    const emptied = (policies: Policy[]): Policy[] =>
      policies.map((policy) => ({
        ...policy,
        statements: policy.statements.filter(({ effect }) => effect === 'DENY'),
      }));
    fc.assert(
      fc.property(worlds, (world) => {
        expectNoMore(withPolicies(world, emptied), world);
      }),
      RUNS,
    );
  });

  test('a project role by no access, which leaves no permission unless the organization role is never overridden', () => {
    fc.assert(
      fc.property(worlds, fc.constantFrom(...PROJECTS), (world, id) => {
        const others = world.projects.filter((project) => project.id !== id);
        const out: World = { ...world, projects: [...others, { id, role: null }] };
        expectNoMore(out, world);
        if (!grantsIn(out).grants.role.neverOverridden) expect(permissionsIn(out, id).size).toBe(0);
        expectSame(
          out,
          world,
          TARGETS.filter((target) => target !== id),
        );
      }),
      RUNS,
    );
  });
});

describe('a READ token', () => {
  test('allows the read permissions of a WRITE token, and no others', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        for (const target of TARGETS) {
          const written = [...permissionsIn({ ...world, access: 'WRITE' }, target)];
          const reading = written.filter(reads);
          expect([...permissionsIn({ ...world, access: 'READ' }, target)]).toEqual(reading);
        }
      }),
      RUNS,
    );
  });
});

describe('a plan', () => {
  test('that lacks more features allows nobody more, in any scope', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        expectNoMore({ ...world, plan: 'FREE' }, { ...world, plan: 'TEAM' });
        expectNoMore({ ...world, plan: 'TEAM' }, { ...world, plan: 'ENTERPRISE' });
      }),
      RUNS,
    );
  });

  test('restores what a smaller plan suspended', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        expectSame({ ...world, plan: 'TEAM' }, { ...world, plan: 'ENTERPRISE' });
      }),
      RUNS,
    );
  });

  test('does not affect a built-in organization role without project roles', () => {
    fc.assert(
      fc.property(worlds, fc.constantFrom('owner', 'admin', 'write', 'user', 'read', 'guest'), (world, role) => {
        const plain: World = { ...world, organization: { role, expiresAt: null, fallback: role }, projects: [] };
        expectSame({ ...plain, plan: 'FREE' }, { ...plain, plan: 'ENTERPRISE' });
      }),
      RUNS,
    );
  });
});

describe('a project role', () => {
  // What a token of a member allows depends on the organization role as well.
  const paid = worlds.map((world): World => ({ ...world, plan: 'TEAM', isTokenOfMember: false }));

  test('overrides neither Owner nor Admin', () => {
    fc.assert(
      fc.property(worlds, fc.constantFrom('owner', 'admin'), (world, role) => {
        const held: World = { ...world, organization: { role, expiresAt: null, fallback: role } };
        expectSame(held, { ...held, projects: [] });
      }),
      RUNS,
    );
  });

  test('overrides the organization role, of which only the denials still apply', () => {
    const overridable = organizationRoles.filter((role) => role !== 'owner' && role !== 'admin');
    fc.assert(
      fc.property(paid, overridable, projectRoles, fc.constantFrom(...PROJECTS), (world, role, own, id) => {
        const withRole = (one: typeof role): World => ({
          ...world,
          organization: { role: one, expiresAt: null, fallback: one },
          projects: [{ id, role: own }],
        });
        const denied = grantsIn(withRole(role)).grants.role.deny;
        const alone = [...permissionsIn(withRole('read'), id)].filter((name) => !denied.has(name as never));
        expect([...permissionsIn(withRole(role), id)]).toEqual(denied.has('project:read') ? [] : alone);
      }),
      RUNS,
    );
  });

  test('changes nothing in the organization or in other projects', () => {
    fc.assert(
      fc.property(worlds, projectRoles, fc.constantFrom(...PROJECTS), (world, own, id) => {
        const others = world.projects.filter((project) => project.id !== id);
        expectSame(
          { ...world, projects: [...others, { id, role: own }] },
          { ...world, projects: others },
          TARGETS.filter((target) => target !== id),
        );
      }),
      RUNS,
    );
  });
});

type Statement = Policy['statements'][number];

function eachStatement(policies: Policy[], change: (statement: Statement) => Statement): Policy[] {
  return policies.map((policy) => ({ ...policy, statements: policy.statements.map(change) }));
}
