import { describe, expect, test } from 'vitest';
import { type Caller, type Json, startApi } from '../support/api.ts';
import {
  createApiToken,
  createCheck,
  createOrganization,
  getRubric,
  memberInput,
  membersOfEachRole,
  mutate,
  queryData,
  roleId,
} from '../support/world.ts';

/** OpsLevel's two tables, "Check Related Permissions". */
const TABLES = `
  Users:                 Create  Read  Update  Delete
    Checks                 no     yes    no      no
    Campaigns              no     yes    no      no
    Levels                 no     yes    no      no
    Categories             no     yes    no      no
    Filters                no     yes    no      no
    Rubric                 -      yes    no      -

  Admins:                Create  Read  Update  Delete
    Checks                 yes    yes    yes     yes
    Campaigns              yes    yes    yes     yes
    Levels                 yes    yes    yes     yes
    Categories             yes    yes    yes     yes
    Filters                yes    yes    yes     yes
    Rubric                 -      yes    yes     -
`;

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);
const rubric = await getRubric(people.owner);
const place = { category: { id: rubric.categories['Security'] }, level: { id: rubric.levels['Bronze'] } };

const FILTER = { connective: 'AND', predicates: [{ key: 'LANGUAGE', operator: 'EXISTS' }] };

let last = 0;
const named = (): { name: string } => ({ name: `Made ${++last}` });
const make = async (mutation: string, object: string): Promise<{ id: string }> =>
  (await mutate(people.owner, mutation, named(), `${object} { id }`))[object];

/** Creates an object of each kind, and maps each verb of the tables to a mutation. */
const RESOURCES: Record<string, { list: string; object?: () => Promise<{ id: string }>; type: string }> = {
  Checks: {
    list: 'checks { nodes { id name } }',
    type: 'Check',
    object: async () => ({ id: await createCheck(people.owner, rubric) }),
  },
  Campaigns: {
    list: 'campaigns { nodes { id name } }',
    type: 'Campaign',
    object: () => make('createCampaign', 'campaign'),
  },
  Levels: { list: 'levels { nodes { id name } }', type: 'Level', object: () => make('createLevel', 'level') },
  Categories: {
    list: 'categories { nodes { id name } }',
    type: 'Category',
    object: () => make('createCategory', 'category'),
  },
  Filters: {
    list: 'filters { nodes { id name } }',
    type: 'Filter',
    object: async () =>
      (await mutate(people.owner, 'createFilter', { ...named(), ...FILTER }, 'filter { id }'))['filter'],
  },
  Rubric: { list: 'rubric { id name }', type: 'Rubric' },
};

const all = (): Promise<Json> =>
  queryData(
    people.owner,
    `{ ${Object.values(RESOURCES)
      .map(({ list }) => list)
      .join(' ')} }`,
  );

/** Runs the change and returns whether it succeeded. The rubric must change only if it did. */
const VERBS: Record<string, (caller: Caller, resource: string) => Promise<string>> = {
  Create: (caller, resource) =>
    attempt(caller, `create${RESOURCES[resource]?.type}`, async () => ({
      ...named(),
      ...(resource === 'Checks' && place),
      ...(resource === 'Filters' && FILTER),
    })),
  Update: (caller, resource) =>
    attempt(caller, `update${RESOURCES[resource]?.type}`, async () => ({
      ...(await targetOf(resource)),
      ...named(),
    })),
  Delete: (caller, resource) => attempt(caller, `delete${RESOURCES[resource]?.type}`, () => targetOf(resource)),
  Read: async (caller, resource) => {
    const { data } = await caller.query(`{ ${RESOURCES[resource]?.list} }`);
    const [seen] = Object.values(data);
    return seen && JSON.stringify(await all()).includes(JSON.stringify(seen)) ? 'yes' : 'no';
  },
};

/** The target in the input of the mutation. The rubric needs none. */
async function targetOf(resource: string): Promise<object> {
  const { type = '', object } = RESOURCES[resource] ?? {};
  if (!object) return {};
  const { id } = await object();
  return ['Campaigns', 'Filters'].includes(resource) ? { id } : { [type.toLowerCase()]: { id } };
}

async function attempt(caller: Caller, mutation: string, input: () => Promise<object>): Promise<string> {
  const given = await input();
  const before = await all();
  const { errors, refused } = await mutate(caller, mutation, given);
  const same = JSON.stringify(before) === JSON.stringify(await all());
  if (errors?.length === 0 && !same) return 'yes';
  if (refused && same) return 'no';
  throw new Error(`${mutation}: ${JSON.stringify({ errors, refused, same })}`);
}

const cells = TABLES.trim()
  .split(/\n\s*\n/)
  .flatMap((table) => {
    const [head = '', ...rows] = table
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s{2,}/));
    const [role = '', ...verbs] = head;
    return rows.flatMap(([resource = '', ...marks]) =>
      verbs.flatMap((verb, at) =>
        marks[at] === '-' ? [] : [{ role: role.replace(':', ''), resource, verb, mark: marks[at] }],
      ),
    );
  });

/** The WRITE token of a former Admin who is now a User. */
async function demoted(): Promise<Caller> {
  const member = { id: people.write.memberId };
  await mutate(people.owner, 'updateMember', { ...member, roleId: roleId('admin') });
  const token = await createApiToken(api, people.write, 'WRITE');
  await mutate(people.owner, 'updateMember', { ...member, roleId: roleId('user') });
  return token;
}

const { user, admin } = people;
const CALLERS: Record<string, Record<string, Caller>> = {
  Users: {
    'in a session': user,
    'with a read-only token': await createApiToken(api, user, 'READ'),
    'with a write token from better days': await demoted(),
  },
  Admins: { 'in a session': admin, 'with a write token': await createApiToken(api, admin, 'WRITE') },
};

test('the tables are parsed completely', () => {
  expect(cells).toHaveLength(2 * (5 * 4 + 2));
  expect(cells.filter(({ mark }) => mark === 'yes')).toHaveLength(6 + 22);
});

describe.each(Object.entries(CALLERS))('%s', (role, callers) => {
  describe.each(Object.entries(callers))('%s', (_how, caller) => {
    for (const { verb, resource, mark } of cells.filter((cell) => cell.role === role))
      test(`${mark === 'yes' ? 'may' : 'may not'} ${verb.toLowerCase()} ${resource}`, async () => {
        expect(await VERBS[verb]?.(caller, resource)).toBe(mark);
      });
  });
});

test('an Admin with a read-only token reads everything and changes nothing', async () => {
  const token = await createApiToken(api, admin, 'READ');
  for (const { verb, resource } of cells.filter((cell) => cell.role === 'Admins'))
    expect(await VERBS[verb]?.(token, resource), `${verb} ${resource}`).toBe(verb === 'Read' ? 'yes' : 'no');
});

test('an Admin can create WRITE tokens, and a User only READ tokens', async () => {
  const made = (caller: Caller, access: string) =>
    mutate(caller, 'createApiToken', { name: 'New', access }, 'apiToken { access }');
  expect(await made(admin, 'WRITE')).toEqual({ apiToken: { access: 'WRITE' }, errors: [] });
  expect(await made(admin, 'READ')).toEqual({ apiToken: { access: 'READ' }, errors: [] });
  expect(await made(user, 'READ')).toEqual({ apiToken: { access: 'READ' }, errors: [] });
  expect(await made(user, 'WRITE')).toEqual({ refused: 'NO_GRANT' });
});

test('an Admin can update, sign out and remove members, and a User cannot', async () => {
  const { memberId: id } = people.read;
  const attempts = ['updateMember', 'signOutMember', 'deleteMember'];
  for (const mutation of attempts)
    expect(await mutate(user, mutation, memberInput(mutation, id))).toEqual({ refused: 'NO_GRANT' });
  for (const mutation of attempts)
    expect(await mutate(admin, mutation, memberInput(mutation, id))).toEqual({ errors: [] });
});
