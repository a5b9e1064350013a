import { describe, expect, test } from 'vitest';
import type { Caller, Json } from '../support/api.ts';
import { size } from '../support/size.ts';
import { addMember, createApiToken, executeMutation, mutate, type Person, queryData } from '../support/world.ts';
import { allow, createRole, deny, giveRole, ifOwned, startWorld } from './support.ts';

const { api, acme, people } = await startWorld();
const { owner, admin } = people;

const createTeam = async (name: string, more: object = {}): Promise<string> =>
  (
    await executeMutation(
      owner,
      'mutation ($input: CreateTeamInput!) { createTeam(input: $input) { team { id } errors { code path message } } }',
      { input: { name, ...more } },
    )
  ).team.id;

const createService = async (name: string, ownerTeam: string | null): Promise<string> =>
  (
    await executeMutation(
      owner,
      'mutation ($input: CreateServiceInput!) { createService(input: $input) { service { id } errors { code path message } } }',
      { input: { name, ...(ownerTeam && { owner: { id: ownerTeam } }) } },
    )
  ).service.id;

const core = await createTeam('core');
const child = await createTeam('api', { parent: { id: core } });
const ops = await createTeam('ops');
const services = {
  ofCore: await createService('of core', core),
  ofChild: await createService('of child', child),
  ofOps: await createService('of ops', ops),
  ofNobody: await createService('of nobody', null),
};

let last = 0;
/** A member with a custom role of these statements, in these teams. */
async function person(statements: Parameters<typeof createRole>[2], ...teams: string[]): Promise<Person> {
  last += 1;
  const member = await addMember(api, acme, 'read', `person-${last}`);
  await giveRole(owner, member.memberId, await createRole(owner, `Role ${last}`, statements));
  for (const id of teams)
    await mutate(owner, 'updateTeam', { team: { id }, addMembers: [{ principalId: member.memberId }] });
  return member;
}

const LIST =
  '{ services { totalCount nodes { name viewerPermissions } edges { node { id } } } teams { nodes { name services { totalCount nodes { name } } } } }';

async function seenBy(caller: Caller): Promise<Json> {
  const data = await queryData(caller, LIST);
  const names = data.services.nodes.map(({ name }: Json) => name);
  expect(data.services.totalCount).toBe(names.length);
  expect(data.services.edges).toHaveLength(names.length);
  const underTeams = data.teams.nodes.flatMap(({ services: own }: Json) => {
    expect(own.totalCount).toBe(own.nodes.length);
    return own.nodes.map(({ name }: Json) => name);
  });
  expect(underTeams.toSorted()).toEqual(names.filter((name: string) => name !== 'of nobody').toSorted());
  return names;
}

const nameOf = (by: Caller, id: string) =>
  Promise.all(
    [
      `{ one: service(id: "${id}") { name } }`,
      `{ one: node(id: "${id}") { ... on Service { name } } }`,
      // With an alias twice, resolvers read it.
      `{ one: service(id: "${id}") { name } viewer { __typename } }`,
    ].map(async (document) => (await queryData(by, document)).one?.name ?? null),
  );

const rename = (by: Caller, id: string) => mutate(by, 'updateService', { service: { id }, description: `By ${last}.` });

test('a member of a team works with its services and those of child teams, and no others exist', async () => {
  const ann = await person([allow('team:read'), ifOwned(allow('service:*'))], core);
  expect(await seenBy(ann)).toEqual(['of child', 'of core']);
  expect(await nameOf(ann, services.ofChild)).toEqual(['of child', 'of child', 'of child']);
  for (const hidden of [services.ofOps, services.ofNobody]) {
    expect(await nameOf(ann, hidden)).toEqual([null, null, null]);
    for (const mutation of ['updateService', 'deleteService', 'recordDeploy'])
      expect(await mutate(ann, mutation, { service: { id: hidden } })).toEqual({ refused: 'NOT_FOUND' });
  }
  expect(await rename(ann, services.ofCore)).toEqual({ errors: [] });
  expect(await mutate(ann, 'recordDeploy', { service: { id: services.ofChild } })).toEqual({ errors: [] });
  expect(await mutate(ann, 'createService', { name: 'New' })).toEqual({ refused: 'NO_GRANT' });
  const own = '{ services { nodes { viewerPermissions } } }';
  expect((await queryData(ann, own)).services.nodes[0].viewerPermissions).toEqual([
    'service:read',
    'service:update',
    'service:delete',
  ]);
});

test('a member of the child team does not own the services of its parent', async () => {
  const bob = await person([allow('team:read'), ifOwned(allow('service:read'))], child);
  expect(await seenBy(bob)).toEqual(['of child']);
});

test('a visible service that the caller may not change is refused with the reason', async () => {
  const cyd = await person([allow('team:read', 'service:read'), ifOwned(allow('service:update'))], ops);
  expect(await seenBy(cyd)).toHaveLength(4);
  expect(await rename(cyd, services.ofCore)).toEqual({ refused: 'NOT_OWNED' });
  expect(await rename(cyd, services.ofOps)).toEqual({ errors: [] });
  expect(await mutate(cyd, 'deleteService', { service: { id: services.ofOps } })).toEqual({ refused: 'NO_GRANT' });
  const both = [services.ofOps, services.ofCore].map((id) => ({ service: { id }, description: 'Both.' }));
  expect(await mutate(cyd, 'updateServices', { services: both })).toEqual({ refused: 'NOT_OWNED' });
  expect(await mutate(cyd, 'updateServices', { services: both.slice(0, 1) })).toEqual({ errors: [] });
  const { services: all } = await queryData(cyd, '{ services { nodes { name viewerPermissions } } }');
  expect(all.nodes.filter((node: Json) => node.viewerPermissions.includes('service:update'))).toMatchObject([
    { name: 'of ops' },
  ]);
});

test('a denial with the condition hides the services of the principal’s teams', async () => {
  const dan = await person([allow('team:read', 'service:*'), ifOwned(deny('service:read'))], core);
  expect(await seenBy(dan)).toEqual(['of nobody', 'of ops']);
  expect(await nameOf(dan, services.ofCore)).toEqual([null, null, null]);
  expect(await rename(dan, services.ofCore)).toEqual({ refused: 'NOT_FOUND' });
  expect(await rename(dan, services.ofNobody)).toEqual({ errors: [] });
});

describe('a service that is hidden from the caller', () => {
  const isOwn = [allow('team:read', 'tier:*', 'property_definition:*'), ifOwned(allow('service:*'))] as const;

  test('is not found by a filter on the dependencies of a visible service', async () => {
    const ida = await person([...isOwn], core);
    const visible = await createService('visible', core);
    const needed = { addDependencies: [{ id: services.ofOps }] };
    expect(await mutate(owner, 'updateService', { service: { id: visible }, ...needed })).toEqual({ errors: [] });
    const back = { service: { id: services.ofOps }, addDependencies: [{ id: visible }] };
    expect(await mutate(owner, 'updateService', back)).toEqual({ errors: [] });
    const countFor = async (by: Caller, predicate: object): Promise<number> => {
      const document = 'query ($matches: FilterConditions) { services(filter: { matches: $matches }) { totalCount } }';
      return (await queryData(by, document, { matches: { predicates: [predicate] } })).services.totalCount;
    };
    for (const key of ['DEPENDENCY', 'DEPENDENT'])
      for (const predicate of [
        { key, operator: 'EXISTS' },
        { key, operator: 'EQUALS', value: 'of-ops' },
      ]) {
        expect(await countFor(ida, predicate)).toBe(0);
        expect(await countFor(owner, predicate)).toBeGreaterThan(0);
      }
    expect(await mutate(owner, 'deleteService', { service: { id: visible } })).toEqual({ errors: [] });
  });

  test('is not counted by a refusal to delete or change what it uses', async () => {
    const jon = await person([...isOwn], core);
    const { tier } = await mutate(owner, 'createTier', { name: 'Shared' }, 'tier { id }');
    const { propertyDefinition: port } = await mutate(
      owner,
      'createPropertyDefinition',
      { name: 'Port', schema: { type: 'integer' } },
      'propertyDefinition { id }',
    );
    for (const id of [services.ofCore, services.ofOps]) {
      await mutate(owner, 'updateService', { service: { id }, tier: { id: tier.id } });
      await mutate(owner, 'setServiceProperty', { service: { id }, definition: { id: port.id }, value: 1 });
    }
    const refusals = async (by: Caller): Promise<string[]> => {
      const { data } = await by.query(
        `mutation ($tier: DeleteTierInput!, $port: UpdatePropertyDefinitionInput!) {
          deleteTier(input: $tier) { errors { code message } }
          updatePropertyDefinition(input: $port) { errors { code message } } }`,
        {
          tier: { tier: { id: tier.id } },
          port: { propertyDefinition: { id: port.id }, schema: { type: 'string' } },
        },
      );
      return Object.values(data as Json).map(({ errors: [{ message }] }: Json) => message);
    };
    expect(await refusals(owner)).toEqual([
      '2 services use this tier, such as “of core”, “of ops”. Change or delete them first.',
      'schema: The values of 2 services do not match it, such as those of “of core”, “of ops”. Change or remove them first.',
    ]);
    expect(await refusals(jon)).toEqual([
      'Services use this tier, such as “of core”. Change or delete them first.',
      'schema: The values of services do not match it, such as those of “of core”. Change or remove them first.',
    ]);
  });
});

test('a caller who may read no service at all is refused, and a member without a team sees none', async () => {
  const document = '{ services { totalCount } }';
  const none = await person([allow('team:read')]);
  expect((await none.query(document)).errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', reason: 'NO_GRANT' });
  const eve = await person([ifOwned(allow('service:read'))]);
  expect(await queryData(eve, document)).toEqual({ services: { totalCount: 0 } });
});

test('a READ token of a member reads the services of the member’s teams', async () => {
  const fay = await person([allow('api_token:*', 'team:read'), ifOwned(allow('service:*'))], ops);
  const token = await createApiToken(api, fay, 'READ');
  expect(await seenBy(token)).toEqual(['of ops']);
  expect(await rename(token, services.ofOps)).toEqual({ refused: 'READ_ONLY_TOKEN' });
});

test('results and reports count the services on which the caller may read results', async () => {
  const REPORT = `{
    services { nodes { name maturityReport { __typename } } }
    servicesReport { overall { services } history { services } }
  }`;
  const read = async (by: Caller) => (await by.query(REPORT)).data;
  const all = await read(admin);
  const guy = await person([allow('service:read'), ifOwned(allow('check_result:*'))], ops);
  const own = await read(guy);
  expect(own.services.nodes.filter((node: Json) => node.maturityReport !== null)).toMatchObject([{ name: 'of ops' }]);
  expect(own.servicesReport).toEqual({ overall: { services: 1 }, history: null });
  expect(all.servicesReport.overall.services).toBe(all.services.nodes.length);
  expect(all.servicesReport.history).not.toBeNull();
  expect(await mutate(guy, 'runChecks', { service: { id: services.ofOps } })).toEqual({ errors: [] });
  expect(await mutate(guy, 'runChecks', { service: { id: services.ofCore } })).toEqual({ refused: 'NOT_OWNED' });
  const blind = await person([ifOwned(allow('check_result:create'))], ops);
  expect(await mutate(blind, 'runChecks', { service: { id: services.ofOps } }, 'checkResults { id }')).toEqual({
    checkResults: [],
    errors: [],
  });
  expect(await mutate(blind, 'runChecks', { service: { id: services.ofCore } })).toEqual({
    errors: [{ code: 'NOT_FOUND', path: ['service'] }],
  });
  // Otherwise nobody could give a service to this team without these permissions.
  const removeMembers = [guy.memberId, blind.memberId];
  expect(await mutate(owner, 'updateTeam', { team: { id: ops }, removeMembers })).toEqual({ errors: [] });
});

describe('questions about access', () => {
  test('on a service take its owner into account', async () => {
    const gus = await person([allow('service:read'), ifOwned(allow('service:update'))], core);
    const principalId = gus.memberId;
    const target = 'service:update';
    const requests = [services.ofChild, services.ofOps, services.ofNobody, null].map((targetId) => ({
      ...{ permission: target, targetId, principalId },
    }));
    const AUTHORIZE =
      'query ($requests: [AuthorizationRequest!]!) { authorize(requests: $requests) { allowed reason } }';
    const refused = { allowed: false, reason: 'NOT_OWNED' };
    expect((await queryData(admin, AUTHORIZE, { requests })).authorize).toEqual([
      { allowed: true, reason: null },
      refused,
      refused,
      refused,
    ]);
    const permissionsOf = async (id: string) =>
      (await queryData(admin, `{ permissionsOf(principalId: "${principalId}", targetId: "${id}") }`)).permissionsOf;
    expect(await permissionsOf(services.ofCore)).toEqual(['service:read', 'service:update']);
    expect(await permissionsOf(services.ofOps)).toEqual(['service:read']);
    const whoCan = async (id: string) =>
      (
        await queryData(admin, `{ whoCan(permission: "${target}", targetId: "${id}", first: 100) { nodes { id } } }`)
      ).whoCan.nodes.map((node: Json) => node.id);
    expect(await whoCan(services.ofCore)).toContain(principalId);
    expect(await whoCan(services.ofOps)).not.toContain(principalId);
    const { access } = await queryData(
      admin,
      `{ access(principalId: "${principalId}", permission: "${target}", targetId: "${services.ofChild}") { allowed steps { kind text } } }`,
    );
    expect(access.allowed).toBe(true);
    expect(access.steps.map((step: Json) => step.kind)).toContain('OWNERSHIP');
    const matrix = await queryData(
      admin,
      `{ accessMatrix(targetId: "${services.ofCore}", permissions: ["${target}"], first: 100) { nodes { principal { id } entries { allowed } } } }`,
    );
    const row = matrix.accessMatrix.nodes.find((node: Json) => node.principal.id === principalId);
    expect(row.entries).toEqual([{ allowed: true }]);
  });
});

describe('a change of who owns what', () => {
  const NOT_HELD = { refused: 'NOT_HELD' };
  const add = (by: Caller, id: string, member: Person) =>
    mutate(by, 'updateTeam', { team: { id }, addMembers: [{ principalId: member.memberId }] });
  const remove = (by: Caller, id: string, member: Person) =>
    mutate(by, 'updateTeam', { team: { id }, removeMembers: [member.memberId] });

  test('by somebody who does not hold what it gives or takes is refused', async () => {
    const mover = await person([allow('team:*', 'service:create', 'service:read', 'member:read')]);
    const lead = await person([allow('team:read'), ifOwned(allow('service:read', 'service:update'))], ops);
    expect(await add(mover, core, lead)).toEqual(NOT_HELD);
    expect(await remove(mover, ops, lead)).toEqual(NOT_HELD);
    expect(await mutate(mover, 'updateTeam', { team: { id: core }, parent: { id: ops } })).toEqual(NOT_HELD);
    const created = { name: 'by mover', members: [{ principalId: lead.memberId }] };
    expect(await mutate(mover, 'createTeam', created)).toEqual(NOT_HELD);
    expect(await mutate(mover, 'createService', { name: 'by mover', owner: { id: ops } })).toEqual(NOT_HELD);
    // What gives and takes nothing is allowed.
    expect(await mutate(mover, 'updateTeam', { team: { id: ops }, description: 'Operates.' })).toEqual({ errors: [] });
    expect(await add(mover, core, people.read)).toEqual({ errors: [] });
    expect(await mutate(mover, 'createService', { name: 'by mover' })).toEqual({ errors: [] });
    // An Admin holds everything.
    expect(await add(admin, core, lead)).toEqual({ errors: [] });
    expect(await seenBy(lead)).toEqual(['of child', 'of core', 'of ops']);
    expect(await rename(lead, services.ofChild)).toEqual({ errors: [] });
    expect(await remove(admin, core, lead)).toEqual({ errors: [] });
  });

  test('takes effect in the next request', async () => {
    const hal = await person([allow('team:read'), ifOwned(allow('service:read'))]);
    const expectSeen = async (...names: string[]) => expect(await seenBy(hal)).toEqual(names);
    await expectSeen();
    await add(owner, ops, hal);
    await expectSeen('of ops');
    await mutate(owner, 'updateTeam', { team: { id: core }, parent: { id: ops } });
    await expectSeen('of child', 'of core', 'of ops');
    await mutate(owner, 'updateService', { service: { id: services.ofOps }, owner: null });
    await expectSeen('of child', 'of core');
    await mutate(owner, 'updateTeam', { team: { id: core }, parent: null });
    await expectSeen();
    await mutate(owner, 'updateService', { service: { id: services.ofOps }, owner: { id: ops } });
    await expectSeen('of ops');
    await remove(owner, ops, hal);
    await expectSeen();
  });

  test('of the owner is held on that service: a lead gives a service away, and takes none', async () => {
    const lead = await person(
      [allow('team:read', 'service:read'), ifOwned(allow('service:update', 'service:delete'))],
      core,
    );
    const other = await person([ifOwned(allow('service:delete'))], ops);
    const move = (by: Caller, id: string, team: string) =>
      mutate(by, 'updateService', { service: { id }, owner: { id: team } });
    const own = await createService('given away', core);
    expect(await move(lead, own, ops)).toEqual({ errors: [] });
    expect(await move(lead, own, core)).toEqual({ refused: 'NOT_OWNED' });
    expect(await mutate(other, 'deleteService', { service: { id: own } })).toEqual({ refused: 'NOT_FOUND' });
    // Somebody who may update every service gives others no more than that.
    const editor = await person([allow('team:read', 'service:read', 'service:update')]);
    expect(await move(editor, own, core)).toEqual(NOT_HELD);
    const ofNobody = await createService('of nobody else', null);
    expect(
      await mutate(editor, 'updateServices', { services: [{ service: { id: ofNobody }, owner: { id: ops } }] }),
    ).toEqual(NOT_HELD);
    expect(await move(admin, own, core)).toEqual({ errors: [] });
  });

  test('a role with the condition is given only by who holds it on the services of the holder’s teams', async () => {
    const role = await createRole(owner, 'Conditional', [ifOwned(allow('service:update'))]);
    const manager = await person([allow('member:*', 'role:read', 'team:read'), ifOwned(allow('service:update'))], ops);
    const [inOps, inCore] = [
      await addMember(api, acme, 'guest', 'in-ops'),
      await addMember(api, acme, 'guest', 'in-core'),
    ];
    await add(owner, ops, inOps);
    await add(owner, core, inCore);
    await giveRole(
      owner,
      manager.memberId,
      await createRole(owner, 'Manager of ops', [
        allow('member:*', 'role:read', 'team:read', 'organization:read'),
        ifOwned(allow('service:update')),
      ]),
    );
    const give = (to: Person) => mutate(manager, 'updateMember', { id: to.memberId, roleId: role });
    expect(await give(inOps)).toEqual({ errors: [] });
    expect(await give(inCore)).toEqual(NOT_HELD);
  });
});

const ROUNDS = size(6, 200);

test(`when somebody joins a team while the role gets the condition, one of both is refused (${ROUNDS} rounds)`, async () => {
  const joiner = await person([allow('team:read', 'team:update', 'member:read')]);
  const editor = await person([allow('role:*', 'policy:*'), ifOwned(allow('service:update'))], ops);
  const harmless = { statements: [allow('organization:read')] };
  const conditional = { statements: [ifOwned(allow('service:update'))] };
  const { role } = await mutate(owner, 'createRole', { name: 'Raced', ...harmless }, 'role { id }');
  const member = await addMember(api, acme, 'guest', 'raced');
  await giveRole(owner, member.memberId, role.id);
  for (let round = 0; round < ROUNDS; round += 1) {
    const answers = await Promise.all([
      mutate(joiner, 'updateTeam', { team: { id: core }, addMembers: [{ principalId: member.memberId }] }),
      mutate(editor, 'updateRole', { id: role.id, ...conditional }),
    ]);
    expect(answers.filter(({ errors }) => errors)).toEqual([{ errors: [] }]);
    expect(answers.filter(({ refused }) => refused)).toEqual([{ refused: 'NOT_HELD' }]);
    await mutate(owner, 'updateRole', { id: role.id, ...harmless });
    await mutate(owner, 'updateTeam', { team: { id: core }, removeMembers: [member.memberId] });
  }
});

describe('a statement with ownedByPrincipal', () => {
  const READ = 'query ($id: ID!) { policy(id: $id) { statements { effect permissions ownedByPrincipal } } }';

  test('is returned as it was written', async () => {
    const statements = [ifOwned(allow('service:*')), ifOwned(deny('*:delete')), allow('check:read')];
    const input = { name: 'As written', statements };
    const { policy } = await mutate(admin, 'createPolicy', input, 'policy { id }');
    expect((await queryData(admin, READ, { id: policy.id })).policy.statements).toEqual(
      statements.map((statement) => ({ ownedByPrincipal: false, ...statement })),
    );
    const created = await mutate(
      admin,
      'createRole',
      { name: 'As written', policyIds: [policy.id] },
      'role { permissions permissionsIfOwned denied deniedIfOwned }',
    );
    expect(created.role).toEqual({
      permissions: ['check:read'],
      permissionsIfOwned: ['service:read', 'service:update'],
      denied: [],
      deniedIfOwned: ['service:delete'],
    });
  });

  test('is invalid if a pattern matches no permission on services', async () => {
    const input = { name: 'Powerless', statements: [ifOwned(allow('service:read', 'team:*', 'service:create'))] };
    expect(await mutate(admin, 'createPolicy', input)).toEqual({
      errors: [1, 2].map((at) => ({ code: 'INVALID', path: ['statements', '0', 'permissions', String(at)] })),
    });
  });

  test('grants no more than the caller has, on services of the caller’s teams', async () => {
    const maker = await person([allow('policy:*'), ifOwned(allow('service:update'))], ops);
    const create = (name: string, statement: ReturnType<typeof allow>) =>
      mutate(maker, 'createPolicy', { name, statements: [statement] });
    expect(await create('Held', ifOwned(allow('service:update')))).toEqual({ errors: [] });
    expect(await create('Not held', ifOwned(allow('service:delete')))).toEqual({ refused: 'NOT_HELD' });
    expect(await create('Everywhere', allow('service:update'))).toEqual({ refused: 'NOT_HELD' });
  });
});
