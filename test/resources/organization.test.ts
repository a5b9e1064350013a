import { describe, expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import {
  addToOrganization,
  createApiToken,
  createCheck,
  createOrganization,
  duringChange,
  getRubric,
  membersOfEachRole,
  mutate,
  queryData,
  roleId,
  signIn,
  signUp,
} from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);

const FIELDS = 'organization { id name slug }';

test('the creator of an organization becomes its Owner, and the organization has a default rubric', async () => {
  const founder = await signUp(api, 'ann@example.test');
  const made = await mutate(founder, 'createOrganization', { name: 'Ann & Co', slug: 'ann-co' }, FIELDS);
  expect(made).toEqual({ organization: { id: expect.any(String), name: 'Ann & Co', slug: 'ann-co' }, errors: [] });
  const owner = await signIn(api, 'ann@example.test', 'ann-co');
  const seen = await queryData(
    owner,
    `{ organization { id name slug viewerPermissions } viewer { role { name } } members { totalCount }
       rubric { name description } checks { totalCount }
       levels { nodes { index name } } categories { nodes { name } } }`,
  );
  expect(seen).toEqual({
    organization: {
      ...made.organization,
      viewerPermissions: ['organization:read', 'organization:update', 'organization:delete', 'organization:transfer'],
    },
    viewer: { role: { name: 'Owner' } },
    members: { totalCount: 1 },
    rubric: { name: 'Service maturity', description: null },
    checks: { totalCount: 0 },
    levels: {
      nodes: [
        { index: 0, name: 'Bronze' },
        { index: 1, name: 'Silver' },
        { index: 2, name: 'Gold' },
      ],
    },
    categories: {
      nodes: [{ name: 'Observability' }, { name: 'Ownership' }, { name: 'Reliability' }, { name: 'Security' }],
    },
  });
});

test('a signed-in user can create organizations, and an API token cannot', async () => {
  expect(await mutate(people.read, 'createOrganization', { name: 'Second', slug: 'second' })).toEqual({ errors: [] });
  const token = await createApiToken(api, people.owner, 'WRITE');
  expect(await mutate(token, 'createOrganization', { name: 'Third', slug: 'third' })).toEqual({
    refused: 'SESSION_REQUIRED',
  });
});

test('an Admin can rename the organization, and a member with role Write cannot', async () => {
  const renamed = { id: acme.id, name: 'Acme Inc.', slug: 'acme-inc' };
  expect(await mutate(people.admin, 'updateOrganization', renamed, FIELDS)).toEqual({
    organization: renamed,
    errors: [],
  });
  expect(await mutate(people.write, 'updateOrganization', { id: acme.id, name: 'Mine' })).toEqual({
    refused: 'NO_GRANT',
  });
  expect((await queryData(people.read, '{ organization { id name slug } }')).organization).toEqual(renamed);
  await mutate(people.admin, 'updateOrganization', { id: acme.id, slug: 'acme' });
});

test('a slug is unique in the instance, also in concurrent requests', async () => {
  expect(await mutate(people.owner, 'createOrganization', { name: 'Copy', slug: 'acme' }, FIELDS)).toEqual({
    organization: null,
    errors: [{ code: 'TAKEN', path: ['slug'] }],
  });
  const other = await createOrganization(api, 'other');
  expect(await mutate(other.owner, 'updateOrganization', { id: other.id, slug: 'acme' })).toEqual({
    errors: [{ code: 'TAKEN', path: ['slug'] }],
  });
  const race = await Promise.all(
    [1, 2, 3, 4].map((n) => mutate(people.owner, 'createOrganization', { name: `Race ${n}`, slug: 'race' })),
  );
  expect(race.map(({ errors }) => errors[0]?.code ?? 'made').sort()).toEqual(['TAKEN', 'TAKEN', 'TAKEN', 'made']);
});

test.each([
  ['A', 'TOO_SHORT'],
  ['Acme', 'INVALID'],
  ['ac me', 'INVALID'],
  ['-acme', 'INVALID'],
  ['acme-', 'INVALID'],
  ['ac--me', 'INVALID'],
  ['acmé', 'INVALID'],
  ['acme\n', 'INVALID'],
  ['x'.repeat(64), 'TOO_LONG'],
])('%j is not a valid slug: %s', async (slug, code) => {
  const { errors } = await mutate(people.owner, 'createOrganization', { name: 'Bad', slug });
  expect(errors).toContainEqual({ code, path: ['slug'] });
});

test.each(['a1', '42', 'a-b-c', 'x'.repeat(63)])('%j is a valid slug', async (slug) => {
  expect(await mutate(people.owner, 'createOrganization', { name: 'Good', slug })).toEqual({ errors: [] });
});

test('an Owner deletes the organization and confirms its slug', async () => {
  const doomed = await createOrganization(api, 'doomed');
  expect(await mutate(doomed.owner, 'deleteOrganization', { id: doomed.id, slug: 'acme' }, 'deletedId')).toEqual({
    deletedId: null,
    errors: [{ code: 'MISMATCH', path: ['slug'] }],
  });
  expect(await mutate(doomed.owner, 'deleteOrganization', { id: doomed.id, slug: 'doomed' }, 'deletedId')).toEqual({
    deletedId: doomed.id,
    errors: [],
  });
  expect(await mutate(people.admin, 'deleteOrganization', { id: acme.id, slug: 'acme' })).toEqual({
    refused: 'NO_GRANT',
  });
});

test('deletion removes checks, sessions and tokens, keeps the account and frees the slug', async () => {
  const brief = await createOrganization(api, 'brief');
  await createCheck(brief.owner, await getRubric(brief.owner), { ownerId: brief.owner.memberId });
  const token = await createApiToken(api, brief.owner, 'READ');
  const twice = await signIn(api, brief.owner.email, 'brief');
  expect(await mutate(brief.owner, 'deleteOrganization', { id: brief.id, slug: 'brief' })).toEqual({ errors: [] });
  for (const caller of [brief.owner, twice, token])
    expect((await caller.query('{ viewer { organization { id } } }')).status).toBe(401);
  const back = await signIn(api, brief.owner.email);
  expect((await queryData(back, '{ viewer { organization { id } } }')).viewer).toEqual({ organization: null });
  expect(await mutate(back, 'createOrganization', { name: 'Again', slug: 'brief' })).toEqual({ errors: [] });
});

test('an organization cannot be updated or deleted from another organization', async () => {
  const far = await createOrganization(api, 'far');
  expect(await mutate(people.owner, 'updateOrganization', { id: far.id, name: 'Taken over' })).toEqual({
    refused: 'NOT_FOUND',
  });
  expect(await mutate(people.owner, 'deleteOrganization', { id: far.id, slug: 'far' })).toEqual({
    refused: 'NOT_FOUND',
  });
  expect(await queryData(far.owner, '{ organization { name slug } }')).toEqual({
    organization: { name: 'far', slug: 'far' },
  });
});

test('a member of two organizations has a separate role in each', async () => {
  const home = await createOrganization(api, 'home');
  await addToOrganization(api, acme, home.owner, 'read');
  const guest = await signIn(api, home.owner.email, 'acme');
  const rename = { name: 'Renamed by a guest' };
  expect(await mutate(guest, 'updateOrganization', { id: acme.id, ...rename })).toEqual({ refused: 'NO_GRANT' });
  expect(await mutate(home.owner, 'updateOrganization', { id: home.id, ...rename })).toEqual({ errors: [] });
  expect(await mutate(guest, 'updateMember', { id: guest.memberId, roleId: roleId('owner') })).toEqual({
    refused: 'NO_GRANT',
  });
});

describe('a write during the deletion of the organization is refused without an internal error', () => {
  test.each(['createCategory', 'createLevel', 'createCheck'])('%s', async (mutation) => {
    const brief = await createOrganization(api, `brief-${mutation.toLowerCase()}`);
    const rubric = await getRubric(brief.owner);
    const place = { category: { id: rubric.categories['Security'] }, level: { id: rubric.levels['Gold'] } };
    const answer = await duringChange(
      api,
      (sql) => sql`delete from organizations where slug = ${brief.slug}`,
      () => mutate(brief.owner, mutation, { name: 'Late', ...(mutation === 'createCheck' && place) }),
    );
    // The category is checked before the organization if its foreign key was added first, as in a cluster.
    expect(['CONFLICT', 'NOT_FOUND']).toContain(answer.refused ?? answer.errors[0]?.code);
  });

  test('the deletion waits for a write that started first', async () => {
    const brief = await createOrganization(api, 'brief-order');
    const answers = await Promise.all([
      ...[1, 2, 3].map((n) => mutate(brief.owner, 'createLevel', { name: `Level ${n}` })),
      mutate(brief.owner, 'deleteOrganization', { id: brief.id, slug: brief.slug }),
    ]);
    expect(answers.at(-1)).toEqual({ errors: [] });
    expect(await api.root`select from organizations where slug = ${brief.slug}`).toHaveLength(0);
  });
});
