import { describe, expect, test } from 'vitest';
import { decodeId } from '../../src/lib/ids.ts';
import { startApi } from '../support/api.ts';
import { baseOf, createFixtures } from '../support/fixtures.ts';
import {
  createMutationOf,
  formed,
  inputFields,
  mutationNamed,
  nodeTypes,
  referenceOf,
  resultOf,
  shownBy,
  takes,
  targetOf,
} from '../support/introspect.ts';
import type { Input } from '../support/resource.ts';
import { RESOURCES } from '../support/resources.ts';
import { tableOf } from '../support/rows.ts';
import { sample } from '../support/sample.ts';
import { long } from '../support/size.ts';
import { ask, cast, duringChange, found, mutate } from '../support/world.ts';

/** Every reference that keeps an object from being deleted, as the foreign keys of the database say. */
const api = await startApi();
const acme = await found(api, 'acme');
const people = await cast(api, acme);
const fixtures = createFixtures(api, acme);

interface Reference {
  /** What is referred to, and its table. */
  type: string;
  table: string;
  /** What refers to it, with this field of its input. */
  user: string;
  userTable: string;
  field: string;
}

/** Types whose users are not the objects that refer to them: a role is in use by who has it. */
const APART = ['Role'];

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
  return keys.flatMap(({ user: userTable, table, column }) =>
    typesIn(table).flatMap((type) =>
      typesIn(userTable)
        .filter((user) => referenceOf(createMutationOf(user), camelCase(column)) && !APART.includes(type))
        .map((user) => ({ type, table, user, userTable, field: camelCase(column) })),
    ),
  );
}

const references = await referencesOf();
const title = ({ type, user, field }: Reference): string => `a ${type} that a ${user} refers to by ${field}`;

test('there are references to try', () => {
  expect(references.map(title)).toContain('a Category that a Check refers to by categoryId');
});

const fresh = (type: string): Promise<string> => fixtures.make(type);
const isThere = async (id: string): Promise<boolean> =>
  (await ask(people.owner, 'query ($id: ID!) { node(id: $id) { id } }', { id })).node !== null;
const remove = (id: string, type: string, results = 'deletedId') =>
  mutate(people.admin, `delete${type}`, formed(`delete${type}`, { id }), results);

describe.each(references.map((each) => [title(each), each] as const))('%s', (_title, reference) => {
  const { type, user, field } = reference;
  const shown = shownBy(
    user,
    inputFields(createMutationOf(user)).find(
      ({ name }) => name === referenceOf(createMutationOf(user), field),
    ) as never,
  );
  const hasName = takes(createMutationOf(user), 'name');
  const used = `deletedId errors { code path message usedBy { __typename id ... on ${user} { ${hasName ? 'name' : ''} ${shown.selection} } } }`;
  const refer = (id: string, more: Input = {}): Promise<string> => fixtures.make(user, { [field]: id, ...more });

  test('is deleted while nothing refers to it', async () => {
    const id = await fresh(type);
    expect(await remove(id, type)).toEqual({ deletedId: id, errors: [] });
    expect(await isThere(id)).toBe(false);
  });

  test('stays while it is in use, and the answer lists what refers to it', async () => {
    const id = await fresh(type);
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

  test('can be deleted once what refers to it is moved or deleted', async () => {
    const [id, other] = [await fresh(type), await fresh(type)];
    const update = `update${user}`;
    const isMoved = referenceOf(update, field);
    const [moved, deleted] = [isMoved ? await refer(id) : undefined, await refer(id)];
    if (moved)
      expect((await mutate(people.admin, update, formed(update, { id: moved, [field]: other }))).errors).toEqual([]);
    expect((await remove(id, type)).errors).toEqual([{ code: 'IN_USE', path: [targetOf(`delete${type}`)] }]);
    expect((await remove(deleted, user)).errors).toEqual([]);
    expect(await remove(id, type)).toEqual({ deletedId: id, errors: [] });
  });

  test('tells a Read member nothing of what refers to it', async () => {
    const id = await fresh(type);
    await refer(id);
    expect(await mutate(people.read, `delete${type}`, formed(`delete${type}`, { id }), used)).toEqual({
      refused: 'NO_GRANT',
    });
  });
});

const hard = sample(references, 3, 'in use');

describe.each(hard.map((each) => [title(each), each] as const))('%s', (_title, reference) => {
  const { type, table, user, userTable, field } = reference;
  const refer = (id: string, more: Input = {}): Promise<string> => fixtures.make(user, { [field]: id, ...more });

  test('in much use lists a hundred, and says how many there are', async () => {
    const id = await fresh(type);
    const one = uuidOf(await refer(id));
    const takesField = (name: string): boolean => takes(createMutationOf(user), name);
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

  test('that is being deleted takes no more references', async () => {
    const id = await fresh(type);
    const input = formed(createMutationOf(user), { ...(await baseOf(fixtures, user)), [field]: id });
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

  test('is either deleted or referred to, when both happen at once', async () => {
    for (let round = 0; round < (long ? 25 : 8); round += 1) {
      const id = await fresh(type);
      const input = formed(createMutationOf(user), { ...(await baseOf(fixtures, user)), [field]: id });
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
