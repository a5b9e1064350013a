import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BUILT_IN_ROLES, type BuiltInRole } from '../../src/access/catalog.ts';
import { toPublicId } from '../../src/lib/ids.ts';
import type { Json } from '../support/api.ts';
import { startApi } from '../support/api.ts';
import { long } from '../support/size.ts';
import {
  addMember,
  createOrganization,
  membersOfEachRole,
  mutate,
  queryData,
  roleId,
  setRole,
} from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const people = [
  ...Object.values(await membersOfEachRole(api, acme)),
  await addMember(api, acme, 'admin', 'second admin'),
];
const START: BuiltInRole[] = ['owner', 'guest', 'read', 'user', 'write', 'admin', 'admin'];

const { roles } = await queryData(acme.owner, '{ roles { nodes { id permissions } } }');
const permissionsOf = (role: BuiltInRole): Set<string> =>
  new Set(roles.nodes.find(({ id }: Json) => id === roleId(role)).permissions);

interface Attempt {
  actor: number;
  target: number;
  role: BuiltInRole;
}

/** The expected result by sets of permissions instead of ranks. Updates `now` on success. */
function judge(now: BuiltInRole[], { actor, target, role }: Attempt): string {
  const [held, has] = [now[actor], now[target]].map((key) => permissionsOf(key as BuiltInRole));
  if (!held?.has('member:update')) return 'NO_GRANT';
  if (!has?.isSubsetOf(held) || !permissionsOf(role).isSubsetOf(held)) return 'NOT_HELD';
  const isLast = now[target] === 'owner' && now.filter((key) => key === 'owner').length === 1;
  if (isLast && role !== 'owner') return 'LAST_OWNER';
  now[target] = role;
  return 'done';
}

async function attempt({ actor, target, role }: Attempt): Promise<string> {
  const input = { id: people[target]?.memberId, roleId: roleId(role) };
  const { refused, errors } = await mutate(people[actor] as (typeof people)[0], 'updateMember', input);
  return refused ?? errors[0]?.code ?? 'done';
}

async function reset(): Promise<void> {
  for (const [at, role] of START.entries()) await setRole(api.root, people[at]?.email ?? '', role);
}

async function rolesNow(): Promise<string[]> {
  // Somebody else can be the only one who still sees the members.
  const rows = await api.root`select principal_id, built_in_role_id from assignments where project_id is null`;
  const byMember = new Map(
    rows.map(({ principal_id, built_in_role_id }) => [
      toPublicId('mem', principal_id),
      toPublicId('rol', built_in_role_id),
    ]),
  );
  return people.map(({ memberId }) => byMember.get(memberId) as string);
}

const anybody = fc.nat(people.length - 1);
const attempts = fc.array(fc.record({ actor: anybody, target: anybody, role: fc.constantFrom(...BUILT_IN_ROLES) }), {
  minLength: 1,
  maxLength: 12,
});

test('no sequence of role changes gives a member more access than the rules allow', async () => {
  await fc.assert(
    fc.asyncProperty(attempts, async (order) => {
      await reset();
      const now = [...START];
      for (const each of order) expect(await attempt(each)).toBe(judge(now, each));
      expect(await rolesNow()).toEqual(now.map(roleId));
    }),
    { numRuns: long ? 40 : 15 },
  );
});

test('Admins cannot create, change or remove an Owner, in any order of requests', async () => {
  const byOthers = attempts.map((order) => order.map((each) => ({ ...each, actor: Math.max(each.actor, 1) })));
  await fc.assert(
    fc.asyncProperty(byOthers, async (order) => {
      await reset();
      for (const each of order) await attempt(each);
      const owners = (await rolesNow()).map((id) => id === roleId('owner'));
      expect(owners).toEqual(START.map((role) => role === 'owner'));
    }),
    { numRuns: long ? 15 : 6 },
  );
});
