import { describe, expect, test } from 'vitest';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { ask, cast, checkOf, found, memberInput, mutate, roleId, rubricOf, tokenOf } from '../support/world.ts';

/** OpsLevel's two tables, "Check Related Permissions". Campaigns and Filters join them when they exist. */
const TABLES = `
  Users:                 Create  Read  Update  Delete
    Checks                 no     yes    no      no
    Levels                 no     yes    no      no
    Categories             no     yes    no      no
    Rubric                 -      yes    no      -

  Admins:                Create  Read  Update  Delete
    Checks                 yes    yes    yes     yes
    Levels                 yes    yes    yes     yes
    Categories             yes    yes    yes     yes
    Rubric                 -      yes    yes     -
`;

const api = await startApi();
const acme = await found(api, 'acme');
const people = await cast(api, acme);
const rubric = await rubricOf(people.owner);
const place = { category: { id: rubric.categories['Security'] }, level: { id: rubric.levels['Bronze'] } };

let last = 0;
const named = (): { name: string } => ({ name: `Made ${++last}` });
const make = async (mutation: string, object: string): Promise<{ id: string }> =>
  (await mutate(people.owner, mutation, named(), `${object} { id }`))[object];

/** One new object to act on, and what each verb of the tables is called. */
const RESOURCES: Record<string, { list: string; object?: () => Promise<{ id: string }>; type: string }> = {
  Checks: {
    list: 'checks { nodes { id name } }',
    type: 'Check',
    object: async () => ({ id: await checkOf(people.owner, rubric) }),
  },
  Levels: { list: 'levels { nodes { id name } }', type: 'Level', object: () => make('createLevel', 'level') },
  Categories: {
    list: 'categories { nodes { id name } }',
    type: 'Category',
    object: () => make('createCategory', 'category'),
  },
  Rubric: { list: 'rubric { id name }', type: 'Rubric' },
};

const all = (): Promise<Json> =>
  ask(
    people.owner,
    `{ ${Object.values(RESOURCES)
      .map(({ list }) => list)
      .join(' ')} }`,
  );

/** Does it, and says whether it was done: then the rubric looks otherwise, and else just as before. */
const VERBS: Record<string, (caller: Caller, resource: string) => Promise<string>> = {
  Create: (caller, resource) =>
    attempt(caller, `create${RESOURCES[resource]?.type}`, async () => ({
      ...named(),
      ...(resource === 'Checks' && place),
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

/** The object that a mutation is about, as its input takes it. The rubric needs none. */
async function targetOf(resource: string): Promise<object> {
  const { type = '', object } = RESOURCES[resource] ?? {};
  return object ? { [type.toLowerCase()]: await object() } : {};
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

/** An Admin's WRITE token whose Admin is a User now. */
async function demoted(): Promise<Caller> {
  const member = { id: people.write.memberId };
  await mutate(people.owner, 'updateMember', { ...member, roleId: roleId('admin') });
  const token = await tokenOf(api, people.write, 'WRITE');
  await mutate(people.owner, 'updateMember', { ...member, roleId: roleId('user') });
  return token;
}

const { user, admin } = people;
const CALLERS: Record<string, Record<string, Caller>> = {
  Users: {
    'in a session': user,
    'with a read-only token': await tokenOf(api, user, 'READ'),
    'with a write token from better days': await demoted(),
  },
  Admins: { 'in a session': admin, 'with a write token': await tokenOf(api, admin, 'WRITE') },
};

test('the tables are read whole', () => {
  expect(cells).toHaveLength(2 * (3 * 4 + 2));
  expect(cells.filter(({ mark }) => mark === 'yes')).toHaveLength(4 + 14);
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
  const token = await tokenOf(api, admin, 'READ');
  for (const { verb, resource } of cells.filter((cell) => cell.role === 'Admins'))
    expect(await VERBS[verb]?.(token, resource), `${verb} ${resource}`).toBe(verb === 'Read' ? 'yes' : 'no');
});

test('an Admin makes tokens with write access, a User read-only ones', async () => {
  const made = (caller: Caller, access: string) =>
    mutate(caller, 'createApiToken', { name: 'New', access }, 'apiToken { access }');
  expect(await made(admin, 'WRITE')).toEqual({ apiToken: { access: 'WRITE' }, errors: [] });
  expect(await made(admin, 'READ')).toEqual({ apiToken: { access: 'READ' }, errors: [] });
  expect(await made(user, 'READ')).toEqual({ apiToken: { access: 'READ' }, errors: [] });
  expect(await made(user, 'WRITE')).toEqual({ refused: 'NO_GRANT' });
});

test('an Admin edits, logs out and removes members, a User does not', async () => {
  const { memberId: id } = people.read;
  const attempts = ['updateMember', 'signOutMember', 'deleteMember'];
  for (const mutation of attempts)
    expect(await mutate(user, mutation, memberInput(mutation, id))).toEqual({ refused: 'NO_GRANT' });
  for (const mutation of attempts)
    expect(await mutate(admin, mutation, memberInput(mutation, id))).toEqual({ errors: [] });
});
