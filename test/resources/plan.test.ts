import { describe, expect, test } from 'vitest';
import { PLANS } from '../../src/lib/plans.ts';
import {
  allow,
  createPolicy,
  createProject,
  createRole,
  createServiceAccount,
  deny,
  giveProjectRole,
  giveRole,
  projectRoleId,
} from '../decisions/support.ts';
import { type Api, type Caller, type Json, startApi } from '../support/api.ts';
import {
  addMember,
  createOrganization,
  membersOfEachRole,
  mutate,
  type Organization,
  queryData,
  roleId,
} from '../support/world.ts';

const api = await startApi();
let last = 0;

/** A new organization, with one member per built-in role. */
async function createMembers(
  on: Api = api,
): Promise<{ acme: Organization; people: Awaited<ReturnType<typeof membersOfEachRole>> }> {
  const acme = await createOrganization(on, `acme-${++last}`);
  return { acme, people: await membersOfEachRole(on, acme) };
}

const setPlan = async (by: Caller, plan: string): Promise<void> =>
  expect(await mutate(by, 'updatePlan', { plan })).toEqual({ errors: [] });

/** The result of a mutation, with the plan that PLAN_REQUIRED names. */
async function attempt(by: Caller, name: string, input: object): Promise<Json> {
  const type = `${name.slice(0, 1).toUpperCase()}${name.slice(1)}Input`;
  const { data, errors } = await by.query(
    `mutation ($input: ${type}!) { ${name}(input: $input) { errors { code path } } }`,
    { input },
  );
  const [error] = errors ?? [];
  if (!error) return data[name];
  const { code, entitlement, limit, usage, plan } = error.extensions;
  return { code, entitlement, limit, usage, plan, message: error.message };
}

/** What the plan lacks, according to the error. */
const needsTeam = (entitlement: string, message: string, limit: number | null = null, usage = limit): Json => ({
  ...{ code: 'PLAN_REQUIRED', entitlement, limit, usage, plan: 'TEAM', message },
});
const FEATURES: Record<string, string> = { customRoles: 'custom roles', projectRoles: 'project roles' };
const needsFeature = (name: string): Json =>
  needsTeam(name, `The plan FREE does not include ${FEATURES[name]}. The plan TEAM includes them.`);
const needsRoom = (name: string, limit: number, usage: number): Json =>
  needsTeam(
    name,
    `The plan FREE includes ${limit} ${name}, and the organization has ${usage}. The plan TEAM includes 100.`,
    limit,
    usage,
  );

/** The permissions of all principals in the organization and in these projects. */
async function everything(by: Caller, ...projects: string[]): Promise<Record<string, string[]>> {
  const all: Record<string, string[]> = {};
  for (const target of [undefined, ...projects]) {
    const { accessMatrix } = await queryData(
      by,
      'query ($target: ID) { accessMatrix(targetId: $target, first: 25) { nodes { principal { id } entries { permission allowed } } } }',
      { target },
    );
    for (const { principal, entries } of accessMatrix.nodes)
      all[`${principal.id} in ${target ?? 'the organization'}`] = entries
        .filter(({ allowed }: Json) => allowed)
        .map(({ permission }: Json) => permission);
  }
  return all;
}

test('everybody can read the plans, and the plan of the organization is marked', async () => {
  const PLAN =
    'name current customRoles projectRoles enforcedSso seats projects apiKeysPerProject requestsPerMinute organizationRequestsPerMinute';
  const scale = api.app.dependencies.config.planRequestsPercent / 100;
  const rows = Object.entries(PLANS).map(([name, row]) => ({
    ...{ name, current: false, ...row },
    requestsPerMinute: scale * row.requestsPerMinute,
    organizationRequestsPerMinute: scale * row.organizationRequestsPerMinute,
  }));
  expect(rows.map(({ name }) => name)).toEqual(['FREE', 'TEAM', 'ENTERPRISE']);
  expect((await queryData(api.as(), `{ plans { ${PLAN} } }`)).plans).toEqual(rows);
  const { people } = await createMembers();
  const own = rows.map((row) => ({ ...row, current: row.name === 'ENTERPRISE' }));
  expect(await queryData(people.admin, `{ plan { ${PLAN} } plans { ${PLAN} } }`)).toEqual({ plan: own[2], plans: own });
  const { data, errors } = await people.write.query(`{ plan { name } plans { name } usage { seats } }`);
  expect(data).toMatchObject({ plan: null, usage: null, plans: expect.any(Array) });
  expect(errors?.map(({ extensions }) => extensions.permission)).toEqual(['plan:read', 'usage:read']);
});

test.each(['FREE', 'TEAM', 'ENTERPRISE'] as const)('a new organization has the configured plan %s', async (plan) => {
  const other = await startApi({ config: { defaultPlan: plan } });
  const { owner } = await createOrganization(other, 'acme');
  expect((await queryData(owner, '{ plan { name } }')).plan).toEqual({ name: plan });
});

test('an Admin can change the plan, and members without the permission cannot', async () => {
  const { acme, people } = await createMembers();
  for (const caller of [people.write, people.user, people.read])
    expect(await mutate(caller, 'updatePlan', { plan: 'TEAM' })).toEqual({ refused: 'NO_GRANT' });
  expect(await mutate(people.admin, 'updatePlan', { plan: 'TEAM' }, 'plan { name current seats }')).toEqual({
    plan: { name: 'TEAM', current: true, seats: 100 },
    errors: [],
  });
  const stored = await api.root`select plan from organizations where slug = ${acme.slug}`;
  expect(stored).toEqual([{ plan: 'TEAM' }]);
  const dry = await mutate(people.admin, 'updatePlan', { plan: 'FREE', dryRun: true }, 'plan { name }');
  expect(dry).toEqual({ plan: null, errors: [] });
  expect((await queryData(people.admin, '{ plan { name } }')).plan).toEqual({ name: 'TEAM' });
});

test('usage counts projects, and members and pending invitations as seats', async () => {
  const { acme, people } = await createMembers();
  const usage = async (): Promise<Json> => (await queryData(people.admin, '{ usage { seats projects } }')).usage;
  expect(await usage()).toEqual({ seats: 6, projects: 0 });
  const { memberId } = await addMember(api, acme, 'read', 'seventh');
  const project = await createProject(people.owner, 'one');
  await createServiceAccount(people.owner, 'robot', roleId('read'));
  expect(await usage()).toEqual({ seats: 7, projects: 1 });
  await mutate(people.owner, 'createInvitations', { emails: ['new@acme.test'], roleId: roleId('read') });
  expect(await usage()).toEqual({ seats: 8, projects: 1 });
  await mutate(people.owner, 'deleteMember', { id: memberId });
  await mutate(people.owner, 'deleteProject', { id: project, key: 'one' });
  expect(await usage()).toEqual({ seats: 7, projects: 0 });
});

describe('on FREE', async () => {
  const free = await startApi({ config: { defaultPlan: 'FREE' } });
  const { people } = await createMembers(free);
  const { owner, admin, user } = people;
  const project = await createProject(owner, 'project');
  const statements = [allow('dataset:read')];

  test.each<[string, string, () => object]>([
    ['createPolicy', 'customRoles', () => ({ name: 'Policy', statements })],
    ['createPolicy', 'customRoles', () => ({ name: 'Policy', statements, projectId: project })],
    ['createRole', 'customRoles', () => ({ name: 'Role', policyIds: ['pol_01h455vb4pex5vsknk084sn02q'] })],
    ['createRole', 'customRoles', () => ({ name: 'Role', statements })],
    [
      'createProjectMember',
      'projectRoles',
      () => ({ projectId: project, principalId: user.memberId, roleId: projectRoleId('read') }),
    ],
    ['createProjectMember', 'projectRoles', () => ({ projectId: project, principalId: user.memberId, noAccess: true })],
    [
      'createInvitations',
      'projectRoles',
      () => ({
        emails: ['new@acme.test'],
        roleId: roleId('read'),
        projectRoles: [{ projectId: project, roleId: projectRoleId('read') }],
      }),
    ],
  ])('%s needs %s', async (name, feature, input) => {
    for (const caller of [owner, admin]) expect(await attempt(caller, name, input())).toEqual(needsFeature(feature));
    // A caller without the permission gets NO_GRANT instead of PLAN_REQUIRED.
    expect(await mutate(user, name, input())).toEqual({ refused: 'NO_GRANT' });
  });

  test('an organization can have three projects, and the fourth needs TEAM', async () => {
    for (const key of ['second', 'third'])
      expect(await attempt(owner, 'createProject', { key, name: key })).toEqual({ errors: [] });
    expect(await attempt(owner, 'createProject', { key: 'fourth', name: 'Fourth' })).toEqual(
      needsRoom('projects', 3, 3),
    );
    expect((await queryData(owner, '{ usage { projects } }')).usage).toEqual({ projects: 3 });
  });

  test('built-in roles, service accounts and expiring roles are available', async () => {
    const robot = await createServiceAccount(owner, 'robot', roleId('user'));
    const end = { roleExpiresAt: '2999-01-01T00:00:00Z', fallbackRoleId: roleId('read') };
    for (const [name, id] of [
      ['updateMember', user.memberId],
      ['updateServiceAccount', robot],
    ] as const)
      expect(await attempt(owner, name, { id, roleId: roleId('write'), ...end })).toEqual({ errors: [] });
    const lasting = { id: user.memberId, roleId: roleId('user'), roleExpiresAt: null };
    expect(await attempt(owner, 'updateMember', lasting)).toEqual({ errors: [] });
  });

  test('an organization has ten seats, and the eleventh needs TEAM', async () => {
    const invite = (...emails: string[]) => attempt(owner, 'createInvitations', { emails, roleId: roleId('read') });
    const { usage } = await queryData(owner, '{ usage { seats } }');
    const emails = Array.from({ length: 10 - usage.seats }, (_, at) => `new${at}@acme.test`);
    expect(await invite(...emails, 'over@acme.test')).toEqual(needsRoom('seats', 10, usage.seats));
    expect((await queryData(owner, '{ usage { seats } }')).usage).toEqual(usage);
    expect(await invite(...emails)).toEqual({ errors: [] });
    expect(await invite('over@acme.test')).toEqual(needsRoom('seats', 10, 10));
  });

  test('everything is available after an upgrade', async () => {
    await setPlan(owner, 'TEAM');
    const role = await createRole(owner, 'Role', statements);
    expect(await attempt(owner, 'createProject', { key: 'fourth', name: 'Fourth' })).toEqual({ errors: [] });
    await giveProjectRole(owner, project, user.memberId, role);
  });
});

describe('a downgrade', () => {
  /** Custom and project roles that add, remove and deny permissions. */
  async function world() {
    const { acme, people } = await createMembers();
    const { owner } = people;
    const [open, shut, wide] = [
      await createProject(owner, 'open'),
      await createProject(owner, 'shut'),
      await createProject(owner, 'wide'),
    ];
    const custom = await createRole(owner, 'Data', [allow('dataset:*', 'check:create', '*:read'), deny('trace:*')]);
    const own = await createRole(owner, 'Own', [allow('prompt:*', 'project:read')], open);
    const mixed = await addMember(api, acme, 'read', 'mixed');
    await giveRole(owner, mixed.memberId, custom);
    await giveProjectRole(owner, open, mixed.memberId, own);
    await giveProjectRole(owner, wide, mixed.memberId, projectRoleId('member'));
    await giveProjectRole(owner, shut, people.write.memberId, null);
    await giveProjectRole(owner, open, people.write.memberId, projectRoleId('read'));
    await giveProjectRole(owner, wide, people.read.memberId, projectRoleId('manager'));
    const robot = await createServiceAccount(owner, 'robot', custom);
    return { acme, people, owner, mixed, robot, custom, own, projects: [open, shut, wide] as const };
  }

  test('suspends features that the plan lacks, extends no access, and an upgrade restores them', async () => {
    const { owner, mixed, people, projects } = await world();
    const [open, shut, wide] = projects;
    const before = await everything(owner, ...projects);
    await setPlan(owner, 'TEAM');
    expect(await everything(owner, ...projects)).toEqual(before);
    await setPlan(owner, 'FREE');
    const suspended = await everything(owner, ...projects);
    expect(Object.keys(suspended)).toEqual(Object.keys(before));
    for (const [who, permissions] of Object.entries(suspended))
      expect(before[who], who).toEqual(expect.arrayContaining(permissions));
    const may = (person: { memberId: string }, place?: string) =>
      suspended[`${person.memberId} in ${place ?? 'the organization'}`];
    // A suspended custom role grants what Read grants as well. A suspended project role still limits the organization role.
    const ofRead = before[`${people.read.memberId} in the organization`] ?? [];
    const ofMixed = before[`${mixed.memberId} in the organization`] ?? [];
    expect(may(mixed)).toEqual(ofMixed.filter((name: string) => ofRead.includes(name)));
    expect(may(mixed)).toEqual(expect.arrayContaining(['check:read', 'dataset:read']));
    expect(may(mixed, open)).toEqual(['project:read', 'prompt:read']);
    expect(may(mixed, wide)).toContain('dataset:read');
    expect(may(mixed, wide)).not.toContain('dataset:create');
    expect(may(people.write, shut)).toEqual([]);
    expect(may(people.write, open)).toEqual(before[`${people.write.memberId} in ${open}`]);
    expect(may(people.read, wide)).toEqual(expect.arrayContaining(['project:read']));
    expect(may(people.read, wide)).not.toContain('project:update');

    await setPlan(owner, 'ENTERPRISE');
    expect(await everything(owner, ...projects)).toEqual(before);
  });

  test('names in the refusal of a suspended feature the plan that includes it', async () => {
    const { owner, mixed, people, projects } = await world();
    await setPlan(owner, 'FREE');
    const { errors } = await mixed.query(
      'mutation { createCheck(input: { name: "x", category: { id: "x" }, level: { id: "x" } }) { errors { code } } }',
    );
    expect(errors?.[0].extensions).toMatchObject({
      code: 'FORBIDDEN',
      permission: 'check:create',
      reason: 'PLAN_LACKS',
      hint: expect.stringContaining('TEAM'),
    });
    const requests = [
      { permission: 'project:update', targetId: projects[2], principalId: people.read.memberId },
      { permission: 'dataset:create', targetId: projects[1], principalId: mixed.memberId },
      { permission: 'trace:read', targetId: projects[1], principalId: mixed.memberId },
    ];
    const { authorize } = await queryData(
      owner,
      'query ($requests: [AuthorizationRequest!]!) { authorize(requests: $requests) { allowed reason } }',
      { requests },
    );
    expect(authorize.map(({ reason }: Json) => reason)).toEqual(['PLAN_LACKS', 'PLAN_LACKS', 'DENIED']);
  });

  test('deletes nothing, and a dry run returns the access that each principal would lose', async () => {
    const { owner, mixed, robot, custom, own, acme } = await world();
    const counted = () => api.root`
      select (select count(*) from roles where organization_id = o.id) roles,
        (select count(*) from policies where organization_id = o.id) policies,
        (select count(*) from projects where organization_id = o.id) projects,
        (select count(*) from assignments where organization_id = o.id) assignments
      from organizations o where slug = ${acme.slug}`;
    const before = await counted();
    const CHANGES = 'accessChanges { principal { id } project { id } gained lost }';
    const dry = await mutate(owner, 'updatePlan', { plan: 'FREE', dryRun: true }, CHANGES);
    const real = await mutate(owner, 'updatePlan', { plan: 'FREE' }, CHANGES);
    expect(dry.accessChanges).toEqual(real.accessChanges);
    expect(real.accessChanges.every(({ gained }: Json) => gained.length === 0)).toBe(true);
    const losers = new Set(real.accessChanges.map(({ principal }: Json) => principal.id));
    expect([...losers]).toEqual(expect.arrayContaining([mixed.memberId, robot]));
    expect(await counted()).toEqual(before);
    const { nodes } = await queryData(owner, 'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Role { name } } }', {
      ids: [custom, own],
    });
    expect(nodes).toEqual([{ name: 'Data' }, { name: 'Own' }]);
  });

  test('allows suspended roles to be removed, but not to be changed or given', async () => {
    const { owner, mixed, people, custom, projects } = await world();
    const policy = await createPolicy(owner, [allow('dataset:read')]);
    const { project } = await queryData(
      owner,
      'query ($id: ID!) { project(id: $id) { members { nodes { id principal { id } } } } }',
      { id: projects[2] },
    );
    const membership = project.members.nodes.find(({ principal }: Json) => principal.id === mixed.memberId).id;
    await setPlan(owner, 'FREE');
    for (const [name, input] of [
      ['updatePolicy', { id: policy, name: 'Renamed' }],
      ['updateRole', { id: custom, name: 'Renamed' }],
      ['updateProjectMember', { id: membership, roleId: projectRoleId('owner') }],
      ['updateMember', { id: people.user.memberId, roleId: custom }],
      [
        'updateMember',
        {
          id: people.user.memberId,
          roleId: roleId('user'),
          roleExpiresAt: '2999-01-01T00:00:00Z',
          fallbackRoleId: custom,
        },
      ],
      ['createServiceAccount', { name: 'Second', roleId: custom }],
      ['createInvitations', { emails: ['new@acme.test'], roleId: custom }],
    ] as const)
      expect(await attempt(owner, name, input), name).toEqual(
        needsFeature(name === 'updateProjectMember' ? 'projectRoles' : 'customRoles'),
      );
    expect(await attempt(owner, 'deleteProjectMember', { id: membership })).toEqual({ errors: [] });
    expect(await attempt(owner, 'deletePolicy', { id: policy })).toEqual({ errors: [] });
    expect(await attempt(owner, 'updateMember', { id: mixed.memberId, roleId: roleId('read') })).toEqual({
      errors: [],
    });
    expect(await attempt(owner, 'deleteRole', { id: custom, reassignTo: roleId('read') })).toEqual({ errors: [] });
  });

  test('marks the custom roles, policies and project roles that the new plan suspends', async () => {
    const { acme, people } = await createMembers();
    const { owner, user, read } = people;
    const project = await createProject(owner, 'marked');
    await createRole(owner, 'Custom', [allow('dataset:read')]);
    const { roles } = await queryData(owner, '{ roles(first: 100) { nodes { id name builtIn } } }');
    const custom = roles.nodes.find(({ builtIn }: Json) => !builtIn).id;
    const holder = await addMember(api, acme, 'read', 'holder');
    await giveRole(owner, holder.memberId, custom);
    await giveProjectRole(owner, project, read.memberId, projectRoleId('member'));
    await giveProjectRole(owner, project, holder.memberId, custom);
    await giveProjectRole(owner, project, user.memberId, null);
    const MARKED = `query ($project: ID!, $holder: ID!) {
      policies { nodes { suspended } }
      roles(first: 100) { nodes { builtIn suspended } }
      project(id: $project) { members { nodes { noAccess suspended } } }
      node(id: $holder) { ... on Member { role { name suspended } } }
    }`;
    const marks = async () => queryData(owner, MARKED, { project, holder: holder.memberId });
    const expected = (suspended: boolean) => ({
      policies: { nodes: [{ suspended }] },
      roles: { nodes: roles.nodes.map(({ builtIn }: Json) => ({ builtIn, suspended: !builtIn && suspended })) },
      project: {
        members: {
          nodes: [
            { noAccess: false, suspended },
            { noAccess: false, suspended },
            { noAccess: true, suspended: false },
          ],
        },
      },
      node: { role: { name: 'Custom', suspended } },
    });
    expect(await marks()).toEqual(expected(false));
    await setPlan(owner, 'FREE');
    expect(await marks()).toEqual(expected(true));
    const { node } = await queryData(
      owner,
      'query ($id: ID!) { node(id: $id) { ... on Role { viewerPermissions } } }',
      { id: custom },
    );
    expect(node.viewerPermissions).toEqual(['role:read', 'role:delete']);
    await setPlan(owner, 'TEAM');
    expect(await marks()).toEqual(expected(false));
  });

  test('below the current usage deletes nothing, and blocks additions until the usage is lower', async () => {
    const { people } = await createMembers();
    const { owner } = people;
    const projects = [];
    for (const key of ['one', 'two', 'three', 'four']) projects.push(await createProject(owner, key));
    await setPlan(owner, 'FREE');
    expect((await queryData(owner, '{ projects { totalCount } usage { projects } }')).projects).toEqual({
      totalCount: 4,
    });
    expect(await attempt(owner, 'updateProject', { id: projects[3], name: 'Renamed' })).toEqual({ errors: [] });
    const make = (key: string) => attempt(owner, 'createProject', { key, name: key });
    expect(await make('five')).toEqual(needsRoom('projects', 3, 4));
    await mutate(owner, 'deleteProject', { id: projects[0], key: 'one' });
    expect(await make('five')).toEqual(needsRoom('projects', 3, 3));
    await mutate(owner, 'deleteProject', { id: projects[1], key: 'two' });
    expect(await make('five')).toEqual({ errors: [] });
  });
});

test('an upgrade that would grant permissions that the caller lacks is refused', async () => {
  const { acme, people } = await createMembers();
  const { owner, admin } = people;
  const mighty = await addMember(api, acme, 'read', 'mighty');
  await giveRole(owner, mighty.memberId, await createRole(owner, 'Mighty', [allow('*')]));
  await setPlan(owner, 'FREE');
  expect(await mutate(admin, 'updatePlan', { plan: 'TEAM' })).toEqual({ refused: 'NOT_HELD' });
  await setPlan(owner, 'TEAM');
});
