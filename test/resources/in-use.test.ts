import { describe, expect, test } from 'vitest';
import { decodeId } from '../../src/lib/ids.ts';
import { startApi } from '../support/api.ts';
import { createFixtures, ordinaryInput } from '../support/fixtures.ts';
import {
  createMutationOf,
  hasInputField,
  inputFields,
  mutationNamed,
  nodeTypes,
  outputOf,
  referenceOf,
  resultOf,
  targetOf,
  toInput,
} from '../support/introspect.ts';
import type { Input } from '../support/resource.ts';
import { RESOURCES } from '../support/resources.ts';
import { tableOf } from '../support/rows.ts';
import { sample } from '../support/sample.ts';
import { long } from '../support/size.ts';
import { createOrganization, duringChange, membersOfEachRole, mutate, queryData } from '../support/world.ts';

/** Every reference that prevents a deletion, according to the foreign keys of the database. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);
const fixtures = createFixtures(api, acme);

interface Reference {
  /** The referenced type and its table. */
  type: string;
  table: string;
  /** The referring type, and the field of its input. */
  user: string;
  userTable: string;
  field: string;
}

/** Types that are not used by the referring objects: a role is in use by its members. */
const EXCEPTIONS = ['Role'];

/** References that a deletion sets to null. `member-removal.test.ts` tests them. */
const CLEARED = ['checks.owner_id', 'teams.manager_id'];

/** References of objects that are deleted with the referenced one. `scorecard-deletion.test.ts` tests them. */
const CONTAINED = ['categories.scorecard_id'];

const uuidOf = (id: string): string => decodeId(id)?.uuid ?? '';

const camelCase = (column: string): string => column.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

async function referencesOf(): Promise<Reference[]> {
  const keys = await api.root`
    select f.conrelid::regclass::text as user, f.confrelid::regclass::text as table, a.attname::text as column
    from pg_constraint f join pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[2]
    where f.contype = 'f' and f.confdeltype in ('a', 'r')`;
  const tables = new Map<string, string>();
  const made = nodeTypes.filter((type) => RESOURCES[type]?.create && mutationNamed(`delete${type}`));
  for (const type of made) tables.set(type, await tableOf(api, uuidOf(await fixtures.one(type))));
  const typesIn = (table: string): string[] => made.filter((type) => tables.get(type) === table);
  const clears = (key: { user?: string; column?: string }) => CLEARED.includes(`${key.user}.${key.column}`);
  expect(keys.filter(clears)).toHaveLength(CLEARED.length);
  const isContained = (key: { user?: string; column?: string }) => CONTAINED.includes(`${key.user}.${key.column}`);
  expect(keys.filter(isContained)).toHaveLength(CONTAINED.length);
  const restricting = keys.filter((key) => !clears(key) && !isContained(key));
  return restricting.flatMap(({ user: userTable, table, column }) =>
    typesIn(table).flatMap((type) =>
      typesIn(userTable)
        .filter((user) => referenceOf(createMutationOf(user), camelCase(column)) && !EXCEPTIONS.includes(type))
        .map((user) => ({ type, table, user, userTable, field: camelCase(column) })),
    ),
  );
}

const references = await referencesOf();
const title = ({ type, user, field }: Reference): string => `a ${type} that a ${user} refers to by ${field}`;

test('the schema has references to test', () => {
  expect(references.map(title)).toContain('a Category that a Check refers to by categoryId');
});

const create = (type: string): Promise<string> => fixtures.make(type);
const isThere = async (id: string): Promise<boolean> =>
  (await queryData(people.owner, 'query ($id: ID!) { node(id: $id) { id } }', { id })).node !== null;
const remove = (id: string, type: string, results = 'deletedId') =>
  mutate(people.admin, `delete${type}`, toInput(`delete${type}`, { id }), results);

describe.each(references.map((each) => [title(each), each] as const))('%s', (_title, reference) => {
  const { type, user, field } = reference;
  const shown = outputOf(
    user,
    inputFields(createMutationOf(user)).find(
      ({ name }) => name === referenceOf(createMutationOf(user), field),
    ) as never,
  );
  const hasName = hasInputField(createMutationOf(user), 'name');
  const used = `deletedId errors { code path message usedBy { __typename id ... on ${user} { ${hasName ? 'name' : ''} ${shown.selection} } } }`;
  const refer = (id: string, more: Input = {}): Promise<string> => fixtures.make(user, { [field]: id, ...more });

  test('can be deleted while no object refers to it', async () => {
    const id = await create(type);
    expect(await remove(id, type)).toEqual({ deletedId: id, errors: [] });
    expect(await isThere(id)).toBe(false);
  });

  test('cannot be deleted while it is in use, and the error lists the objects that refer to it', async () => {
    const id = await create(type);
    const [alpha, beta] = ['Alpha', 'Beta'].map((name) => fixtures.unique(name));
    const b = await refer(id, hasName ? { name: beta } : {});
    const a = await refer(id, hasName ? { name: alpha } : {});
    const { deletedId, errors } = await remove(id, type, used);
    expect(deletedId).toBeNull();
    expect(errors).toMatchObject([{ code: 'IN_USE', path: [targetOf(`delete${type}`)] }]);
    const [{ message, usedBy }] = errors;
    expect(message).toMatch(/^2 .+ use this/);
    if (hasName) expect(message).toContain(`“${alpha}”, “${beta}”`);
    expect(JSON.stringify(usedBy.map(shown.read)).split(id)).toHaveLength(3);
    const listed = usedBy.map((each: Input) => [each['__typename'], each['id'], each['name']]);
    expect(hasName ? listed : listed.sort()).toEqual(
      hasName
        ? [
            [user, a, alpha],
            [user, b, beta],
          ]
        : [a, b].sort().map((each) => [user, each, undefined]),
    );
    expect(await isThere(id)).toBe(true);
  });

  test('can be deleted after the referring objects are moved or deleted', async () => {
    const [id, other] = [await create(type), await create(type)];
    const update = `update${user}`;
    const isMoved = referenceOf(update, field);
    const [moved, deleted] = [isMoved ? await refer(id) : undefined, await refer(id)];
    if (moved)
      expect((await mutate(people.admin, update, toInput(update, { id: moved, [field]: other }))).errors).toEqual([]);
    expect((await remove(id, type)).errors).toEqual([{ code: 'IN_USE', path: [targetOf(`delete${type}`)] }]);
    expect((await remove(deleted, user)).errors).toEqual([]);
    expect(await remove(id, type)).toEqual({ deletedId: id, errors: [] });
  });

  test('does not show the referring objects to a Read member', async () => {
    const id = await create(type);
    await refer(id);
    expect(await mutate(people.read, `delete${type}`, toInput(`delete${type}`, { id }), used)).toEqual({
      refused: 'NO_GRANT',
    });
  });
});

const hard = sample(references, 3, 'in use');

describe.each(hard.map((each) => [title(each), each] as const))('%s', (_title, reference) => {
  const { type, table, user, userTable, field } = reference;
  const refer = (id: string, more: Input = {}): Promise<string> => fixtures.make(user, { [field]: id, ...more });

  test('with more than a hundred references returns a hundred and the total count', async () => {
    const id = await create(type);
    const one = uuidOf(await refer(id));
    const takesField = (name: string): boolean => hasInputField(createMutationOf(user), name);
    const names = ['name', 'alias', 'slug', 'key'].filter(takesField);
    const changed = names.map((name) => `'${name}', t.${name} || '-' || n`);
    if (takesField('index')) changed.push(`'index', t.index + 1000 + n`);
    await api.root.unsafe(`
      insert into ${userTable} select (jsonb_populate_record(null::${userTable},
        to_jsonb(t) || jsonb_build_object(${["'id'", 'gen_random_uuid()', ...changed].join(', ')}))).*
      from ${userTable} t, generate_series(1, 100) n where t.id = '${one}'`);
    const { errors } = await remove(id, type, 'errors { message usedBy { id } }');
    expect(errors[0].message).toContain('101 ');
    expect(new Set(errors[0].usedBy.map((each: { id: string }) => each.id)).size).toBe(100);
  });

  test('cannot be referred to while it is being deleted', async () => {
    const id = await create(type);
    const input = toInput(createMutationOf(user), { ...(await ordinaryInput(fixtures, user)), [field]: id });
    const result = resultOf(createMutationOf(user));
    const answer = await duringChange(
      api,
      (sql) => sql`delete from ${sql(table)} where id = ${uuidOf(id)}`,
      () => mutate(people.admin, createMutationOf(user), input, `${result} { id }`),
    );
    expect(answer).toEqual({
      [result]: null,
      errors: [{ code: 'NOT_FOUND', path: [referenceOf(createMutationOf(user), field)] }],
    });
  });

  test('is either deleted or referred to after concurrent requests', async () => {
    for (let round = 0; round < (long ? 25 : 8); round += 1) {
      const id = await create(type);
      const input = toInput(createMutationOf(user), { ...(await ordinaryInput(fixtures, user)), [field]: id });
      const [removed, made] = await Promise.all([
        remove(id, type),
        mutate(people.admin, createMutationOf(user), input),
      ]);
      const outcome = [removed, made].map(({ errors, refused }) => refused ?? errors[0]?.code ?? 'done').join(' ');
      expect(['done NOT_FOUND', 'IN_USE done']).toContain(outcome);
      expect(await isThere(id)).toBe(outcome === 'IN_USE done');
    }
  });
});
