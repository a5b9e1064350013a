import { beforeEach, describe, expect, test } from 'vitest';
import type { Json } from '../support/api.ts';
import { startApi } from '../support/api.ts';
import { ask, cast, found, mutate } from '../support/world.ts';

const api = await startApi();
const people = await cast(api, await found(api, 'acme'));
const { admin } = people;

let ids: Record<string, string> = {};

/** The names from the lowest level up; throws when the indexes are not 0, 1, 2 … */
async function order(): Promise<string> {
  const { nodes } = (await ask(people.read, '{ levels { nodes { id name index } } }')).levels;
  expect(nodes.map(({ index }: Json) => index)).toEqual(nodes.map((_: Json, at: number) => at));
  ids = Object.fromEntries(nodes.map(({ id, name }: Json) => [name, id]));
  return nodes.map(({ name }: Json) => name).join(' ');
}

const place = { errors: [{ code: 'INVALID', path: ['index'] }] };

beforeEach(async () => {
  await order();
  for (const id of Object.values(ids)) await mutate(admin, 'deleteLevel', { level: { id } });
  for (const name of ['A', 'B', 'C', 'D']) await mutate(admin, 'createLevel', { name });
  expect(await order()).toBe('A B C D');
});

test('an Admin makes a level, and everybody finds it by its id; a User makes none', async () => {
  const fields = 'level { id name description index }';
  const made = await mutate(admin, 'createLevel', { name: ' E ', description: 'Best.' }, fields);
  expect(made).toEqual({
    level: { id: expect.stringMatching(/^lvl_/), name: 'E', description: 'Best.', index: 4 },
    errors: [],
  });
  const node = 'query ($id: ID!) { node(id: $id) { id ... on Level { name description index } } }';
  expect(await ask(people.read, node, { id: made.level.id })).toEqual({ node: made.level });
  expect(await mutate(people.user, 'createLevel', { name: 'F' })).toEqual({ refused: 'NO_GRANT' });
  expect(await order()).toBe('A B C D E');
});

describe('a new level', () => {
  test.each([
    [undefined, 'A B C D new'],
    [null, 'A B C D new'],
    [0, 'new A B C D'],
    [2, 'A B new C D'],
    [4, 'A B C D new'],
  ])('at index %s: %s', async (index, expected) => {
    expect(await mutate(admin, 'createLevel', { name: 'new', index })).toEqual({ errors: [] });
    expect(await order()).toBe(expected);
  });

  test.each([-1, 5, 2_147_483_647, -2_147_483_648])('at index %i would leave a gap', async (index) => {
    expect(await mutate(admin, 'createLevel', { name: 'new', index })).toEqual(place);
    expect(await order()).toBe('A B C D');
  });
});

describe('a level moves', () => {
  test.each([
    ['A', 0, 'A B C D'],
    ['A', 1, 'B A C D'],
    ['A', 3, 'B C D A'],
    ['B', 2, 'A C B D'],
    ['C', 1, 'A C B D'],
    ['D', 0, 'D A B C'],
    ['D', 3, 'A B C D'],
  ])('%s to %i: %s', async (name, index, expected) => {
    expect(await mutate(admin, 'updateLevel', { level: { id: ids[name] }, index }, 'level { name index }')).toEqual({
      level: { name, index },
      errors: [],
    });
    expect(await order()).toBe(expected);
  });

  test.each([-1, 4, 2_147_483_647, -2_147_483_648])('not to %i, and keeps its name then', async (index) => {
    expect(await mutate(admin, 'updateLevel', { level: { id: ids['B'] }, index, name: 'moved' })).toEqual(place);
    expect(await order()).toBe('A B C D');
  });

  test('and is renamed in one go', async () => {
    const change = { index: 1, name: 'moved', description: 'Here now.' };
    expect(
      await mutate(admin, 'updateLevel', { level: { id: ids['D'] }, ...change }, 'level { id index name description }'),
    ).toEqual({
      level: { id: ids['D'], ...change },
      errors: [],
    });
    expect(await order()).toBe('A moved B C');
  });

  test('not with a name that another has, and then nothing moves', async () => {
    const change = { level: { id: ids['D'] }, index: 0, name: 'b' };
    expect(await mutate(admin, 'updateLevel', change)).toEqual({ errors: [{ code: 'TAKEN', path: ['name'] }] });
    expect(await order()).toBe('A B C D');
  });

  test('not for a User', async () => {
    expect(await mutate(people.user, 'updateLevel', { level: { id: ids['D'] }, index: 0 })).toEqual({
      refused: 'NO_GRANT',
    });
    expect(await order()).toBe('A B C D');
  });
});

test.each([
  ['A', 'B C D'],
  ['B', 'A C D'],
  ['D', 'A B C'],
])('deleting %s closes the gap: %s', async (name, expected) => {
  expect(await mutate(admin, 'deleteLevel', { level: { id: ids[name] } }, 'deletedId')).toEqual({
    deletedId: ids[name],
    errors: [],
  });
  expect(await order()).toBe(expected);
});

test('a name is unique whatever its case', async () => {
  expect(await mutate(admin, 'createLevel', { name: 'a', index: 0 }, 'level { id }')).toEqual({
    level: null,
    errors: [{ code: 'TAKEN', path: ['name'] }],
  });
  expect(await order()).toBe('A B C D');
});

test('levels that are made, moved and deleted at once are all there, and in one order', async () => {
  for (let round = 0; round < 5; round += 1) {
    const answers = await Promise.all([
      mutate(admin, 'createLevel', { name: `low ${round}`, index: 0 }),
      mutate(admin, 'updateLevel', { level: { id: ids['A'] }, index: 3 }),
      mutate(admin, 'createLevel', { name: `doomed ${round}`, index: 1 }, 'level { id }').then(({ level }) =>
        mutate(admin, 'deleteLevel', { level: { id: level.id } }),
      ),
      mutate(admin, 'updateLevel', { level: { id: ids['D'] }, index: 0 }),
      mutate(admin, 'createLevel', { name: `top ${round}` }),
      mutate(admin, 'updateLevel', { level: { id: ids['B'] }, index: 2 }),
    ]);
    expect(answers).toEqual(answers.map(() => ({ errors: [] })));
  }
  const made = [0, 1, 2, 3, 4].flatMap((round) => [`low ${round}`, `top ${round}`]);
  await order();
  expect(Object.keys(ids).sort()).toEqual(['A', 'B', 'C', 'D', ...made].sort());
});
