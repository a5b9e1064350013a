import { expect, test } from 'vitest';
import {
  allow,
  createProject,
  createRole,
  createServiceAccount,
  deny,
  giveProjectRole,
  giveRole,
  projectRoleId,
} from '../decisions/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { statementsOf } from '../support/statements.ts';
import { addMember, createOrganization, type Person, queryData, roleId } from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const apollo = await createProject(owner, 'apollo');
const gemini = await createProject(owner, 'gemini');

await addMember(api, acme, 'admin', 'admin');
await addMember(api, acme, 'read', 'reader');
const [guest, manager] = [await addMember(api, acme, 'guest', 'guest'), await addMember(api, acme, 'guest', 'manager')];
const excluded = await addMember(api, acme, 'write', 'excluded');
const robot = await createServiceAccount(owner, 'robot', roleId('guest'));
const annotator = await createRole(owner, 'Annotator', [allow('dataset:read')]);
const blind = await createRole(owner, 'Blind', [allow('dataset:read'), deny('project:read')]);
const annotating = await addMember(api, acme, 'read', 'annotating');
const unseeing = await addMember(api, acme, 'read', 'unseeing');
await giveRole(owner, annotating.memberId, annotator);
await giveRole(owner, unseeing.memberId, blind);
await giveProjectRole(owner, apollo, manager.memberId, projectRoleId('manager'));
await giveProjectRole(owner, apollo, excluded.memberId, null);
await giveProjectRole(owner, apollo, robot, projectRoleId('member'));

const PEOPLE = 'people(first: 50) { totalCount nodes { name kind reason role { name } } }';
const DOCUMENT = `query ($id: ID!) { project(id: $id) { ${PEOPLE} } }`;
const peopleOf = async (by: Caller, id: string): Promise<Json> =>
  (await queryData(by, DOCUMENT, { id })).project.people;
const line = ({ name, kind, reason, role }: Json): string => `${name} ${kind} ${reason} ${role?.name}`;

test('lists everybody with access, in the order of joining, with the role that applies and why', async () => {
  const { nodes, totalCount } = await peopleOf(owner, apollo);
  expect(nodes.map(line)).toEqual([
    `${owner.email} MEMBER NEVER_OVERRIDDEN Owner`,
    'admin MEMBER NEVER_OVERRIDDEN Admin',
    'reader MEMBER ORGANIZATION_ROLE Read',
    'manager MEMBER PROJECT_ROLE Manager',
    'robot SERVICE_ACCOUNT PROJECT_ROLE Member',
    'annotating MEMBER ORGANIZATION_ROLE Annotator',
  ]);
  expect(totalCount).toBe(6);
  // Where the Manager and the robot have no project role, they are only Guests.
  expect((await peopleOf(owner, gemini)).nodes.map(({ name }: Json) => name)).toEqual([
    owner.email,
    'admin',
    'reader',
    'excluded',
    'annotating',
  ]);
});

test('the permissions are those of authorize, for everybody, and nobody else has access', async () => {
  const { project, members, serviceAccounts } = await queryData(
    owner,
    'query ($id: ID!) { project(id: $id) { people { nodes { principalId permissions } } } members { nodes { id } } serviceAccounts { nodes { id } } }',
    { id: apollo },
  );
  const listed = new Map(project.people.nodes.map((one: Json) => [one.principalId, one.permissions]));
  const everybody = [...members.nodes, ...serviceAccounts.nodes].map(({ id }: Json) => id);
  expect(everybody).toHaveLength(9);
  for (const principalId of everybody) {
    const { permissionsOf } = await queryData(
      owner,
      'query ($principalId: ID, $targetId: ID) { permissionsOf(principalId: $principalId, targetId: $targetId) }',
      { principalId, targetId: apollo },
    );
    expect(listed.get(principalId) ?? []).toEqual(permissionsOf);
  }
});

test('a Manager who is a Guest reads the names, but neither e-mail addresses nor custom roles of the organization', async () => {
  const { nodes } = await peopleOf(manager, apollo);
  expect(nodes.map(({ name }: Json) => name)).toContain('reader');
  expect(nodes.map(line)).toContain('annotating MEMBER ORGANIZATION_ROLE undefined');
  const { project } = await queryData(
    manager,
    'query ($id: ID!) { project(id: $id) { people { nodes { name principal { id ... on Member { user { email } } } projectMember { id } } } } }',
    { id: apollo },
  );
  const seen = project.people.nodes.filter(({ principal }: Json) => principal !== null);
  expect(seen.map(({ principal }: Json) => principal)).toEqual([
    { id: manager.memberId, user: { email: manager.email } },
  ]);
  expect(project.people.nodes.filter((one: Json) => one.projectMember).map(({ name }: Json) => name)).toEqual([
    'manager',
    'robot',
  ]);
});

test.each([
  ['a Guest without a project role', guest, true],
  ['a member without access to the project', excluded, true],
  ['a member who lacks project_member:read', annotating, false],
])('%s cannot list the people of a project', async (_name, by: Person, hidden) => {
  const { data, errors } = await by.query(DOCUMENT, { id: apollo });
  expect(data.project).toEqual(hidden ? null : { people: null });
  if (!hidden) expect(errors?.[0].extensions).toMatchObject({ code: 'FORBIDDEN', permission: 'project_member:read' });
});

test('an expired role counts no more, and the fallback role does', async () => {
  const leaving = await addMember(api, acme, 'read', 'leaving');
  const soon = new Date(Date.now() + 60_000);
  await giveRole(owner, leaving.memberId, roleId('read'), { roleExpiresAt: soon, fallbackRoleId: roleId('guest') });
  const isListed = async () => (await peopleOf(owner, gemini)).nodes.some(({ name }: Json) => name === 'leaving');
  expect(await isListed()).toBe(true);
  api.advance(61_000);
  expect(await isListed()).toBe(false);
});

test('a page needs the same number of statements with more people, roles and projects', async () => {
  const list =
    '{ projects(first: 5) { nodes { people(first: 20) { totalCount nodes { name role { name } permissions projectMember { id } } } } } }';
  const count = async (): Promise<number> => {
    await queryData(owner, list);
    return (await statementsOf(api, () => queryData(owner, list))).length;
  };
  const before = await count();
  for (const name of ['one', 'two', 'three']) {
    const project = await createProject(owner, name);
    const role = await createRole(owner, name, [allow('*:read')]);
    const account = await createServiceAccount(owner, name, role);
    await giveProjectRole(owner, project, account, role);
  }
  expect(await count()).toBe(before);
});
