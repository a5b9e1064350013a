import { expect, test } from 'vitest';
import { type Json, startApi } from '../support/api.ts';
import { createOrganization, membersOfEachRole, mutate, queryData } from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);
const { user } = people;

const FIELDS = `team { name aliases description parent { name } manager { id }
  members { principal { id name } label } contacts { type address preferred } tags { key value } }`;
const NOTHING = {
  ...{ description: null, parent: null, manager: null },
  ...{ members: [], contacts: [], tags: [] },
};

const lastEvent = async (action: string): Promise<Json> =>
  (
    await queryData(
      acme.owner,
      `{ auditEvents(first: 1, filter: { action: "${action}" }) { nodes { outcome targetId before after } } }`,
    )
  ).auditEvents.nodes[0];

test('a team has aliases, members, contacts and tags, which are read by each way to find it', async () => {
  const given = {
    ...{ name: 'Checkout Été', description: 'Pays.', aliases: ['pay', 'pay'], managerId: user.memberId },
    members: [{ principalId: user.memberId, label: 'Lead' }, { principalId: people.read.memberId }],
    contacts: [
      { type: 'EMAIL', address: 'pay@acme.test', preferred: true },
      { type: 'SLACK', address: '#pay' },
    ],
    tags: [
      { key: 'env', value: 'one' },
      { key: 'env', value: 'two' },
      { key: 'env', value: 'one' },
    ],
  };
  const name = (await queryData(user, '{ viewer { member { name } } }')).viewer.member.name;
  const team = {
    ...NOTHING,
    ...{ name: 'Checkout Été', description: 'Pays.', aliases: ['pay', 'checkout-ete'] },
    manager: { id: user.memberId },
    members: [
      { principal: { id: user.memberId, name }, label: 'Lead' },
      { principal: { id: people.read.memberId, name: expect.any(String) }, label: null },
    ],
    contacts: [
      { type: 'EMAIL', address: 'pay@acme.test', preferred: true },
      { type: 'SLACK', address: '#pay', preferred: false },
    ],
    tags: [
      { key: 'env', value: 'one' },
      { key: 'env', value: 'two' },
    ],
  };
  expect(await mutate(user, 'createTeam', given, FIELDS)).toEqual({ team, errors: [] });
  for (const args of ['(alias: "pay")', '(alias: "checkout-ete")'])
    expect(await queryData(people.read, `{ team${args} { ${FIELDS.slice(7)} }`)).toEqual({ team });
  expect(await queryData(people.read, '{ teams { nodes { name aliases tags { value } } } }')).toEqual({
    teams: { nodes: [{ name: team.name, aliases: team.aliases, tags: [{ value: 'one' }, { value: 'two' }] }] },
  });
});

test('an update adds and removes items, and changes nothing that it does not mention', async () => {
  await mutate(user, 'createTeam', {
    ...{ name: 'Search', aliases: ['find'], tags: [{ key: 'a', value: '1' }] },
    members: [{ principalId: user.memberId, label: 'Lead' }],
    contacts: [{ type: 'PHONE', address: '1', preferred: true }],
  });
  const update = async (input: object) => mutate(user, 'updateTeam', { team: { alias: 'find' }, ...input }, FIELDS);
  const team = {
    ...NOTHING,
    ...{ name: 'Search', aliases: ['find', 'search'], tags: [{ key: 'a', value: '1' }] },
    members: [{ principal: { id: user.memberId, name: expect.any(String) }, label: 'Lead' }],
    contacts: [{ type: 'PHONE', address: '1', preferred: true }],
  };
  expect(await update({ description: null })).toEqual({ team, errors: [] });
  const idempotent = {
    ...{ addTags: [{ key: 'a', value: '1' }], removeTags: [{ key: 'z', value: '1' }] },
    ...{ addAliases: ['find'], removeAliases: ['none', 'NOT AN ALIAS'], addMembers: [{ principalId: user.memberId }] },
    ...{ removeContacts: [{ type: 'PHONE', address: '2' }], removeMembers: [people.admin.memberId] },
  };
  expect(await update(idempotent)).toEqual({ team, errors: [] });
  const changed = {
    addTags: [{ key: 'b', value: '2' }],
    removeTags: [{ key: 'a', value: '1' }],
    addMembers: [{ principalId: user.memberId, label: null }],
    addContacts: [{ type: 'PHONE', address: '1', preferred: false }],
    removeAliases: ['search'],
  };
  expect(await update(changed)).toEqual({
    team: {
      ...team,
      ...{ aliases: ['find'], tags: [{ key: 'b', value: '2' }] },
      members: [{ ...team.members[0], label: null }],
      contacts: [{ type: 'PHONE', address: '1', preferred: false }],
    },
    errors: [],
  });
  expect(await update({ removeMembers: [user.memberId], removeContacts: [{ type: 'PHONE', address: '1' }] })).toEqual({
    team: { ...team, aliases: ['find'], tags: [{ key: 'b', value: '2' }], members: [], contacts: [] },
    errors: [],
  });
});

test('the audit event has the items before and after a change, and those that are deleted with the team', async () => {
  const { team } = await mutate(
    user,
    'createTeam',
    { name: 'Audited', tags: [{ key: 'a', value: '1' }], members: [{ principalId: user.memberId, label: 'Lead' }] },
    'team { id }',
  );
  const tags = [{ key: 'a', value: '1' }];
  const members = [{ principalId: user.memberId, label: 'Lead' }];
  expect(await lastEvent('createTeam')).toMatchObject({
    targetId: team.id,
    before: null,
    after: { name: 'Audited', tags, members, aliases: ['audited'] },
  });
  await mutate(user, 'updateTeam', { team: { id: team.id }, addTags: [{ key: 'b', value: '2' }] });
  const updated = await lastEvent('updateTeam');
  expect(updated).toMatchObject({ before: { tags }, after: { tags: [...tags, { key: 'b', value: '2' }] } });
  expect(Object.keys(updated.after)).not.toContain('members');
  await mutate(user, 'deleteTeam', { team: { id: team.id } });
  expect(await lastEvent('deleteTeam')).toMatchObject({
    before: { name: 'Audited', tags: [...tags, { key: 'b', value: '2' }], members, aliases: ['audited'], contacts: [] },
    after: null,
  });
});

test.each([
  [
    'a long tag',
    {
      tags: [
        { key: 'a', value: '1' },
        { key: 'x'.repeat(101), value: '' },
      ],
    },
    [
      ['tags', '1', 'key'],
      ['tags', '1', 'value'],
    ],
  ],
  ['an invalid alias', { aliases: ['ok', 'Not ok'] }, [['aliases', '1']]],
  [
    'a member who does not exist',
    { members: [{ principalId: 'mem_01h455vb4pex5vsknk084sn02q' }] },
    [['members', '0', 'principalId']],
  ],
  [
    'a contact with an address of another kind',
    { contacts: [{ type: 'EMAIL', address: '#pay' }] },
    [['contacts', '0', 'address']],
  ],
  [
    'a contact that runs code',
    { contacts: [{ type: 'WEB', address: 'javascript:alert(1)' }] },
    [['contacts', '0', 'address']],
  ],
  ['too many tags', { tags: Array.from({ length: 101 }, (_, at) => ({ key: 'a', value: `${at}` })) }, [['tags']]],
])('%s is refused with its path', async (_what, wrong, paths) => {
  const { errors } = await mutate(user, 'createTeam', { name: 'Wrong', ...wrong });
  expect(errors.map(({ path }: Json) => path)).toEqual(paths);
});

test('an update is refused if the team would have too many items', async () => {
  const tags = Array.from({ length: 100 }, (_, at) => ({ key: 'a', value: `${at}` }));
  await mutate(user, 'createTeam', { name: 'Full', tags });
  const add = { team: { alias: 'full' }, addTags: [{ key: 'b', value: '1' }] };
  expect(await mutate(user, 'updateTeam', add)).toEqual({ errors: [{ code: 'LIMIT_EXCEEDED', path: ['addTags'] }] });
  expect(await mutate(user, 'updateTeam', { ...add, removeTags: tags.slice(0, 1) })).toEqual({ errors: [] });
});

test('an alias belongs to one team, and the slug of a new name gets a suffix if another team has it', async () => {
  await mutate(user, 'createTeam', { name: 'Core', aliases: ['kernel'] });
  const taken = (path: string[]) => ({ errors: [{ code: 'TAKEN', path }] });
  expect(await mutate(user, 'createTeam', { name: 'Other', aliases: ['free', 'kernel'] })).toEqual(
    taken(['aliases', '1']),
  );
  const aliases = async (name: string) => (await mutate(user, 'createTeam', { name }, 'team { aliases }')).team.aliases;
  expect(await aliases('Core!')).toEqual(['core-2']);
  expect(await aliases('Core?')).toEqual(['core-3']);
  expect(await aliases('火')).toEqual([]);
  expect(await mutate(user, 'updateTeam', { team: { alias: 'core-2' }, addAliases: ['core'] })).toEqual(
    taken(['addAliases', '0']),
  );
  const renamed = async (name: string) =>
    (await mutate(user, 'updateTeam', { team: { alias: 'kernel' }, name }, 'team { name aliases }')).team;
  expect(await renamed('Base')).toEqual({ name: 'Base', aliases: ['kernel', 'core', 'base'] });
  expect(await renamed('Core')).toEqual({ name: 'Core', aliases: ['kernel', 'core', 'base'] });
});

test('a team is a reference by each of its aliases', async () => {
  await mutate(user, 'createTeam', { name: 'Top', aliases: ['top-one'] });
  const child = { name: 'Child', parent: { alias: 'top-one' } };
  expect(await mutate(user, 'createTeam', child, 'team { parent { name } }')).toEqual({
    team: { parent: { name: 'Top' } },
    errors: [],
  });
  const list =
    '{ teams(filter: { parent: { alias: "top" } }) { nodes { name } } team(alias: "top") { children { nodes { name } } } }';
  expect(await queryData(user, list)).toEqual({
    teams: { nodes: [{ name: 'Child' }] },
    team: { children: { nodes: [{ name: 'Child' }] } },
  });
});

test('the tree has no cycles and at most 10 levels', async () => {
  for (let at = 1; at <= 10; at += 1)
    await mutate(user, 'createTeam', { name: `Level ${at}`, ...(at > 1 && { parent: { alias: `level-${at - 1}` } }) });
  const move = (team: string, parent: string) =>
    mutate(user, 'updateTeam', { team: { alias: team }, parent: { alias: parent } });
  const refused = (code: string) => ({ errors: [{ code, path: ['parent'] }] });
  expect(await mutate(user, 'createTeam', { name: 'Level 11', parent: { alias: 'level-10' } })).toEqual(
    refused('LIMIT_EXCEEDED'),
  );
  for (const below of ['level-1', 'level-2', 'level-10'])
    expect(await move('level-1', below)).toEqual(refused('INVALID'));
  await mutate(user, 'createTeam', { name: 'Above' });
  expect(await move('level-1', 'above')).toEqual(refused('LIMIT_EXCEEDED'));
  expect(await move('level-2', 'above')).toEqual({ errors: [] });
});

test('two changes of parents at once cannot make a cycle together', async () => {
  for (const name of ['Left', 'Right']) await mutate(user, 'createTeam', { name });
  const move = (team: string, parent: string) =>
    mutate(user, 'updateTeam', { team: { alias: team }, parent: { alias: parent } });
  for (let round = 0; round < 5; round += 1) {
    const both = await Promise.all([move('left', 'right'), move('right', 'left')]);
    const outcomes = both.map(({ errors, refused }) => refused ?? errors.map(({ code }: Json) => code).join());
    expect(['', 'INVALID', 'CONFLICT']).toEqual(expect.arrayContaining(outcomes));
    const parents = await queryData(
      user,
      '{ left: team(alias: "left") { parent { name } } right: team(alias: "right") { parent { name } } }',
    );
    expect([parents.left.parent, parents.right.parent]).toContain(null);
    for (const team of ['left', 'right']) await mutate(user, 'updateTeam', { team: { alias: team }, parent: null });
  }
});
