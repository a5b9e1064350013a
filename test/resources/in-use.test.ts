import { describe, expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import { ask, cast, checkOf, duringChange, found, mutate, rubricOf } from '../support/world.ts';

const api = await startApi();
const people = await cast(api, await found(api, 'acme'));
const rubric = await rubricOf(people.owner);

const USED = 'deletedId errors { message usedBy { __typename id ... on Check { name category { name } } } }';

const CASES = [
  { what: 'category', remove: 'deleteCategory', make: 'createCategory', table: 'categories' },
  { what: 'level', remove: 'deleteLevel', make: 'createLevel', table: 'levels' },
] as const;

let last = 0;

describe.each(CASES)('a $what', ({ what, remove, make, table }) => {
  /** A new one, with its id. */
  async function fresh(): Promise<string> {
    last += 1;
    const made = await mutate(people.admin, make, { name: `${what} ${last}` }, `${what} { id }`);
    return made[what].id;
  }
  const still = async (id: string): Promise<boolean> =>
    (await ask(people.read, 'query ($id: ID!) { node(id: $id) { id } }', { id })).node !== null;

  test('that no check uses is deleted', async () => {
    const id = await fresh();
    expect(await mutate(people.admin, remove, { [what]: { id } }, 'deletedId')).toEqual({ deletedId: id, errors: [] });
    expect(await still(id)).toBe(false);
  });

  test('in use stays, and the answer lists the checks by name', async () => {
    const id = await fresh();
    const [b, a] = [
      await checkOf(people.admin, rubric, {
        name: 'Beta',
        category: { id: rubric.categories['Security'] },
        [what]: { id },
      }),
      await checkOf(people.admin, rubric, {
        name: 'Alpha',
        category: { id: rubric.categories['Security'] },
        [what]: { id },
      }),
    ];
    const category = { name: what === 'category' ? `category ${last}` : 'Security' };
    expect(await mutate(people.admin, remove, { [what]: { id } }, USED)).toEqual({
      deletedId: null,
      errors: [
        {
          code: 'IN_USE',
          path: [what],
          message: expect.stringMatching(/^2 checks use this .+“Alpha”, “Beta”/),
          usedBy: [
            { __typename: 'Check', id: a, name: 'Alpha', category },
            { __typename: 'Check', id: b, name: 'Beta', category },
          ],
        },
      ],
    });
    expect(await still(id)).toBe(true);
  });

  test('can be deleted once its checks are moved or deleted', async () => {
    const [id, other] = [await fresh(), await fresh()];
    const moved = await checkOf(people.admin, rubric, { [what]: { id } });
    const deleted = await checkOf(people.admin, rubric, { [what]: { id } });
    await mutate(people.admin, 'updateCheck', { check: { id: moved }, [what]: { id: other } });
    expect((await mutate(people.admin, remove, { [what]: { id } })).errors).toEqual([{ code: 'IN_USE', path: [what] }]);
    await mutate(people.admin, 'deleteCheck', { check: { id: deleted } });
    expect(await mutate(people.admin, remove, { [what]: { id } })).toEqual({ errors: [] });
  });

  test('in much use lists a hundred, and says how many there are', async () => {
    const id = await fresh();
    await checkOf(people.admin, rubric, { name: 'Many', [what]: { id } });
    await api.root`
      insert into checks (organization_id, id, name, type, category_id, level_id, enabled)
      select organization_id, gen_random_uuid(), name, type, category_id, level_id, enabled
      from checks, generate_series(1, 100) where name = 'Many'`;
    const { errors } = await mutate(people.admin, remove, { [what]: { id } }, 'errors { message usedBy { id } }');
    expect(errors[0].message).toContain('101 checks');
    expect(new Set(errors[0].usedBy.map((check: { id: string }) => check.id)).size).toBe(100);
    await api.root`delete from checks where name = 'Many'`;
  });

  test('tells a User nothing of its checks', async () => {
    const id = await fresh();
    await checkOf(people.admin, rubric, { [what]: { id } });
    expect(await mutate(people.user, remove, { [what]: { id } }, USED)).toEqual({ refused: 'NO_GRANT' });
  });

  test('that is being deleted takes no check any more', async () => {
    const id = await fresh();
    const name = `${what} ${last}`;
    const answer = await duringChange(
      api,
      (sql) => sql`delete from ${sql(table)} where name = ${name}`,
      () => mutate(people.admin, 'createCheck', { name: 'Late', ...rest(what, id) }, 'check { id }'),
    );
    expect(answer).toEqual({ check: null, errors: [{ code: 'NOT_FOUND', path: [what] }] });
  });

  test('is either deleted or gets the check, when both happen at once', async () => {
    for (let round = 0; round < 25; round += 1) {
      const id = await fresh();
      const [removed, made] = await Promise.all([
        mutate(people.admin, remove, { [what]: { id } }),
        mutate(people.admin, 'createCheck', { name: 'Race', ...rest(what, id) }),
      ]);
      const outcome = [removed, made].map(({ errors, refused }) => refused ?? errors[0]?.code ?? 'done').join(' ');
      expect(['done NOT_FOUND', 'IN_USE done']).toContain(outcome);
      expect(await still(id)).toBe(outcome === 'IN_USE done');
    }
  });
});

/** Where the check goes: into the one in question, and otherwise somewhere that stays. */
function rest(what: 'category' | 'level', id: string): object {
  return { category: { id: rubric.categories['Security'] }, level: { id: rubric.levels['Bronze'] }, [what]: { id } };
}
