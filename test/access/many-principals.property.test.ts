import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accessOf, limitedBy } from '../../src/access/access.ts';
import { accessChanges, grantsAtMoment } from '../../src/access/change.ts';
import { type Caller, requireHeldByCaller, requireHeldOwners } from '../../src/access/escalation.ts';
import type { Role } from '../../src/access/model.ts';
import type { AccessState } from '../../src/access/principal-roles.ts';
import { projectRoleReach, reachOf } from '../../src/access/reach.ts';
import { size } from '../support/size.ts';
import { type AnyRole, TEAMS, type World } from './naive.ts';
import { naiveChanges, naiveReach, naiveRefusal } from './naive-change.ts';
import { type NaiveCaller, naiveMay, naiveMayMove, naiveReaches, type People } from './naive-held.ts';
import {
  grantsIn,
  keys,
  NOW,
  narrowingOf,
  narrowings,
  PROJECTS,
  stateOf,
  TARGETS,
  teamWorlds,
  worlds,
} from './worlds.ts';

const now = new Date(NOW);
const PEOPLE = ['ada', 'bob', 'cyd', 'dan', 'eve', 'fay'];
const CALLER = 'cyd';
const KEY = 'a key';

/** People who share the roles of a few: the case in which one comparison counts for several people. */
const organizations = fc
  .array(worlds, { minLength: 1, maxLength: 3 })
  .chain((shared) => fc.dictionary(fc.constantFrom(...PEOPLE), fc.constantFrom(...shared), { noNullPrototype: true }));

const plans = fc.constantFrom<World['plan'][]>('FREE', 'TEAM', 'ENTERPRISE');

/** The credential with which the caller makes the change. */
const credentials: fc.Arbitrary<Credential> = fc.oneof(
  fc.record({ access: fc.constantFrom('READ' as const, 'WRITE' as const) }),
  fc.record({ access: fc.constant('WRITE' as const), narrowed: narrowings }),
  fc.record({ access: fc.constant('WRITE' as const), key: keys }),
);

type Credential = Pick<World, 'access' | 'narrowed' | 'key'>;

/** Changes nothing, some people, the roles themselves, or everything. */
const changes = fc
  .tuple(organizations, organizations, plans, plans, fc.nat(3))
  .map(([one, other, plan, next, kind]) => {
    const before = stateOf(one, plan);
    const merged = stateOf(kind === 1 ? { ...one, ...other } : other, next);
    const redefined: AccessState = {
      ...before,
      roles: new Map(
        [...before.roles].map(([id], at) => [id, [...merged.roles.values()][at] ?? (before.roles.get(id) as Role)]),
      ),
      plan: next,
    };
    return { before, after: [{ ...before, plan: next }, merged, merged, redefined][kind] as AccessState };
  });

const roleOf = (permissions: string[]): AnyRole => [{ name: 'One', statements: [{ effect: 'ALLOW', permissions }] }];
const smallRoles = fc.constantFrom(
  null,
  'read',
  ...[['dataset:*'], ['dataset:read', 'trace:*'], ['trace:read']].map(roleOf),
);
const TWO = PROJECTS.slice(0, 2);
/** Often the same role in both projects. A narrowed credential may include only one of them. */
const smallProjects = fc.oneof(
  smallRoles.map((role) => TWO.map((id) => ({ id, role }))),
  fc.subarray(TWO).chain((ids) => fc.tuple(...ids.map((id) => smallRoles.map((role) => ({ id, role }))))),
);

/** Changes of a few project roles. A strong caller holds all of their permissions, and a narrowed credential of that caller some. */
const smallChanges = fc
  .tuple(
    fc.dictionary(fc.constantFrom('ada', 'eve', 'fay'), smallProjects, { noNullPrototype: true }),
    fc.constantFrom('ada', 'eve'),
    fc.tuple(smallProjects, smallProjects),
    fc.tuple(fc.constantFrom('owner', 'admin', 'write'), fc.option(fc.constantFrom(NOW, NOW + 1)), smallProjects),
    plans,
  )
  .map(([others, id, [had, has], [role, expiresAt, projects], plan]) => {
    const guest = (own: World['projects']): World => ({ ...SOMEBODY, organization: GUEST, projects: own });
    const people = Object.fromEntries(Object.entries(others).map(([one, own]) => [one, guest(own)]));
    const caller: World = { ...SOMEBODY, organization: { role, expiresAt, fallback: 'write' }, projects };
    const before: People = { ...people, [CALLER]: caller, [id]: guest(had) };
    return { before, after: { ...before, [id]: guest(has) }, plan };
  });

/** Credentials with many permissions, but not with all. */
const limitedCredentials: fc.Arbitrary<Credential> = fc
  .record({
    patterns: fc.constantFrom<string[][]>(['*'], ['dataset:*'], ['*:read', 'dataset:*', 'trace:*']),
    projects: fc.subarray(TWO, { minLength: 1 }),
    preset: fc.constantFrom('FULL' as const, null),
    kind: fc.constantFrom('key', 'key', 'projects', 'permissions', 'both'),
  })
  .map(({ patterns, projects, preset, kind }): Credential => {
    const [project = ''] = projects;
    if (kind === 'key') return { access: 'WRITE', key: { project, preset, permissions: patterns } };
    return {
      access: 'WRITE',
      narrowed: {
        permissions: kind === 'projects' ? null : patterns,
        projects: kind === 'permissions' ? null : projects,
      },
    };
  });

/** With a key, a decision depends only on the plan, the access and the key. */
const SOMEBODY: World = {
  plan: 'FREE',
  organization: { role: 'owner', expiresAt: null, fallback: 'owner' },
  projects: [],
  access: 'WRITE',
  isTokenOfMember: false,
  now: NOW,
};
const GUEST: World['organization'] = { role: 'guest', expiresAt: null, fallback: 'guest' };

const RUNS = { numRuns: size(60, 2_000) };

function callerOf({ narrowed, key, access }: Credential, state: AccessState): Caller {
  if (key) return { id: KEY, effective: grantsIn({ ...SOMEBODY, plan: state.plan, access, key }) };
  const grants = grantsAtMoment(state, CALLER, { time: now, ignorePlan: false });
  return { id: CALLER, effective: grants ? { grants, access, narrowing: narrowingOf(narrowed) } : null };
}

const naiveCallerOf = (credential: Credential, people: People, plan: World['plan']): NaiveCaller => {
  const person = credential.key ? SOMEBODY : people[CALLER];
  return {
    world: person && { ...person, narrowed: null, isTokenOfMember: false, ...credential, plan, now: NOW },
    times: [NOW, NOW + 1],
    scopes: TARGETS,
  };
};

const refusalOf = (caller: Caller, before: AccessState, after: AccessState): Promise<string | null> =>
  requireHeldByCaller(caller, before, after, now, 'It').then(
    () => null,
    ({ message }: Error) => message,
  );

describe('the computation for many principals and the rule for each principal on its own', () => {
  test('report the same changes in the same order', async () => {
    await fc.assert(
      fc.asyncProperty(changes, async ({ before, after }) => {
        expect(await accessChanges(before, after, now)).toEqual(naiveChanges(before, after, now));
      }),
      RUNS,
    );
  });

  test('refuse the same changes with the same message', async () => {
    const outcomes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(changes, credentials, async ({ before, after }, credential) => {
        const caller = callerOf(credential, before);
        const expected = naiveRefusal(caller, before, after, now);
        outcomes.add(expected === null ? 'allowed' : 'refused');
        expect(await refusalOf(caller, before, after)).toBe(expected);
      }),
      RUNS,
    );
    expect([...outcomes].toSorted()).toEqual(['allowed', 'refused']);
  });

  test('find the same people whom a caller can change and remove', async () => {
    const sizes = new Set<number>();
    await fc.assert(
      fc.asyncProperty(
        organizations,
        plans,
        credentials,
        fc.boolean(),
        async (people, plan, given, isTokenOfMember) => {
          const state = stateOf(people, plan);
          const { id, effective } = callerOf(given, state);
          const credential = { ...given, narrowing: narrowingOf(given.narrowed), isTokenOfMember };
          const caller = accessOf(effective && limitedBy(credential, effective.grants));
          const expected = naiveReach(caller, state, id, now);
          sizes.add(expected.changeable.size).add(expected.removable.size);
          expect(await reachOf(caller, state, id, now)).toEqual(expected);
        },
      ),
      RUNS,
    );
    expect(sizes.size).toBeGreaterThan(2);
  });
});

describe('the computation and a naive second one in worlds', () => {
  const SLOW_RUNS = { numRuns: size(40, 1_000) };

  test('allow the same changes of project roles, with sessions, narrowed tokens and API keys', async () => {
    const outcomes = new Set<string>();
    const anyCredential = fc.oneof({ weight: 4, arbitrary: limitedCredentials }, credentials);
    await fc.assert(
      fc.asyncProperty(smallChanges, anyCredential, async ({ before, after, plan }, credential) => {
        const [had, has] = [stateOf(before, plan), stateOf(after, plan)];
        const may = naiveMay(naiveCallerOf(credential, before, plan), before, after, [plan, plan]);
        outcomes.add(`${credential.key ? 'key' : credential.narrowed ? 'narrowed' : 'whole'} ${may}`);
        expect((await refusalOf(callerOf(credential, had), had, has)) === null).toBe(may);
      }),
      { numRuns: size(150, 4_000) },
    );
    const kinds = ['key', 'narrowed', 'whole'];
    expect([...outcomes].toSorted()).toEqual(kinds.flatMap((kind) => [`${kind} false`, `${kind} true`]));
  });

  test('allow the same changes of teams and of roles that depend on them', async () => {
    const outcomes = new Map<boolean, number>();
    const others = fc.dictionary(fc.constantFrom('ada', 'eve'), teamWorlds, { noNullPrototype: true });
    const credentials = fc.constantFrom<Credential>({ access: 'WRITE' }, { access: 'WRITE' }, { access: 'READ' });
    await fc.assert(
      fc.asyncProperty(others, teamWorlds, teamWorlds, teamWorlds, fc.nat(2), credentials, async (people, ...given) => {
        const [caller, one, other, kind, credential] = given;
        // Changes the teams, the role, or both.
        const changed = [{ ...one, teams: other.teams ?? [] }, { ...other, teams: one.teams ?? [] }, other][
          kind
        ] as World;
        const before: People = { ...people, [CALLER]: caller, bob: one };
        const after: People = { ...before, bob: changed };
        const [had, has] = [stateOf(before, 'ENTERPRISE'), stateOf(after, 'ENTERPRISE')];
        const may = naiveMay(naiveCallerOf(credential, before, 'ENTERPRISE'), before, after, [
          'ENTERPRISE',
          'ENTERPRISE',
        ]);
        outcomes.set(may, (outcomes.get(may) ?? 0) + 1);
        const by = callerOf(credential, had);
        expect(await refusalOf(by, had, has)).toBe(naiveRefusal(by, had, has, now));
        expect((await refusalOf(by, had, has)) === null).toBe(may);
      }),
      { numRuns: size(40, 2_000) },
    );
    expect([...outcomes.keys()].toSorted()).toEqual([false, true]);
  });

  test('allow the same changes of owners', async () => {
    const teams = fc.constantFrom(null, ...Object.keys(TEAMS));
    const outcomes = new Set<boolean>();
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom('ada', 'bob', 'eve'), teamWorlds, { noNullPrototype: true }),
        teamWorlds,
        teams,
        teams,
        async (others, caller, from, to) => {
          const people: People = { ...others, [CALLER]: caller };
          const state = stateOf(people, 'ENTERPRISE');
          const may = naiveMayMove(naiveCallerOf({ access: 'WRITE' }, people, 'ENTERPRISE'), people, from, to);
          outcomes.add(may);
          const change = { before: from, after: to };
          const refusal = requireHeldOwners(callerOf({ access: 'WRITE' }, state), state, [change], now, 'It');
          const isAllowed = await refusal.then(
            () => true,
            () => false,
          );
          expect(isAllowed).toBe(may);
        },
      ),
      { numRuns: size(40, 2_000) },
    );
    expect([...outcomes].toSorted()).toEqual([false, true]);
  });

  test('allow the same changes of everything', async () => {
    await fc.assert(
      fc.asyncProperty(organizations, organizations, plans, plans, credentials, async (before, after, ...given) => {
        const [plan, next, credential] = given;
        const [had, has] = [stateOf(before, plan), stateOf(after, next)];
        const may = naiveMay(naiveCallerOf(credential, before, plan), before, after, [plan, next]);
        expect((await refusalOf(callerOf(credential, had), had, has)) === null).toBe(may);
      }),
      SLOW_RUNS,
    );
  });

  test('find the same people and project roles whom a caller can change and remove', async () => {
    const found = { changeable: 0, removable: 0, replaceable: 0, deletable: 0 };
    await fc.assert(
      fc.asyncProperty(organizations, plans, credentials, async (people, plan, credential) => {
        const state = stateOf(people, plan);
        const { id: callerId, effective } = callerOf(credential, state);
        const access = accessOf(effective);
        const caller = naiveCallerOf(credential, people, plan);
        const reach = await reachOf(access, state, callerId, now);
        for (const [id, world] of Object.entries(people)) {
          const changeable = naiveReaches(caller, world);
          const without = Object.fromEntries(Object.entries(people).filter(([other]) => other !== id));
          const removable = changeable && naiveMay(caller, people, without, [plan, plan]);
          expect([reach.changeable.has(id), reach.removable.has(id)]).toEqual([changeable, removable]);
          found.changeable += Number(changeable);
          found.removable += Number(removable);
          for (const { id: projectId } of world.projects) {
            const others = world.projects.filter((project) => project.id !== projectId);
            const mayBecome = (projects: World['projects']): boolean =>
              naiveMay(caller, people, { ...people, [id]: { ...world, projects } }, [plan, plan]);
            const expected = {
              changeable: mayBecome([...others, { id: projectId, role: null }]),
              removable: mayBecome(others),
            };
            expect(projectRoleReach(access, state, callerId, { principalId: id, projectId }, now)).toEqual(expected);
            found.replaceable += Number(expected.changeable);
            found.deletable += Number(expected.removable);
          }
        }
      }),
      SLOW_RUNS,
    );
    expect(Object.values(found).every((times) => times > 0)).toBe(true);
  });
});
