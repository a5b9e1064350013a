import { expect, test } from 'vitest';
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
import { type Caller, type Json, startApi } from '../support/api.ts';
import {
  addMember,
  createApiToken,
  createCheck,
  createOrganization,
  getRubric,
  mutate,
  queryData,
  roleId,
} from '../support/world.ts';

const api = await startApi({ pool: 2 });
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
await api.root`update organizations set plan = 'ENTERPRISE'`;
const person = await addMember(api, acme, 'user', 'person');
const robot = await createServiceAccount(owner, 'Robot', roleId('read'));
const [open, hidden] = [await createProject(owner, 'open'), await createProject(owner, 'hidden')];
const [inOpen] = [await giveProjectRole(owner, open, person.memberId, projectRoleId('read'))];
await giveProjectRole(owner, hidden, person.memberId, null);
await giveProjectRole(owner, open, robot, projectRoleId('read'));
const token = await createApiToken(api, person, 'READ');

const MEMBER = `query ($id: ID!) { node(id: $id) { ... on Member {
  projectMembers { nodes { id project { key } } totalCount }
  apiTokens { nodes { id } }
  sessions { nodes { user { email } } totalCount } } } }`;

const read = async (by: Caller, id: string): Promise<Json> => by.query(MEMBER, { id });

test('a member has its project roles, API tokens and sessions', async () => {
  const { data, errors } = await read(owner, person.memberId);
  expect(errors).toBeUndefined();
  expect(data.node.projectMembers.totalCount).toBe(2);
  expect(data.node.apiTokens.nodes).toEqual([{ id: token.id }]);
  expect(data.node.sessions).toEqual({ nodes: [{ user: { email: person.email } }], totalCount: 1 });
});

test('the caller sees its own without a permission, except project roles in hidden projects', async () => {
  const { data, errors } = await read(person, person.memberId);
  expect(errors).toBeUndefined();
  expect(data.node.projectMembers).toEqual({ nodes: [{ id: inOpen, project: { key: 'open' } }], totalCount: 1 });
  expect(data.node.apiTokens.nodes).toEqual([{ id: token.id }]);
  expect(data.node.sessions.totalCount).toBe(1);
});

test('another member without the permissions gets FORBIDDEN, and only visible project roles', async () => {
  const reader = await addMember(api, acme, 'read', 'reader');
  await giveRole(owner, reader.memberId, await createRole(owner, 'Reader', [allow('member:read')]));
  const { data, errors } = await read(reader, person.memberId);
  expect(data.node).toEqual({ projectMembers: { nodes: [], totalCount: 0 }, apiTokens: null, sessions: null });
  expect(errors?.map(({ extensions }: Json) => [extensions.code, extensions.permission])).toEqual([
    ['FORBIDDEN', 'api_token:read'],
    ['FORBIDDEN', 'session:read'],
  ]);
});

test('a service account has its project roles and API tokens', async () => {
  const { node } = await queryData(
    owner,
    'query ($id: ID!) { node(id: $id) { ... on ServiceAccount { projectMembers { nodes { project { key } } } apiTokens { nodes { name } } } } }',
    { id: robot },
  );
  expect(node).toEqual({ projectMembers: { nodes: [{ project: { key: 'open' } }] }, apiTokens: { nodes: [] } });
});

test('the rubric has its categories, levels and checks, with their filters', async () => {
  const known = await getRubric(owner);
  await createCheck(owner, known, { name: 'First' });
  const { rubric } = await queryData(
    owner,
    `{ rubric { categories { totalCount } levels { totalCount } checks(filter: { search: "fir" }) { nodes { name category { checks { nodes { name } } } } } } }`,
  );
  const check = { name: 'First', category: { checks: { nodes: [{ name: 'First' }] } } };
  expect(rubric).toEqual({
    categories: { totalCount: Object.keys(known.categories).length },
    levels: { totalCount: Object.keys(known.levels).length },
    checks: { nodes: [check] },
  });
});

test('a project has its roles and policies', async () => {
  const role = await createRole(owner, 'Local', [allow('dataset:read')], open);
  await createRole(owner, 'Elsewhere', [allow('dataset:read')], hidden);
  const { project } = await queryData(
    owner,
    '{ project(key: "open") { roles { nodes { id builtIn } totalCount } policies { totalCount } } }',
  );
  expect(project.roles.nodes.filter(({ builtIn }: Json) => !builtIn)).toEqual([{ id: role, builtIn: false }]);
  expect(project.roles.totalCount).toBe(project.roles.nodes.length);
  expect(project.policies.totalCount).toBe(1);
  const refused = await person.query('{ project(key: "open") { key roles { totalCount } } }');
  expect(refused.errors).toBeUndefined();
});

test('the steps of a decision link the role and the policy, if the caller sees them', async () => {
  const policyId = await createPolicy(owner, [deny('check:update')]);
  const { role } = await mutate(
    owner,
    'createRole',
    { name: 'Denied', policyIds: [policyId], statements: [allow('*')] },
    'role { id }',
  );
  await giveRole(owner, person.memberId, role.id);
  const STEPS = '{ access(permission: "check:update") { steps { kind passed role { id } policy { id } } } }';
  const { access } = await queryData(person, STEPS);
  const denial = { kind: 'DENIAL', passed: false, role: { id: role.id }, policy: { id: policyId } };
  expect(access.steps.at(-1)).toEqual(denial);
  await mutate(owner, 'updateRole', { id: role.id, statements: [allow('*'), deny('policy:read')] });
  expect((await queryData(person, STEPS)).access.steps.at(-1)).toEqual({ ...denial, policy: null });
});

test('the permission to resend an invitation is not promised to a caller who cannot give its role', async () => {
  const weak = await addMember(api, acme, 'read', 'weak');
  await giveRole(owner, weak.memberId, await createRole(owner, 'Weak', [allow('*:read', 'invitation:*')]));
  const invite = async (email: string, role: 'admin' | 'guest') =>
    (await mutate(owner, 'createInvitations', { emails: [email], roleId: roleId(role) }, 'invitations { id }'))
      .invitations[0].id;
  for (const [role, may] of [
    ['admin', false],
    ['guest', true],
  ] as const) {
    const id = await invite(`${role}@x.test`, role);
    const { node } = await queryData(
      weak,
      'query ($id: ID!) { node(id: $id) { ... on Invitation { viewerPermissions } } }',
      { id },
    );
    expect(node.viewerPermissions.includes('invitation:update'), role).toBe(may);
    const { refused } = await mutate(weak, 'resendInvitation', { id });
    expect(refused).toBe(may ? undefined : 'NOT_HELD');
  }
});

test('an object is a valid target: its project or the organization is asked', async () => {
  const check = await createCheck(owner, await getRubric(owner), { name: 'Second' });
  const dataset = await mutate(owner, 'createDataset', { projectId: open, name: 'Set' }, 'dataset { id }');
  const ask = (by: Caller, targetId: string, permission = 'dataset:read') =>
    by.query(
      `{ access(permission: "${permission}", targetId: "${targetId}") { allowed } authorize(requests: [{ permission: "${permission}", targetId: "${targetId}" }]) { reason } }`,
    );
  expect((await ask(owner, check, 'check:update')).data).toEqual({
    access: { allowed: true },
    authorize: [{ reason: null }],
  });
  expect((await ask(owner, dataset.dataset.id, 'check:update')).data.authorize).toEqual([{ reason: 'WRONG_LEVEL' }]);
  const inHidden = await mutate(owner, 'createDataset', { projectId: hidden, name: 'Set' }, 'dataset { id }');
  for (const id of [inHidden.dataset.id, `chk_${'0'.repeat(26)}`]) {
    const { data, errors } = await ask(person, id);
    expect([data.authorize, errors?.[0].extensions.code]).toEqual([[{ reason: 'NO_SUCH_TARGET' }], 'NOT_FOUND']);
  }
});

test('nothing tells the key of a hidden project', async () => {
  const maker = await addMember(api, acme, 'read', 'maker');
  await giveRole(
    owner,
    maker.memberId,
    await createRole(owner, 'Maker', [allow('*:read', 'project:create', 'project:update')]),
  );
  const create = async (key: string) => mutate(maker, 'createProject', { key, name: 'X' }, 'project { id key }');
  expect(await create('hidden')).toEqual({ project: null, errors: [{ code: 'TAKEN', path: ['key'] }] });
  await giveProjectRole(owner, hidden, maker.memberId, null);
  const { usage, projects } = await queryData(maker, '{ usage { projects } projects { totalCount } }');
  expect(usage.projects).toBe(projects.totalCount);
  const made = [await create('HIDDEN'), await create('unused')];
  expect(made.map(({ project, errors }) => [project.key.replace(/[a-z0-9]{6}$/, ''), errors])).toEqual([
    ['HIDDEN-', []],
    ['unused-', []],
  ]);
  const renamed = await mutate(maker, 'updateProject', { id: made[0].project.id, key: 'hidden' }, 'project { key }');
  expect(renamed.project.key).toMatch(/^hidden-[a-z0-9]{6}$/);
  const same = await mutate(
    maker,
    'updateProject',
    { id: made[1].project.id, key: made[1].project.key },
    'project { key }',
  );
  expect(same.project.key).toBe(made[1].project.key);
});
