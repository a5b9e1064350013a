import { type GraphQLInputField, isNonNullType } from 'graphql';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Json, startApi } from '../support/api.ts';
import { createFixtures, resourceOf } from '../support/fixtures.ts';
import {
  hasInputField,
  inputFields,
  mutations,
  outputOf,
  resultOf,
  targetOf,
  toInput,
  verbAndType,
} from '../support/introspect.ts';
import type { Input } from '../support/resource.ts';
import { createOrganization, mutate, queryData, roleId } from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const fixtures = createFixtures(api, acme);

interface Update {
  mutation: string;
  type: string;
  /** The field of the payload with the object. */
  object: string;
  /** The ID of the object; none for a singleton. */
  id?: string;
  /** Two values of every optional field. */
  values: [Input, Input];
}

/** Input fields that are not values of the object, or that exclude another one. Other tests cover them. */
const EXCLUDED = ['dryRun', 'noAccess', 'preset', 'roleExpiresAt', 'fallbackRoleId'];

/** `addTags` and `removeTags` edit a list. */
const isEdit = (name: string): boolean => /^(add|remove)[A-Z]/.test(name);

/** Optional fields of a mutation. */
const optionalOf = (mutation: string): GraphQLInputField[] =>
  inputFields(mutation).filter(
    ({ type, name, description }) =>
      !isNonNullType(type) &&
      !EXCLUDED.includes(name) &&
      !isEdit(name) &&
      !/\brequired unless\b/i.test(description ?? ''),
  );

async function updateOf(mutation: string, type: string): Promise<Update> {
  const [one, other] = (await resourceOf(type).updates?.(fixtures)) ?? [{}, {}];
  const only = (values: Input): Input => {
    const given = toInput(mutation, values);
    return Object.fromEntries(optionalOf(mutation).map(({ name }) => [name, given[name]]));
  };
  const id = targetOf(mutation) ? { id: await fixtures.make(type) } : {};
  return { mutation, type, object: resultOf(mutation), ...id, values: [only(one), only(other)] };
}

const updates: Update[] = [];
for (const { name } of mutations) {
  const { verb, type } = verbAndType(name) ?? {};
  if (verb === 'update' && type && optionalOf(name).length > 0) updates.push(await updateOf(name, type));
}

const clears = ({ description }: GraphQLInputField): boolean => /\bnull clears it\b/i.test(description ?? '');
const stays = ({ description }: GraphQLInputField): boolean => /\bcannot be (cleared|null)\b/i.test(description ?? '');

/** Update mutations that return no object with an ID. The tests of the resource cover their optional fields. */
const WITHOUT_OBJECT = ['updateBillingContact'];

test('these tests cover every update mutation with an optional field', () => {
  const tried = [...updates.map(({ mutation }) => mutation), ...WITHOUT_OBJECT];
  const optional = mutations.filter(({ name }) => name.startsWith('update') && optionalOf(name).length > 0);
  expect(optional.map(({ name }) => name).filter((name) => !tried.includes(name))).toEqual([]);
});

describe.each(updates.map((each) => [each.mutation, each] as const))(
  '%s',
  (mutation, { type, object, id, values: [full, others] }) => {
    const { alsoChanges = {} } = resourceOf(type);
    const names = Object.keys(full);
    const shown = Object.fromEntries(optionalOf(mutation).map((field) => [field.name, outputOf(type, field)]));
    const results = `${object} { ${names.map((name) => shown[name]?.selection).join(' ')} }`;

    /** Sends the changes and returns the values of all fields, or the errors. */
    async function update(changes: object): Promise<Json> {
      const answer = await mutate(owner, mutation, { ...(id && toInput(mutation, { id })), ...changes }, results);
      if (answer.refused) throw new Error(`${mutation} was refused: ${answer.refused}`);
      if (answer.errors.length > 0) return answer.errors;
      return Object.fromEntries(names.map((name) => [name, shown[name]?.read(answer[object])]));
    }

    beforeEach(async () => {
      expect(await update(full)).toEqual(full);
    });

    test('without a field changes nothing', async () => {
      expect(await update({})).toEqual(full);
    });

    if (hasInputField(mutation, 'dryRun'))
      test('changes nothing and returns no object on a dry run', async () => {
        const dry = { ...(id && toInput(mutation, { id })), ...others, dryRun: true };
        expect(await mutate(owner, mutation, dry, `${results} accessChanges { gained }`)).toEqual({
          [object]: null,
          accessChanges: expect.any(Array),
          errors: [],
        });
        expect(await update({})).toEqual(full);
        for (const dryRun of [false, null]) {
          expect(await update({ ...others, dryRun })).toEqual(others);
          expect(await update({ ...full, dryRun })).toEqual(full);
        }
      });

    describe.each(optionalOf(mutation).map((field) => [field.name, field] as const))('%s', (name, field) => {
      const without = (values: object): object => {
        const moved = [name, ...(alsoChanges[name] ?? [])];
        return Object.fromEntries(Object.entries(values).filter(([each]) => !moved.includes(each)));
      };

      test('can be changed alone, and omitted fields keep their values', async () => {
        const changed = await update({ [name]: others[name] });
        expect(changed[name]).toEqual(others[name]);
        expect(without(changed)).toEqual(without(full));
      });

      test('has a description of the effect of null', () => {
        expect(clears(field)).toBe(!stays(field));
      });

      if (clears(field))
        test('is cleared by null, and omitted fields keep their values', async () => {
          const cleared = await update({ [name]: null });
          // A list is empty then.
          expect([null, []]).toContainEqual(cleared[name]);
          expect(without(cleared)).toEqual(without(full));
        });

      if (stays(field))
        test('rejects null, and nothing changes', async () => {
          expect(await update({ [name]: null })).toEqual([{ code: 'REQUIRED', path: [name] }]);
          expect(await update({ ...others, [name]: null })).toContainEqual({ code: 'REQUIRED', path: [name] });
          expect(await update({})).toEqual(full);
        });
    });
  },
);

const WITH_TERM = updates.map(({ mutation }) => mutation).filter((name) => hasInputField(name, 'roleExpiresAt'));

test('these tests cover every mutation that gives an expiring role', () => {
  expect(WITH_TERM.toSorted()).toEqual(['updateMember', 'updateServiceAccount']);
  expect(
    mutations.map(({ name }) => name).filter((name) => /^update/.test(name) && hasInputField(name, 'fallbackRoleId')),
  ).toEqual(WITH_TERM);
});

describe.each(WITH_TERM)('%s of an expiring role', (mutation) => {
  const { object, id } = updates.find((each) => each.mutation === mutation) as Update;
  const term = { roleId: roleId('write'), roleExpiresAt: '2999-01-01T00:00:00.000Z', fallbackRoleId: roleId('read') };
  const ending = { role: { id: roleId('write') }, roleExpiresAt: term.roleExpiresAt };
  const lasting = { role: { id: roleId('write') }, roleExpiresAt: null };
  const update = (input: object) =>
    mutate(owner, mutation, { id, ...input }, `${object} { role { id } roleExpiresAt }`);
  const now = async (): Promise<Json> =>
    (
      await queryData(
        owner,
        'query ($id: ID!) { node(id: $id) { ... on Member { role { id } roleExpiresAt } ... on ServiceAccount { role { id } roleExpiresAt } } }',
        { id },
      )
    ).node;

  beforeEach(async () => {
    expect(await update(term)).toEqual({ [object]: ending, errors: [] });
  });

  test('keeps role and expiry when both are omitted', async () => {
    expect(await update({})).toEqual({ [object]: ending, errors: [] });
    expect(await now()).toEqual(ending);
  });

  test('keeps the expiry when the same role is given and the expiry is omitted', async () => {
    expect(await update({ roleId: term.roleId })).toEqual({ [object]: ending, errors: [] });
    expect(await now()).toEqual(ending);
  });

  test.each([
    ['expiry and fallback role are null', { roleExpiresAt: null, fallbackRoleId: null }],
    ['the expiry is null and the fallback role is omitted', { roleExpiresAt: null }],
  ])('removes the expiry when a role is given and %s', async (_what, rest) => {
    expect(await update({ roleId: term.roleId, ...rest })).toEqual({ [object]: lasting, errors: [] });
    expect(await update(term)).toEqual({ [object]: ending, errors: [] });
    const other = { role: { id: roleId('user') }, roleExpiresAt: null };
    expect(await update({ roleId: roleId('user'), ...rest })).toEqual({ [object]: other, errors: [] });
    expect(await now()).toEqual(other);
  });

  test.each([
    ['another role without an expiry', { roleId: roleId('user') }, 'roleExpiresAt'],
    ['an expiry without a role', { roleExpiresAt: term.roleExpiresAt, fallbackRoleId: term.fallbackRoleId }, 'roleId'],
    ['a null expiry without a role', { roleExpiresAt: null, fallbackRoleId: null }, 'roleId'],
    ['a null role', { ...term, roleId: null }, 'roleId'],
    ['an expiry without a fallback role', { ...term, fallbackRoleId: null }, 'fallbackRoleId'],
    ['a fallback role without an expiry', { ...term, roleExpiresAt: null }, 'roleExpiresAt'],
  ])('rejects %s, and nothing changes', async (_what, input, path) => {
    expect(await update(input)).toEqual({ [object]: null, errors: [{ code: 'REQUIRED', path: [path] }] });
    expect(await now()).toEqual(ending);
  });
});
