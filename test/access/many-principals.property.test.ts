import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accessOf, limitedBy } from '../../src/access/access.ts';
import { accessChanges, grantsAtMoment } from '../../src/access/change.ts';
import { requireHeldByCaller } from '../../src/access/escalation.ts';
import type { Role } from '../../src/access/model.ts';
import type { AccessState } from '../../src/access/principal-roles.ts';
import { reachOf } from '../../src/access/reach.ts';
import { size } from '../support/size.ts';
import type { World } from './naive.ts';
import { naiveChanges, naiveReach, naiveRefusal } from './naive-change.ts';
import { NOW, stateOf, worlds } from './worlds.ts';

const now = new Date(NOW);
const PEOPLE = ['ada', 'bob', 'cyd', 'dan', 'eve', 'fay'];
const CALLER = 'cyd';

/** People who share the roles of a few: the case in which one comparison counts for several people. */
const organizations = fc
  .array(worlds, { minLength: 1, maxLength: 3 })
  .chain((shared) => fc.dictionary(fc.constantFrom(...PEOPLE), fc.constantFrom(...shared), { noNullPrototype: true }));

const plans = fc.constantFrom<World['plan'][]>('FREE', 'TEAM', 'ENTERPRISE');
const access = fc.constantFrom('READ' as const, 'WRITE' as const);

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

const RUNS = { numRuns: size(60, 2_000) };

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
      fc.asyncProperty(changes, access, async ({ before, after }, credential) => {
        const grants = grantsAtMoment(before, CALLER, { time: now, ignorePlan: false });
        const caller = { id: CALLER, effective: grants ? { grants, access: credential } : null };
        const refusal = await requireHeldByCaller(caller, before, after, now, 'It').then(
          () => null,
          ({ message }: Error) => message,
        );
        const expected = naiveRefusal(caller, before, after, now);
        outcomes.add(expected === null ? 'allowed' : 'refused');
        expect(refusal).toBe(expected);
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
        access,
        fc.boolean(),
        async (people, plan, credential, isTokenOfMember) => {
          const state = stateOf(people, plan);
          const grants = grantsAtMoment(state, CALLER, { time: now, ignorePlan: false });
          const caller = accessOf(grants ? limitedBy({ access: credential, isTokenOfMember }, grants) : null);
          const expected = naiveReach(caller, state, CALLER, now);
          sizes.add(expected.changeable.size).add(expected.removable.size);
          expect(await reachOf(caller, state, CALLER, now)).toEqual(expected);
        },
      ),
      RUNS,
    );
    expect(sizes.size).toBeGreaterThan(2);
  });
});
