import { type GraphQLInputField, type GraphQLInputObjectType, getNamedType, isNonNullType } from 'graphql';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Json } from '../support/api.ts';
import { startApi } from '../support/api.ts';
import { cast, checkOf, found, join, mutate, roleId, rubricOf, schemaOf } from '../support/world.ts';

const api = await startApi();
const acme = await found(api, 'acme');
const { owner } = await cast(api, acme);
const rubric = await rubricOf(owner);
const [first, second] = [await join(api, acme, 'user', 'first'), await join(api, acme, 'user', 'second')];

interface Update {
  /** What the payload calls the object. */
  object: string;
  /** Its id; none where there is but one. */
  id?: string | undefined;
  /** Every optional field of the input with two values. */
  fields: Record<string, [value: unknown, other: unknown]>;
  /** What a field takes along when it changes, because its description says so. */
  along?: Record<string, string[]>;
}

const check = await checkOf(owner, rubric);

/** One line for each `update…` mutation: the first test fails for one that has none. */
const UPDATES: Record<string, Update> = {
  updateOrganization: {
    object: 'organization',
    id: acme.id,
    fields: { name: ['Acme', 'Acme & Co'], slug: ['acme', 'acme-co'] },
  },
  updateMember: {
    object: 'member',
    id: first.memberId,
    fields: { roleId: [roleId('user'), roleId('write')] },
  },
  updateRubric: {
    object: 'rubric',
    fields: { name: ['Maturity', 'Quality'], description: ['To be mature.', 'To be good.'] },
  },
  updateCategory: {
    object: 'category',
    id: rubric.categories['Reliability'],
    fields: { name: ['Cost', 'Costs'], description: ['Money.', 'Money and time.'] },
  },
  updateLevel: {
    object: 'level',
    id: rubric.levels['Silver'],
    fields: { name: ['Platinum', 'Titanium'], description: ['Shines.', 'Shines and lasts.'], index: [1, 0] },
  },
  updateCheck: {
    object: 'check',
    id: check,
    fields: {
      name: ['Logs', 'Traces'],
      notes: ['Kept.', 'Read.'],
      categoryId: [rubric.categories['Security'], rubric.categories['Ownership']],
      levelId: [rubric.levels['Bronze'], rubric.levels['Gold']],
      ownerId: [first.memberId, second.memberId],
      enabled: [false, true],
      enableOn: ['2999-01-01T00:00:00.000Z', '2999-02-02T00:00:00.000Z'],
    },
    along: { enabled: ['enableOn'], enableOn: ['enabled'] },
  },
};

const mutations = Object.values((await schemaOf(owner)).getMutationType()?.getFields() ?? {});
const updates = mutations.filter(({ name }) => name.startsWith('update'));

const optionalOf = (name: string): GraphQLInputField[] => {
  const input = updates.find((mutation) => mutation.name === name)?.args.find((arg) => arg.name === 'input');
  const fields = Object.values((getNamedType(input?.type) as GraphQLInputObjectType).getFields());
  return fields.filter(({ type }) => !isNonNullType(type));
};

const clears = ({ description }: GraphQLInputField): boolean => /\bnull clears it\b/i.test(description ?? '');
const stays = ({ description }: GraphQLInputField): boolean => /\bcannot be cleared\b/i.test(description ?? '');

/** `ownerId` of the input is `owner { id }` of the object. */
const selected = (field: string): string => (field.endsWith('Id') ? `${field.slice(0, -2)} { id }` : field);
const valueIn = (object: Json, field: string): unknown =>
  field.endsWith('Id') ? (object[field.slice(0, -2)]?.id ?? null) : object[field];

test('every update mutation and each of its optional fields is tried here', () => {
  const listed = Object.entries(UPDATES).map(([name, { fields }]) => [name, Object.keys(fields).sort()]);
  expect(listed.sort()).toEqual(
    updates
      .map(({ name }) => [
        name,
        optionalOf(name)
          .map((field) => field.name)
          .sort(),
      ])
      .sort(),
  );
});

describe.each(Object.entries(UPDATES))('%s', (mutation, { object, id, fields, along = {} }) => {
  const names = Object.keys(fields);
  const results = `${object} { ${names.map(selected).join(' ')} }`;
  const full = Object.fromEntries(names.map((name) => [name, fields[name]?.[0]]));
  const others = Object.fromEntries(names.map((name) => [name, fields[name]?.[1]]));

  /** Sends the changes and gives the values of all fields, or the errors. */
  async function update(changes: object): Promise<Json> {
    const answer = await mutate(owner, mutation, { ...(id && { id }), ...changes }, results);
    if (answer.refused) throw new Error(`${mutation} was refused: ${answer.refused}`);
    if (answer.errors.length > 0) return answer.errors;
    return Object.fromEntries(names.map((name) => [name, valueIn(answer[object], name)]));
  }

  beforeEach(async () => {
    expect(await update(full)).toEqual(full);
  });

  test('without a field changes nothing', async () => {
    expect(await update({})).toEqual(full);
  });

  describe.each(optionalOf(mutation).map((field) => [field.name, field] as const))('%s', (name, field) => {
    const without = (values: object): object => {
      const moved = [name, ...(along[name] ?? [])];
      return Object.fromEntries(Object.entries(values).filter(([each]) => !moved.includes(each)));
    };

    test('alone is changed, and what is omitted stays', async () => {
      const changed = await update({ [name]: others[name] });
      expect(changed[name]).toBe(others[name]);
      expect(without(changed)).toEqual(without(full));
    });

    test('says in its description what null does', () => {
      expect(clears(field)).toBe(!stays(field));
    });

    if (clears(field))
      test('is cleared by null, and what is omitted stays', async () => {
        const cleared = await update({ [name]: null });
        expect(cleared[name]).toBeNull();
        expect(without(cleared)).toEqual(without(full));
      });

    if (stays(field))
      test('refuses null, and then nothing is changed', async () => {
        expect(await update({ [name]: null })).toEqual([{ code: 'REQUIRED', path: [name] }]);
        expect(await update({ ...others, [name]: null })).toContainEqual({ code: 'REQUIRED', path: [name] });
        expect(await update({})).toEqual(full);
      });
  });
});
