import { type GraphQLInputField, type GraphQLInputObjectType, getNamedType, isNonNullType } from 'graphql';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  allow,
  createPolicy,
  createProject,
  createRole,
  createServiceAccount,
  deny,
  giveProjectRole,
  projectRoleId,
} from '../decisions/support.ts';
import type { Json } from '../support/api.ts';
import { startApi } from '../support/api.ts';
import { ask, cast, checkOf, found, join, mutate, roleId, rubricOf, schemaOf } from '../support/world.ts';

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
const project = await createProject(owner, 'project');
const policies = [await createPolicy(owner, [allow('dataset:*')]), await createPolicy(owner, [deny('trace:*')])];
const robot = await createServiceAccount(owner, 'robot', roleId('read'));

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
  updateProject: {
    object: 'project',
    id: project,
    fields: { key: ['app', 'APP-2'], name: ['App', 'App & Co'], description: ['One.', 'Two.'] },
  },
  updateProjectMember: {
    object: 'projectMember',
    id: await giveProjectRole(owner, project, second.memberId, null),
    fields: { roleId: [projectRoleId('read'), projectRoleId('manager')] },
  },
  updatePolicy: {
    object: 'policy',
    id: await createPolicy(owner, [allow('*')]),
    fields: {
      name: ['Data', 'Sets'],
      description: ['Sets.', 'Sets and more.'],
      statements: [[allow('dataset:*', 'golden:read')], [deny('*:delete'), allow('*'), allow('*')]],
    },
  },
  updateRole: {
    object: 'role',
    id: await createRole(owner, 'Annotator', [allow('*:read')]),
    fields: { name: ['Data', 'Sets'], description: ['Sets.', 'Sets and more.'], policyIds: [[policies[1]], policies] },
  },
  updateServiceAccount: {
    object: 'serviceAccount',
    id: robot,
    fields: {
      name: ['Robot', 'Bot'],
      description: ['Builds.', 'Builds and deploys.'],
      roleId: [roleId('user'), roleId('write')],
    },
  },
  // What is always given cannot be null; the plan has a test file of its own.
  updatePlan: { object: 'plan', fields: {} },
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

/** What is no value of the object, and has tests of its own below. */
const APART = ['dryRun', 'roleExpiresAt', 'fallbackRoleId'];

const inputOf = (name: string): GraphQLInputField[] => {
  const input = updates.find((mutation) => mutation.name === name)?.args.find((arg) => arg.name === 'input');
  return Object.values((getNamedType(input?.type) as GraphQLInputObjectType).getFields());
};
const optionalOf = (name: string): GraphQLInputField[] =>
  inputOf(name).filter(({ type, name: field }) => !isNonNullType(type) && !APART.includes(field));
const takes = (name: string, field: string): boolean => inputOf(name).some((each) => each.name === field);

const clears = ({ description }: GraphQLInputField): boolean =>
  /\bnull clears it\b|\bnull is "no access"/i.test(description ?? '');
const stays = ({ description }: GraphQLInputField): boolean => /\bcannot be cleared\b/i.test(description ?? '');

/** What the object calls a list of the input. */
const LISTS: Record<string, { selection: string; value: (object: Json) => unknown }> = {
  policyIds: { selection: 'policies { id }', value: ({ policies: list }) => list.map(({ id }: Json) => id) },
  statements: { selection: 'statements { effect permissions }', value: ({ statements }) => statements },
};

/** `ownerId` of the input is `owner { id }` of the object. */
const selected = (field: string): string =>
  LISTS[field]?.selection ?? (field.endsWith('Id') ? `${field.slice(0, -2)} { id }` : field);
const valueIn = (object: Json, field: string): unknown => {
  if (LISTS[field]) return LISTS[field].value(object);
  return field.endsWith('Id') ? (object[field.slice(0, -2)]?.id ?? null) : object[field];
};

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

describe.each(Object.entries(UPDATES).filter(([, { fields }]) => Object.keys(fields).length > 0))(
  '%s',
  (mutation, { object, id, fields, along = {} }) => {
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

    if (takes(mutation, 'dryRun'))
      test('on a dry run changes nothing and answers with no object, and is real without it', async () => {
        const dry = { id, ...others, dryRun: true };
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
        const moved = [name, ...(along[name] ?? [])];
        return Object.fromEntries(Object.entries(values).filter(([each]) => !moved.includes(each)));
      };

      test('alone is changed, and what is omitted stays', async () => {
        const changed = await update({ [name]: others[name] });
        expect(changed[name]).toEqual(others[name]);
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
  },
);

const WITH_TERM = updates.filter(({ name }) => takes(name, 'roleExpiresAt')).map(({ name }) => name);

test('a role that ends is tried here wherever one can be given', () => {
  expect(WITH_TERM.toSorted()).toEqual(['updateMember', 'updateServiceAccount']);
  expect(updates.filter(({ name }) => takes(name, 'fallbackRoleId')).map(({ name }) => name)).toEqual(WITH_TERM);
});

describe.each(WITH_TERM)('%s, with a role that ends,', (mutation) => {
  const { object, id } = UPDATES[mutation] as Update;
  const term = { roleId: roleId('write'), roleExpiresAt: '2999-01-01T00:00:00.000Z', fallbackRoleId: roleId('read') };
  const ending = { role: { id: roleId('write') }, roleExpiresAt: term.roleExpiresAt };
  const lasting = { role: { id: roleId('write') }, roleExpiresAt: null };
  const update = (input: object) =>
    mutate(owner, mutation, { id, ...input }, `${object} { role { id } roleExpiresAt }`);
  const now = async (): Promise<Json> =>
    (
      await ask(
        owner,
        'query ($id: ID!) { node(id: $id) { ... on Member { role { id } roleExpiresAt } ... on ServiceAccount { role { id } roleExpiresAt } } }',
        { id },
      )
    ).node;

  beforeEach(async () => {
    expect(await update(term)).toEqual({ [object]: ending, errors: [] });
  });

  test('leaves it as it is when nothing is said of the role', async () => {
    expect(await update({})).toEqual({ [object]: ending, errors: [] });
    expect(await now()).toEqual(ending);
  });

  test.each([
    ['omitted', {}],
    ['null', { roleExpiresAt: null, fallbackRoleId: null }],
    ['null and omitted', { roleExpiresAt: null }],
  ])('takes the end away when the role is given again and the end is %s', async (_what, rest) => {
    expect(await update({ roleId: term.roleId, ...rest })).toEqual({ [object]: lasting, errors: [] });
    expect(await now()).toEqual(lasting);
  });

  test.each([
    ['an end without a role', { roleExpiresAt: term.roleExpiresAt, fallbackRoleId: term.fallbackRoleId }, 'roleId'],
    ['an end that is taken away without a role', { roleExpiresAt: null, fallbackRoleId: null }, 'roleId'],
    ['no role', { ...term, roleId: null }, 'roleId'],
    ['an end that nothing follows', { ...term, fallbackRoleId: null }, 'fallbackRoleId'],
    ['what follows no end', { ...term, roleExpiresAt: null }, 'roleExpiresAt'],
  ])('refuses %s, and then nothing is changed', async (_what, input, path) => {
    expect(await update(input)).toEqual({ [object]: null, errors: [{ code: 'REQUIRED', path: [path] }] });
    expect(await now()).toEqual(ending);
  });
});
