import { beforeEach, describe, expect, test } from 'vitest';
import { roleByKey } from '../../src/access/roles.ts';
import type { Json } from '../support/api.ts';
import { startApi } from '../support/api.ts';
import { size } from '../support/size.ts';
import { addMember, createOrganization, mutate, queryData, roleId, setRole } from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const partner = await addMember(api, acme, 'owner', 'partner');
const admin = await addMember(api, acme, 'admin');
const owners = [owner, partner];

const LAST = { errors: [{ code: 'LAST_OWNER', path: ['id'] }] };

const ownersNow = async (): Promise<string[]> =>
  (await queryData(admin, '{ members { nodes { id role { name } } } }')).members.nodes
    .filter(({ role }: Json) => role.name === 'Owner')
    .map(({ id }: Json) => id);

const reset = async (): Promise<void> => {
  for (const { email } of owners) await setRole(api.root, email, 'owner');
};

beforeEach(async () => {
  await reset();
  expect(await ownersNow()).toEqual([owner.memberId, partner.memberId]);
});

const demote = (caller: typeof owner, target: typeof owner) =>
  mutate(caller, 'updateMember', { id: target.memberId, roleId: roleId('admin') });

describe('the last Owner', () => {
  beforeEach(async () => {
    expect(await demote(owner, partner)).toEqual({ errors: [] });
  });

  test.each(['admin', 'write', 'user', 'read'] as const)('cannot be changed to %s', async (role) => {
    const input = { id: owner.memberId, roleId: roleId(role) };
    expect(await mutate(owner, 'updateMember', input)).toEqual(LAST);
    expect(await ownersNow()).toEqual([owner.memberId]);
  });

  test('cannot be removed', async () => {
    expect(await mutate(owner, 'deleteMember', { id: owner.memberId })).toEqual(LAST);
    expect(await ownersNow()).toEqual([owner.memberId]);
  });

  test('can be set to Owner again and can be signed out', async () => {
    expect(await mutate(owner, 'updateMember', { id: owner.memberId, roleId: roleId('owner') })).toEqual({
      errors: [],
    });
    expect(await mutate(owner, 'updateMember', { id: owner.memberId })).toEqual({ errors: [] });
  });

  test('can be demoted after another Owner is added', async () => {
    await mutate(owner, 'updateMember', { id: partner.memberId, roleId: roleId('owner') });
    expect(await demote(owner, owner)).toEqual({ errors: [] });
    expect(await ownersNow()).toEqual([partner.memberId]);
    expect(await mutate(owner, 'updateMember', { id: owner.memberId, roleId: roleId('owner') })).toEqual({
      refused: 'NOT_HELD',
    });
  });

  test('is protected from two mutations in one document', async () => {
    await reset();
    const document = `mutation ($a: ID!, $b: ID!, $role: ID!) {
      a: updateMember(input: { id: $b, roleId: $role }) { errors { code } }
      b: updateMember(input: { id: $a, roleId: $role }) { errors { code } } }`;
    const variables = { a: owner.memberId, b: partner.memberId, role: roleId('read') };
    expect(await queryData(owner, document, variables)).toEqual({
      a: { errors: [] },
      b: { errors: [{ code: 'LAST_OWNER' }] },
    });
  });
});

/** The possible results of each of two concurrent requests. */
const FAIR = ['done', 'LAST_OWNER', 'CONFLICT', 'NO_GRANT', 'NOT_HELD', 'NOT_FOUND'];

const resultCode = ({ errors, refused }: Json): string => refused ?? errors[0]?.code ?? 'done';

/** The number of Owners of the organization with this slug. */
const countOwners = async (slug: string): Promise<number> =>
  (
    await api.root`
      select from assignments a join organizations o on o.id = a.organization_id
        join principals p on p.organization_id = a.organization_id and p.id = a.principal_id
      where o.slug = ${slug} and p.user_id is not null and a.project_id is null and a.expires_at is null
        and a.built_in_role_id = ${roleByKey('owner').id}`
  ).count;

describe('one of two concurrent requests succeeds, and one Owner remains, when', () => {
  test.each<[string, number, () => Promise<Json>[]]>([
    ['two Owners demote each other', size(25, 100), () => [demote(owner, partner), demote(partner, owner)]],
    ['both step down', size(15, 50), () => owners.map((each) => demote(each, each))],
    ['one steps down and demotes the other', size(10, 25), () => [demote(owner, owner), demote(owner, partner)]],
    ['all of that at once', size(10, 25), () => owners.flatMap((each) => owners.map((other) => demote(each, other)))],
  ])('%s, %i times', async (_what, rounds, race) => {
    for (let round = 0; round < rounds; round += 1) {
      const answers = (await Promise.all(race())).map(resultCode);
      expect(FAIR).toEqual(expect.arrayContaining(answers));
      expect(answers).toContain('done');
      expect(await countOwners('acme')).toBe(1);
      await reset();
    }
  });
});

test('one Owner remains when two Owners remove each other', async () => {
  for (let round = 0; round < size(5, 20); round += 1) {
    const pair = await createOrganization(api, `pair-${round}`);
    const other = await addMember(api, pair, 'owner', 'other');
    const remove = (caller: typeof owner, { memberId: id }: typeof owner) => mutate(caller, 'deleteMember', { id });
    const answers = (await Promise.all([remove(pair.owner, other), remove(other, pair.owner)])).map(resultCode);
    // A member who was removed during the request has an invalid credential afterwards.
    expect([...FAIR, 'UNAUTHENTICATED', 'NO_ORGANIZATION']).toEqual(expect.arrayContaining(answers));
    expect(answers.filter((answer) => answer === 'done')).toHaveLength(1);
    expect(await countOwners(pair.slug)).toBe(1);
  }
});
