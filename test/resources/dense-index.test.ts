import { beforeEach, describe, expect, test } from 'vitest';
import type { Json } from '../support/api.ts';
import { startApi } from '../support/api.ts';
import { sample } from '../support/sample.ts';
import { createOrganization, membersOfEachRole, mutate, queryData } from '../support/world.ts';

const api = await startApi();
const people = await membersOfEachRole(api, await createOrganization(api, 'acme'));
const { admin } = people;

const RESOURCES = [
  { type: 'Level', field: 'level', plural: 'levels', prefix: 'lvl' },
  { type: 'Tier', field: 'tier', plural: 'tiers', prefix: 'tie' },
  { type: 'Lifecycle', field: 'lifecycle', plural: 'lifecycles', prefix: 'lif' },
] as const;

describe.each(RESOURCES)('the positions of $plural', ({ type, field, plural, prefix }) => {
  /** The first resource has all cases. They share the code, so the others have a few each, except in a long run. */
  const few = <T>(cases: readonly T[], what: string): T[] =>
    type === RESOURCES[0].type ? [...cases] : sample(cases, 1, type + what);

  let ids: Record<string, string> = {};

  /** The names by index. Throws if the indexes are not 0, 1, 2 … */
  async function order(): Promise<string> {
    const { nodes } = (await queryData(people.read, `{ ${plural} { nodes { id name index } } }`))[plural];
    expect(nodes.map(({ index }: Json) => index)).toEqual(nodes.map((_: Json, at: number) => at));
    ids = Object.fromEntries(nodes.map(({ id, name }: Json) => [name, id]));
    return nodes.map(({ name }: Json) => name).join(' ');
  }

  const place = { errors: [{ code: 'INVALID', path: ['index'] }] };

  beforeEach(async () => {
    await order();
    for (const id of Object.values(ids)) await mutate(admin, `delete${type}`, { [field]: { id } });
    for (const name of ['A', 'B', 'C', 'D']) await mutate(admin, `create${type}`, { name });
    expect(await order()).toBe('A B C D');
  });

  test('an Admin creates an object, every member can read it by ID, and a User cannot create one', async () => {
    const fields = `${field} { id name description index }`;
    const made = await mutate(admin, `create${type}`, { name: ' E ', description: 'Best.' }, fields);
    expect(made).toEqual({
      [field]: { id: expect.stringMatching(new RegExp(`^${prefix}_`)), name: 'E', description: 'Best.', index: 4 },
      errors: [],
    });
    const node = `query ($id: ID!) { node(id: $id) { id ... on ${type} { name description index } } }`;
    expect(await queryData(people.read, node, { id: made[field].id })).toEqual({ node: made[field] });
    expect(await mutate(people.user, `create${type}`, { name: 'F' })).toEqual({ refused: 'NO_GRANT' });
    expect(await order()).toBe('A B C D E');
  });

  describe('a new object', () => {
    test.each(
      few<[number | null | undefined, string]>(
        [
          [undefined, 'A B C D new'],
          [null, 'A B C D new'],
          [0, 'new A B C D'],
          [2, 'A B new C D'],
          [4, 'A B C D new'],
        ],
        'created',
      ),
    )('is inserted at index %s: %s', async (index, expected) => {
      expect(await mutate(admin, `create${type}`, { name: 'new', index })).toEqual({ errors: [] });
      expect(await order()).toBe(expected);
    });

    test.each(few([-1, 5, 2_147_483_647, -2_147_483_648], 'not created'))(
      'is rejected at index %i, which would leave a gap',
      async (index) => {
        expect(await mutate(admin, `create${type}`, { name: 'new', index })).toEqual(place);
        expect(await order()).toBe('A B C D');
      },
    );
  });

  describe('an update of the index', () => {
    test.each(
      few<[string, number, string]>(
        [
          ['A', 0, 'A B C D'],
          ['A', 1, 'B A C D'],
          ['A', 3, 'B C D A'],
          ['B', 2, 'A C B D'],
          ['C', 1, 'A C B D'],
          ['D', 0, 'D A B C'],
          ['D', 3, 'A B C D'],
        ],
        'moved',
      ),
    )('moves %s to %i: %s', async (name, index, expected) => {
      expect(
        await mutate(admin, `update${type}`, { [field]: { id: ids[name] }, index }, `${field} { name index }`),
      ).toEqual({
        [field]: { name, index },
        errors: [],
      });
      expect(await order()).toBe(expected);
    });

    test.each(few([-1, 4, 2_147_483_647, -2_147_483_648], 'not moved'))(
      'to %i is rejected, and the name does not change either',
      async (index) => {
        expect(await mutate(admin, `update${type}`, { [field]: { id: ids['B'] }, index, name: 'moved' })).toEqual(
          place,
        );
        expect(await order()).toBe('A B C D');
      },
    );

    test('can also change the name', async () => {
      const change = { index: 1, name: 'moved', description: 'Here now.' };
      expect(
        await mutate(
          admin,
          `update${type}`,
          { [field]: { id: ids['D'] }, ...change },
          `${field} { id index name description }`,
        ),
      ).toEqual({
        [field]: { id: ids['D'], ...change },
        errors: [],
      });
      expect(await order()).toBe('A moved B C');
    });

    test('with a name in use is rejected, and no object moves', async () => {
      const change = { [field]: { id: ids['D'] }, index: 0, name: 'b' };
      expect(await mutate(admin, `update${type}`, change)).toEqual({ errors: [{ code: 'TAKEN', path: ['name'] }] });
      expect(await order()).toBe('A B C D');
    });

    test('is refused for a User', async () => {
      expect(await mutate(people.user, `update${type}`, { [field]: { id: ids['D'] }, index: 0 })).toEqual({
        refused: 'NO_GRANT',
      });
      expect(await order()).toBe('A B C D');
    });
  });

  test.each(
    few<[string, string]>(
      [
        ['A', 'B C D'],
        ['B', 'A C D'],
        ['D', 'A B C'],
      ],
      'deleted',
    ),
  )('deleting %s closes the gap: %s', async (name, expected) => {
    expect(await mutate(admin, `delete${type}`, { [field]: { id: ids[name] } }, 'deletedId')).toEqual({
      deletedId: ids[name],
      errors: [],
    });
    expect(await order()).toBe(expected);
  });

  test('a name is unique, ignoring case', async () => {
    expect(await mutate(admin, `create${type}`, { name: 'a', index: 0 }, `${field} { id }`)).toEqual({
      [field]: null,
      errors: [{ code: 'TAKEN', path: ['name'] }],
    });
    expect(await order()).toBe('A B C D');
  });

  test('concurrent creates, moves and deletes leave dense indexes', async () => {
    for (let round = 0; round < 5; round += 1) {
      const answers = await Promise.all([
        mutate(admin, `create${type}`, { name: `low ${round}`, index: 0 }),
        mutate(admin, `update${type}`, { [field]: { id: ids['A'] }, index: 3 }),
        mutate(admin, `create${type}`, { name: `doomed ${round}`, index: 1 }, `${field} { id }`).then(
          ({ [field]: level }) => mutate(admin, `delete${type}`, { [field]: { id: level.id } }),
        ),
        mutate(admin, `update${type}`, { [field]: { id: ids['D'] }, index: 0 }),
        mutate(admin, `create${type}`, { name: `top ${round}` }),
        mutate(admin, `update${type}`, { [field]: { id: ids['B'] }, index: 2 }),
      ]);
      expect(answers).toEqual(answers.map(() => ({ errors: [] })));
    }
    const made = [0, 1, 2, 3, 4].flatMap((round) => [`low ${round}`, `top ${round}`]);
    await order();
    expect(Object.keys(ids).sort()).toEqual(['A', 'B', 'C', 'D', ...made].sort());
  });
});
