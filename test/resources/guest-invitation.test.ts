import { beforeAll, expect, test } from 'vitest';
import { createProject, createRole, giveProjectRole, giveRole, projectRoleId } from '../decisions/support.ts';
import { secretFor } from '../enforcement/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import {
  addMember,
  createApiToken,
  createOrganization,
  mutate,
  type Person,
  queryData,
  roleId,
  signUp,
} from '../support/world.ts';

/** Invitations that give project roles only: a Manager of a project sends them, and the person becomes a Guest. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const apollo = await createProject(owner, 'apollo');
const gemini = await createProject(owner, 'gemini');
let manager: Person;
let other: Person;

beforeAll(async () => {
  // Both are Guests of the organization, and see nothing of it but their project.
  manager = await addMember(api, acme, 'guest', 'manager');
  other = await addMember(api, acme, 'guest', 'other');
  await giveProjectRole(owner, apollo, manager.memberId, projectRoleId('manager'));
  await giveProjectRole(owner, gemini, other.memberId, projectRoleId('manager'));
});

let count = 0;
const someone = (): string => `guest${++count}@elsewhere.test`;
const inProject = (projectId: string, role: Parameters<typeof projectRoleId>[0] = 'member'): Json => ({
  projectRoles: [{ projectId, roleId: projectRoleId(role) }],
});
const INVITED =
  'invitations { id email role { name } projectRoles { project { key } role { name } } viewerPermissions mailStatus }';
const invite = (by: Caller, input: object): Promise<Json> => mutate(by, 'createInvitations', input, INVITED);

async function invited(by: Caller, input: object, email = someone()): Promise<{ id: string; email: string }> {
  const answer = await invite(by, { emails: [email], ...input });
  if (!answer.invitations) throw new Error(JSON.stringify(answer));
  return { id: answer.invitations[0].id, email };
}

const accept = (by: Caller, email: string, results = 'organization { slug }'): Promise<Json> =>
  mutate(by, 'acceptInvitation', { secret: secretFor(api, email) }, results);
const GONE = { organization: null, errors: [{ code: 'NOT_FOUND', path: ['secret'] }] };

const LIST = `query ($id: ID!) { project(id: $id) {
  invitations { totalCount nodes { id email role { name } projectRoles { project { key } role { name } } inviter { id } } } } }`;
const invitationsOf = async (by: Caller, id: string): Promise<Json> =>
  (await queryData(by, LIST, { id })).project.invitations;
const idsIn = async (by: Caller, id: string): Promise<string[]> =>
  (await invitationsOf(by, id)).nodes.map((node: Json) => node.id);
const roleIn = async (person: { email: string }, projectId: string): Promise<Json> => {
  const { project } = await queryData(
    owner,
    'query ($id: ID!) { project(id: $id) { people(first: 500) { nodes { principal { ... on Member { user { email } role { name } } } role { name } } } } }',
    { id: projectId },
  );
  const found = project.people.nodes.find(({ principal }: Json) => principal?.user?.email === person.email);
  return found ? [found.principal.role.name, found.role.name] : null;
};

test('a Manager of a project invites to it without invitation:create, and the person becomes a Guest', async () => {
  const email = someone();
  const answer = await invite(manager, { emails: [email], ...inProject(apollo) });
  expect(answer).toEqual({
    invitations: [
      {
        id: expect.any(String),
        email,
        role: null,
        projectRoles: [{ project: { key: 'apollo' }, role: { name: 'Member' } }],
        viewerPermissions: ['project_member:read', 'project_member:create', 'project_member:delete'],
        mailStatus: 'SENT',
      },
    ],
    errors: [],
  });
  const { invitationOffer } = await queryData(
    api.as(),
    'query ($secret: String!) { invitationOffer(secret: $secret) { organizationName roleName projectRoles { projectName roleName } } }',
    { secret: secretFor(api, email) },
  );
  expect(invitationOffer).toEqual({
    organizationName: 'acme',
    roleName: 'Guest',
    projectRoles: [{ projectName: expect.any(String), roleName: 'Member' }],
  });
  const person = await signUp(api, email);
  const { session, ...accepted } = await accept(
    person,
    email,
    'organization { slug } member { name role { name permissions } } session { accessToken }',
  );
  expect(accepted).toEqual({
    organization: { slug: 'acme' },
    member: { name: email, role: { name: 'Guest', permissions: ['organization:read'] } },
    errors: [],
  });
  expect(await roleIn({ email }, apollo)).toEqual(['Guest', 'Member']);
  // The session is bound to the organization, and sees this project only.
  const bound = api.as(session.accessToken);
  const seen = await queryData(bound, '{ viewer { organization { slug } } projects { nodes { key } } }');
  expect(seen).toEqual({ viewer: { organization: { slug: 'acme' } }, projects: { nodes: [{ key: 'apollo' }] } });
});

test('a Manager cannot invite with an organization role, to another project, or above their own role', async () => {
  const emails = [someone()];
  expect(await invite(manager, { emails, roleId: roleId('guest'), ...inProject(apollo) })).toEqual({
    refused: 'NO_GRANT',
  });
  expect(await invite(manager, { emails, ...inProject(apollo, 'owner') })).toEqual({ refused: 'NOT_HELD' });
  // A project that the Manager cannot see does not exist for them.
  const both = { projectRoles: [...inProject(apollo).projectRoles, ...inProject(gemini).projectRoles] };
  expect((await invite(manager, { emails, ...both })).errors).toEqual([
    { code: 'NOT_FOUND', path: ['projectRoles', '1', 'projectId'] },
  ]);
  // One that they can see, without being its Manager.
  await giveProjectRole(owner, await createProject(owner, 'visible'), manager.memberId, projectRoleId('member'));
  const { projects } = await queryData(manager, '{ projects { nodes { id key } } }');
  const visible = projects.nodes.find(({ key }: Json) => key === 'visible').id;
  expect(await invite(manager, { emails, ...inProject(visible, 'read') })).toEqual({
    refused: 'NO_GRANT',
  });
  for (const nothing of [{}, { projectRoles: [] }])
    expect((await invite(owner, { emails, ...nothing })).errors).toEqual([{ code: 'REQUIRED', path: ['roleId'] }]);
  expect(() => secretFor(api, emails[0] as string)).toThrow('no secret was sent');
});

test('a role with invitation:create alone invites with a role, and not to a project', async () => {
  const recruiter = await addMember(api, acme, 'read', 'recruiter');
  const role = await createRole(owner, 'Recruiter', [
    { effect: 'ALLOW', permissions: ['invitation:create', '*:read'] },
  ]);
  await giveRole(owner, recruiter.memberId, role);
  expect((await invite(recruiter, { emails: [someone()], roleId: role })).errors).toEqual([]);
  expect(await invite(recruiter, { emails: [someone()], ...inProject(apollo, 'read') })).toEqual({
    refused: 'NO_GRANT',
  });
});

test('a read-only token and an anonymous caller invite nobody', async () => {
  const token = await createApiToken(api, owner, 'READ');
  const { id } = await invited(owner, inProject(apollo));
  expect(await invite(token, { emails: [someone()], ...inProject(apollo) })).toEqual({ refused: 'READ_ONLY_TOKEN' });
  for (const name of ['resendInvitation', 'deleteInvitation']) {
    expect(await mutate(token, name, { id })).toEqual({ refused: 'READ_ONLY_TOKEN' });
    expect(await mutate(api.as(), name, { id })).toEqual({ refused: 'UNAUTHENTICATED' });
  }
  expect(await invite(api.as(), { emails: [someone()], ...inProject(apollo) })).toEqual({ refused: 'UNAUTHENTICATED' });
});

test('Project.invitations lists what names the project, and shows only the role there', async () => {
  const both = { projectRoles: [...inProject(apollo).projectRoles, ...inProject(gemini, 'read').projectRoles] };
  const { id } = await invited(owner, { roleId: roleId('write'), ...both });
  const elsewhere = await invited(owner, inProject(gemini));
  const withoutProject = await invited(owner, { roleId: roleId('read') });
  const seen = (await invitationsOf(manager, apollo)).nodes.find((node: Json) => node.id === id);
  expect(seen).toEqual({
    id,
    email: expect.any(String),
    role: null,
    projectRoles: [{ project: { key: 'apollo' }, role: { name: 'Member' } }],
    inviter: null,
  });
  const full = (await invitationsOf(owner, apollo)).nodes.find((node: Json) => node.id === id);
  expect(full).toMatchObject({ role: { name: 'Write' }, inviter: { id: owner.memberId } });
  expect(full.projectRoles).toHaveLength(2);
  const { nodes, totalCount } = await invitationsOf(manager, apollo);
  expect(totalCount).toBe(nodes.length);
  for (const hidden of [elsewhere.id, withoutProject.id]) {
    expect(nodes.map((node: Json) => node.id)).not.toContain(hidden);
    expect(await queryData(manager, 'query ($id: ID!) { node(id: $id) { id } }', { id: hidden })).toEqual({
      node: null,
    });
  }
  // The list of the organization and the other project stay closed.
  const { data, errors } = await manager.query('{ invitations { nodes { id } } }');
  expect([data, errors?.[0].extensions.permission]).toEqual([{ invitations: null }, 'invitation:read']);
  expect((await manager.query(LIST, { id: gemini })).data).toEqual({ project: null });
});

test.each(['resendInvitation', 'deleteInvitation'])(
  '%s works for a Manager of all projects of it only',
  async (name) => {
    const own = await invited(manager, inProject(apollo));
    const foreign = await invited(other, inProject(gemini));
    const organizational = await invited(owner, { roleId: roleId('read') });
    const both = { projectRoles: [...inProject(apollo).projectRoles, ...inProject(gemini).projectRoles] };
    const shared = await invited(owner, both);
    const wider = await invited(owner, { roleId: roleId('write'), ...inProject(apollo) });
    // Not visible.
    for (const { id } of [foreign, organizational])
      expect(await mutate(manager, name, { id })).toEqual({ refused: 'NOT_FOUND' });
    // Visible, with more than the Manager may give or take.
    for (const { id } of [shared, wider]) expect(await mutate(manager, name, { id })).toEqual({ refused: 'NO_GRANT' });
    const member = await addMember(api, acme, 'read', `reader of ${name}`.replaceAll(' ', '-'));
    expect(await mutate(member, name, { id: own.id })).toEqual({ refused: 'NO_GRANT' });
    expect(await mutate(manager, name, { id: own.id })).toEqual({ errors: [] });
    await giveProjectRole(owner, gemini, manager.memberId, projectRoleId('manager'));
    expect(await mutate(manager, name, { id: shared.id })).toEqual({ errors: [] });
    const { projectMember } = (
      await queryData(
        owner,
        'query ($id: ID!) { project(id: $id) { people(first: 500) { nodes { principalId projectMember { id } } } } }',
        {
          id: gemini,
        },
      )
    ).project.people.nodes.find(({ principalId }: Json) => principalId === manager.memberId);
    await mutate(owner, 'deleteProjectMember', { id: projectMember.id });
  },
);

test('an inviter does not learn who belongs to the organization or is invited to it', async () => {
  const stranger = someone();
  const reader = await addMember(api, acme, 'read', 'known');
  const pending = await invited(owner, { roleId: roleId('write') });
  const inOther = await invited(other, inProject(gemini));
  const answers: Json[] = [];
  for (const email of [stranger, reader.email, pending.email, inOther.email]) {
    const answer = await invite(manager, { emails: [email], ...inProject(apollo) });
    const { id, ...shown } = answer.invitations[0];
    expect(await idsIn(manager, apollo)).toContain(id);
    answers.push({ ...answer, invitations: [{ ...shown, email: 'somebody' }] });
  }
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  // What the inviter can see is reported as before.
  expect((await invite(manager, { emails: [stranger], ...inProject(apollo) })).errors).toEqual([
    { code: 'TAKEN', path: ['emails', '0'] },
  ]);
  for (const email of [reader.email, pending.email, inOther.email])
    expect((await invite(owner, { emails: [email], ...inProject(apollo) })).errors).toEqual([
      { code: 'TAKEN', path: ['emails', '0'] },
    ]);
});

test('a member who is invited to a project keeps their organization role and their other project roles', async () => {
  const reader = await addMember(api, acme, 'read', 'busy');
  const admin = await addMember(api, acme, 'admin', 'boss');
  await invited(manager, inProject(apollo), reader.email);
  expect(await accept(reader, reader.email)).toEqual({ organization: { slug: 'acme' }, errors: [] });
  expect(await roleIn(reader, apollo)).toEqual(['Read', 'Member']);
  // A second invitation changes nothing: they have a role there.
  await invited(manager, inProject(apollo, 'read'), reader.email);
  expect((await accept(reader, reader.email)).errors).toEqual([{ code: 'TAKEN', path: ['secret'] }]);
  expect(await roleIn(reader, apollo)).toEqual(['Read', 'Member']);
  // No project role overrides that of an Admin.
  await invited(manager, inProject(apollo), admin.email);
  expect((await accept(admin, admin.email)).errors).toEqual([{ code: 'TAKEN', path: ['secret'] }]);
  expect(await roleIn(admin, apollo)).toEqual(['Admin', 'Admin']);
});

test('an address with two invitations counts as one seat, and both can be accepted', async () => {
  const seats = async () => (await queryData(owner, '{ usage { seats } }')).usage.seats;
  const before = await seats();
  const first = await invited(manager, inProject(apollo));
  const firstSecret = secretFor(api, first.email);
  await invited(other, inProject(gemini, 'read'), first.email);
  expect(await seats()).toBe(before + 1);
  const person = await signUp(api, first.email);
  const { session } = await accept(person, first.email, 'session { accessToken }');
  expect(await seats()).toBe(before + 1);
  const { acceptInvitation } = await queryData(
    api.as(session.accessToken),
    'mutation ($secret: String!) { acceptInvitation(input: { secret: $secret }) { accessChanges { project { key } gained } errors { code } } }',
    { secret: firstSecret },
  );
  expect(acceptInvitation.errors).toEqual([]);
  expect(acceptInvitation.accessChanges.map(({ project }: Json) => project?.key)).toEqual(['apollo']);
  expect([await roleIn(first, apollo), await roleIn(first, gemini)]).toEqual([
    ['Guest', 'Member'],
    ['Guest', 'Read'],
  ]);
});

test('the inviter must still be able to invite when the invitation is accepted', async () => {
  const deputy = await addMember(api, acme, 'guest', 'deputy');
  await giveProjectRole(owner, apollo, deputy.memberId, projectRoleId('manager'));
  const [one, two] = [await invited(deputy, inProject(apollo)), await invited(deputy, inProject(apollo))];
  const { members } = (
    await queryData(
      owner,
      'query ($id: ID!) { project(id: $id) { members(first: 500) { nodes { id principal { id } } } } }',
      {
        id: apollo,
      },
    )
  ).project;
  const { id } = members.nodes.find(({ principal }: Json) => principal.id === deputy.memberId);
  await mutate(owner, 'updateProjectMember', { id, roleId: projectRoleId('member') });
  const [first, second] = [await signUp(api, one.email), await signUp(api, two.email)];
  expect(await accept(first, one.email)).toEqual(GONE);
  // Another Manager sends it again, and becomes the inviter.
  expect(await mutate(manager, 'resendInvitation', { id: one.id })).toEqual({ errors: [] });
  expect((await accept(first, one.email)).errors).toEqual([]);
  await mutate(owner, 'deleteMember', { id: deputy.memberId });
  expect(await accept(second, two.email)).toEqual(GONE);
});

test('exactly one of two concurrent acceptances of a project invitation succeeds', async () => {
  const { email } = await invited(manager, inProject(apollo));
  const person = await signUp(api, email);
  const answers = await Promise.all([accept(person, email), accept(person, email)]);
  expect(answers.filter(({ organization }) => organization)).toHaveLength(1);
  expect(answers.filter(({ organization }) => !organization)).toEqual([GONE]);
});

test('a session that is bound to another organization stays bound to it', async () => {
  const globex = await createOrganization(api, 'globex');
  await invited(manager, inProject(apollo), globex.owner.email);
  expect((await accept(globex.owner, globex.owner.email)).organization).toEqual({ slug: 'acme' });
  const { viewer } = await queryData(globex.owner, '{ viewer { organization { slug } } }');
  expect(viewer.organization.slug).toBe('globex');
});

test('a plan without project roles or without seats refuses, and the usage is not told to a Manager', async () => {
  const small = await createOrganization(api, 'small');
  const project = await createProject(small.owner, 'p');
  const chief = await addMember(api, small, 'guest', 'chief');
  await giveProjectRole(small.owner, project, chief.memberId, projectRoleId('manager'));
  await mutate(small.owner, 'updatePlan', { plan: 'TEAM' });
  const emails = Array.from({ length: 50 }, someone);
  expect((await invite(chief, { emails, ...inProject(project) })).errors).toEqual([]);
  const DOCUMENT =
    'mutation ($input: CreateInvitationsInput!) { createInvitations(input: $input) { errors { code } } }';
  const input = { emails: Array.from({ length: 50 }, someone), ...inProject(project) };
  const extensionsOf = async (by: Caller) => (await by.query(DOCUMENT, { input })).errors?.[0].extensions;
  expect(await extensionsOf(chief)).toMatchObject({ code: 'PLAN_REQUIRED', limit: 100, usage: null });
  expect(await extensionsOf(small.owner)).toMatchObject({ code: 'PLAN_REQUIRED', limit: 100, usage: 52 });
  await mutate(small.owner, 'updatePlan', { plan: 'FREE' });
  expect((await invite(small.owner, { emails: [someone()], ...inProject(project) })).refused).toBe('PLAN_REQUIRED');
});
