import { describe, expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import {
  addMember,
  createCheck,
  createOrganization,
  getRubric,
  membersOfEachRole,
  mutate,
  queryData,
} from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);
const rubric = await getRubric(people.owner);
const { categories, levels } = rubric;
const place = { category: { id: categories['Security'] }, level: { id: levels['Bronze'] } };

const FIELDS = `check {
  id name notes type enabled enableOn createdAt updatedAt viewerPermissions
  category { name } level { name } owner { id user { name } } }`;
const NODE = 'query ($id: ID!) { node(id: $id) { id ... on Check { name owner { id } updatedAt } } }';
const nodeOf = async (id: string) => (await queryData(people.read, NODE, { id })).node;

test('an Admin creates a check with all fields, and every member can read all of them', async () => {
  const input = {
    name: '  Logs are kept for 30 days ',
    notes: '# Why\n\nAudits. ',
    category: { id: categories['Observability'] },
    level: { id: levels['Silver'] },
    ownerId: people.user.memberId,
    enabled: true,
  };
  const made = await mutate(people.admin, 'createCheck', input, FIELDS);
  const now = expect.stringMatching(/^\d{4}-\d\d-\d\dT/);
  const check = {
    id: expect.stringMatching(/^chk_/),
    name: 'Logs are kept for 30 days',
    notes: '# Why\n\nAudits. ',
    type: 'MANUAL',
    enabled: true,
    enableOn: null,
    createdAt: now,
    updatedAt: now,
    category: { name: 'Observability' },
    level: { name: 'Silver' },
    owner: { id: people.user.memberId, user: { name: 'user' } },
  };
  const can = ['check:read', 'check:update', 'check:delete'];
  expect(made).toEqual({ check: { ...check, viewerPermissions: can }, errors: [] });
  const document = `query ($id: ID!) { node(id: $id) { ... on Check ${FIELDS.replace('check', '')} } }`;
  expect(await queryData(people.read, document, { id: made.check.id })).toEqual({
    node: { ...made.check, viewerPermissions: ['check:read'] },
  });
});

test('a User cannot create, update or delete a check', async () => {
  const id = await createCheck(people.admin, rubric);
  const before = await nodeOf(id);
  expect(await mutate(people.user, 'createCheck', { name: 'Mine', ...place })).toEqual({ refused: 'NO_GRANT' });
  expect(await mutate(people.user, 'updateCheck', { check: { id }, name: 'Mine' })).toEqual({ refused: 'NO_GRANT' });
  expect(await mutate(people.user, 'deleteCheck', { check: { id } })).toEqual({ refused: 'NO_GRANT' });
  expect(await nodeOf(id)).toEqual(before);
});

test('an update sets updatedAt, and a deleted check cannot be read', async () => {
  const id = await createCheck(people.admin, rubric);
  const before = await nodeOf(id);
  api.advance(60_000);
  await mutate(people.admin, 'updateCheck', { check: { id }, name: 'Renamed' });
  const after = await nodeOf(id);
  expect(after).toMatchObject({ id, name: 'Renamed' });
  expect(Date.parse(after.updatedAt) - Date.parse(before.updatedAt)).toBeGreaterThanOrEqual(60_000);
  expect(await mutate(people.admin, 'deleteCheck', { check: { id } }, 'deletedId')).toEqual({
    deletedId: id,
    errors: [],
  });
  expect(await nodeOf(id)).toBeNull();
  expect(await mutate(people.admin, 'deleteCheck', { check: { id } })).toEqual({ refused: 'NOT_FOUND' });
  expect(await mutate(people.admin, 'updateCheck', { check: { id }, name: 'Back' })).toEqual({ refused: 'NOT_FOUND' });
});

describe('an unknown reference is an error with the path of its field, and nothing is written:', () => {
  const nothing = (prefix: string) => `${prefix}_01h455vb4pex5vsknk084sn02q`;
  const globex = createOrganization(api, 'globex').then(async ({ owner }) => ({ owner, ...(await getRubric(owner)) }));
  test.each([
    ['an unknown category', 'category', () => nothing('cat')],
    ['an unknown level', 'level', () => nothing('lvl')],
    ['an unknown member', 'ownerId', () => nothing('mem')],
    ['a level as category', 'category', () => levels['Bronze']],
    ['a category as level', 'level', () => categories['Security']],
    ['the user ID of a member as owner', 'ownerId', () => people.user.userId],
    ['a text as category', 'category', () => 'Security'],
    ['an empty level', 'level', () => ''],
    ['another organization’s category', 'category', async () => (await globex).categories['Security']],
    ['another organization’s level', 'level', async () => (await globex).levels['Gold']],
    ['another organization’s member', 'ownerId', async () => (await globex).owner.memberId],
  ])('%s', async (_what, field, reference) => {
    const id = await reference();
    const wrong = { [field]: field === 'ownerId' ? id : { id } };
    const answer = { check: null, errors: [{ code: 'NOT_FOUND', path: [field] }] };
    const stays = await createCheck(people.admin, rubric, { name: 'Stays' });
    const [before] = await api.root`select count(*) as checks from checks`;
    const input = { name: 'Astray', ...place, ...wrong };
    expect(await mutate(people.admin, 'createCheck', input, 'check { id }')).toEqual(answer);
    expect(
      await mutate(people.admin, 'updateCheck', { check: { id: stays }, name: 'Goes', ...wrong }, 'check { id }'),
    ).toEqual(answer);
    expect((await nodeOf(stays)).name).toBe('Stays');
    expect((await api.root`select count(*) as checks from checks`)[0]).toEqual(before);
  });

  test('one response lists all errors of the input', async () => {
    const { errors } = await mutate(people.admin, 'createCheck', {
      name: ' ',
      category: { id: 'x' },
      level: { alias: 'y' },
    });
    expect(errors).toEqual([
      { code: 'TOO_SHORT', path: ['name'] },
      { code: 'NOT_FOUND', path: ['category'] },
      { code: 'NOT_FOUND', path: ['level'] },
    ]);
  });
});

test('the checks of a member who leaves remain without an owner', async () => {
  const leaver = await addMember(api, acme, 'user', 'leaver');
  const id = await createCheck(people.admin, rubric, { name: 'Orphan', ownerId: leaver.memberId });
  expect((await nodeOf(id)).owner).toEqual({ id: leaver.memberId });
  expect(await mutate(people.admin, 'deleteMember', { id: leaver.memberId })).toEqual({ errors: [] });
  expect(await nodeOf(id)).toMatchObject({ name: 'Orphan', owner: null });
});
