import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { permissionsOf } from '../../src/access/access.ts';
import type { Grants } from '../../src/access/model.ts';
import { compare } from '../../src/resources/principal/change-access.ts';
import { size } from '../support/size.ts';
import { ask } from './holdings.ts';
import { naiveAnswer, naivePermissions, type Policy, type World } from './naive.ts';
import {
  heldIn,
  NAMES,
  organizationRoles,
  PROJECTS,
  patterns,
  projectRoles,
  TARGETS,
  withPolicies,
  worlds,
} from './worlds.ts';

const RUNS = { numRuns: size(40, 120) };

const permissionsIn = (world: World, target: string | null): Set<string> =>
  new Set(permissionsOf(heldIn(world), target));

function expectNoMore(after: World, before: World, targets = TARGETS): void {
  for (const target of targets)
    expect([...permissionsIn(after, target).difference(permissionsIn(before, target))]).toEqual([]);
}

function expectSame(one: World, other: World, targets = TARGETS): void {
  for (const target of targets) expect([...permissionsIn(one, target)]).toEqual([...permissionsIn(other, target)]);
}

describe('the engine and the naive second implementation', () => {
  test('decide alike, and for the same reason, every permission in every place', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const held = heldIn(world);
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

  test('list the same permissions in every place', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        for (const target of TARGETS)
          expect(permissionsOf(heldIn(world), target)).toEqual(naivePermissions(world, target));
      }),
      RUNS,
    );
  });

  test('tell the same gains and losses of a change, whoever it brings, changes or removes', () => {
    const histories = fc.dictionary(fc.constantFrom('ada', 'bob', 'cyd'), worlds, { noNullPrototype: true });
    const grantsOf = (all: Record<string, World>): Map<string, Grants> =>
      new Map(Object.entries(all).map(([id, world]) => [id, heldIn(world).grants]));
    // What a token lets through is not what its holder gains or loses.
    const held = (world: World | undefined, target: string | null): string[] =>
      world ? naivePermissions({ ...world, access: 'WRITE' }, target) : [];
    fc.assert(
      fc.property(histories, histories, (before, after) => {
        const expected = ['ada', 'bob', 'cyd'].flatMap((principalId) =>
          TARGETS.flatMap((projectId) => {
            const [had, has] = [held(before[principalId], projectId), held(after[principalId], projectId)];
            const gained = has.filter((name) => !had.includes(name));
            const lost = had.filter((name) => !has.includes(name));
            return gained.length + lost.length > 0 ? [{ principalId, projectId, gained, lost }] : [];
          }),
        );
        expect(compare(grantsOf(before), grantsOf(after), TARGETS)).toEqual(expected);
      }),
      { numRuns: size(30, 80) },
    );
  });
});

describe('deny', () => {
  test('wins in any order of policies, statements and patterns', () => {
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

  test('takes what it names from whoever has the custom role, in the organization and in every project', () => {
    fc.assert(
      fc.property(worlds, fc.constantFrom(...NAMES), (world, name) => {
        const denied = withPolicies(world, (policies) => [
          ...policies,
          { name: 'No', statements: [{ effect: 'DENY', permissions: [name] }] },
        ]);
        for (const target of TARGETS) {
          const { role, projects } = heldIn(denied).grants;
          const own = role.neverOverridden ? undefined : projects.get(target ?? '');
          if (role.builtIn === null || own?.builtIn === null) expect(permissionsIn(denied, target)).not.toContain(name);
        }
      }),
      RUNS,
    );
  });

  test('never grants when it is added, to a policy or as one, first or last', () => {
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

  test('of the organization role holds in every project, whatever role one has there', () => {
    fc.assert(
      fc.property(worlds, organizationRoles, projectRoles, fc.constantFrom(...PROJECTS), (world, role, own, id) => {
        const all: World = {
          ...world,
          organization: { role, expiresAt: null, fallback: 'read' },
          projects: [{ id, role: own }],
        };
        const denied = heldIn(all).grants.role.deny;
        expect([...permissionsIn(all, id)].filter((name) => denied.has(name as never))).toEqual([]);
      }),
      RUNS,
    );
  });
});

describe('taking a grant away never grants:', () => {
  test('a permission, a statement or a policy that allows', () => {
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

  test('a built-in organization role for the next lower one', () => {
    const ladder = ['owner', 'admin', 'write', 'user', 'read'];
    fc.assert(
      fc.property(worlds, fc.nat(3), (world, at) => {
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

  test('a custom organization role for an empty one with its denials', () => {
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

  test('a project role for no access, which leaves nothing to those who can be narrowed', () => {
    fc.assert(
      fc.property(worlds, fc.constantFrom(...PROJECTS), (world, id) => {
        const others = world.projects.filter((project) => project.id !== id);
        const out: World = { ...world, projects: [...others, { id, role: null }] };
        expectNoMore(out, world);
        if (!heldIn(out).grants.role.neverOverridden) expect(permissionsIn(out, id).size).toBe(0);
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
  test('lets through what a WRITE token does, less all that is not reading', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        for (const target of TARGETS) {
          const written = [...permissionsIn({ ...world, access: 'WRITE' }, target)];
          const reading = written.filter((name) => name.split(':')[1] === 'read');
          expect([...permissionsIn({ ...world, access: 'READ' }, target)]).toEqual(reading);
        }
      }),
      RUNS,
    );
  });
});

describe('a plan', () => {
  test('that lacks more lets nobody do more, in any place', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        expectNoMore({ ...world, plan: 'FREE' }, { ...world, plan: 'TEAM' });
        expectNoMore({ ...world, plan: 'TEAM' }, { ...world, plan: 'ENTERPRISE' });
      }),
      RUNS,
    );
  });

  test('gives back what it froze', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        expectSame({ ...world, plan: 'TEAM' }, { ...world, plan: 'ENTERPRISE' });
      }),
      RUNS,
    );
  });

  test('touches nobody who has a built-in organization role and no project role', () => {
    fc.assert(
      fc.property(worlds, fc.constantFrom('owner', 'admin', 'write', 'user', 'read'), (world, role) => {
        const plain: World = { ...world, organization: { role, expiresAt: null, fallback: role }, projects: [] };
        expectSame({ ...plain, plan: 'FREE' }, { ...plain, plan: 'ENTERPRISE' });
      }),
      RUNS,
    );
  });
});

describe('a project role', () => {
  const paid = worlds.map((world): World => ({ ...world, plan: 'TEAM' }));

  test('narrows no Owner and no Admin', () => {
    fc.assert(
      fc.property(worlds, fc.constantFrom('owner', 'admin'), (world, role) => {
        const held: World = { ...world, organization: { role, expiresAt: null, fallback: role } };
        expectSame(held, { ...held, projects: [] });
      }),
      RUNS,
    );
  });

  test('stands in the place of the organization role, which leaves nothing there but its denials', () => {
    const narrowable = organizationRoles.filter((role) => role !== 'owner' && role !== 'admin');
    fc.assert(
      fc.property(paid, narrowable, projectRoles, fc.constantFrom(...PROJECTS), (world, role, own, id) => {
        const withRole = (one: typeof role): World => ({
          ...world,
          organization: { role: one, expiresAt: null, fallback: one },
          projects: [{ id, role: own }],
        });
        const denied = heldIn(withRole(role)).grants.role.deny;
        const alone = [...permissionsIn(withRole('read'), id)].filter((name) => !denied.has(name as never));
        expect([...permissionsIn(withRole(role), id)]).toEqual(alone);
      }),
      RUNS,
    );
  });

  test('changes nothing in the organization and in other projects', () => {
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
