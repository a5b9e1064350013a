import { expect, test } from 'vitest';
import { allow, createProject, createRole, giveProjectRole, giveRole } from '../decisions/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { addMember, createCheck, createOrganization, getRubric, queryData, setRole } from '../support/world.ts';

/** The permission cache lasts for one request at most, see src/graphql/permission-cache.ts. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const rubric = await getRubric(owner);
const check = await createCheck(owner, rubric);

const CHANGE_ROLE_BETWEEN_UPDATES = `mutation ($check: ID!, $me: ID!, $role: ID!) {
  before: updateCheck(input: { check: { id: $check }, name: "Named" }) { check { name category { name } } errors { code } }
  change: updateMember(input: { id: $me, roleId: $role }) { member { id } errors { code } }
  after: updateCheck(input: { check: { id: $check }, name: "Renamed" }) { check { name category { name } } errors { code } }
}`;

const codesOf = ({ errors }: { errors: Json[] | undefined }): string[] =>
  (errors ?? []).map(({ path, extensions }) => `${path.join('.')} ${extensions.reason ?? extensions.code}`);

const addEditor = async (name: string, ...permissions: string[]) => {
  const person = await addMember(api, acme, 'read', name);
  await giveRole(owner, person.memberId, await createRole(owner, name, [allow(...permissions, 'member:*', 'role:*')]));
  return person;
};

test('a member who gives up a permission in one mutation lacks it in the next one', async () => {
  const withoutRead = await createRole(owner, 'Without read', [allow('check:update', 'member:*')]);
  const person = await addEditor('seeing', 'check:read', 'check:update', 'category:read');
  const answer = await person.query(CHANGE_ROLE_BETWEEN_UPDATES, { check, me: person.memberId, role: withoutRead });
  expect(answer.data).toMatchObject({
    before: { check: { name: 'Named', category: { name: 'Security' } }, errors: [] },
    change: { errors: [] },
  });
  expect(JSON.stringify(answer.data.after)).not.toContain('Renamed');
  expect(codesOf(answer)).toEqual(['after.check.name NO_GRANT']);
});

test('a demotion between two requests with the same document affects only the demoted member', async () => {
  const person = await addMember(api, acme, 'admin', 'demoted');
  const other = await addMember(api, acme, 'admin', 'other');
  const seen = async (): Promise<string[]> =>
    codesOf(await person.query('{ plan { name } auditEvents(first: 1) { nodes { id action } } }'));
  expect(await seen()).toEqual([]);
  await setRole(api.root, person.email, 'read');
  expect(await seen()).toEqual(['plan NO_GRANT', 'auditEvents NO_GRANT']);
  expect(codesOf(await other.query('{ plan { name } }'))).toEqual([]);
});

test('concurrent callers with the same document do not share cached permissions', async () => {
  const [may, mayNot] = [await addMember(api, acme, 'admin', 'may'), await addMember(api, acme, 'read', 'may-not')];
  const outsider = (await createOrganization(api, 'globex')).owner;
  const DOCUMENT = `query ($id: ID!) { node(id: $id) { ...on Check { name } } auditEvents(first: 2) { nodes { action actorName } } checks(first: 3) { nodes { name category { name } } } }`;
  const responseOf = async (caller: Caller) =>
    JSON.stringify(await caller.query(DOCUMENT, { id: check }).then(({ data, errors }) => ({ data, errors })));
  const people = [may, mayNot, outsider, api.as()];
  const alone: string[] = [];
  for (const person of people) alone.push(await responseOf(person));
  expect(new Set(alone).size).toBe(people.length);
  const callerIndexes = Array.from({ length: 80 }, (_, at) => at % people.length);
  const together = await Promise.all(callerIndexes.map((at) => responseOf(people[at] as Caller)));
  for (const [at, who] of callerIndexes.entries()) expect(together[at]).toBe(alone[who]);
});

test('access to one’s own objects gives no access to other objects of the type', async () => {
  const person = await addMember(api, acme, 'read', 'limited');
  const limited = await createRole(owner, 'Limited', [allow('member:read', 'project:read', 'project_member:read')]);
  await giveRole(owner, person.memberId, limited);
  const DOCUMENT =
    '{ viewer { role { name permissions } user { email } } members { nodes { id role { name } user { name } } } }';
  const { data } = await person.query(DOCUMENT);
  expect(data.viewer.role.name).toBe('Limited');
  expect(data.members.nodes.length).toBeGreaterThan(1);
  for (const { id, role } of data.members.nodes)
    expect(role).toEqual(id === person.memberId ? { name: 'Limited' } : null);
});

test('a permission in one project gives no access to another project or to the organization', async () => {
  const person = await addMember(api, acme, 'read', 'project-only');
  const nothing = await createRole(owner, 'Nothing', [allow('project:read', 'member:read')]);
  const [one, two] = [await createProject(owner, 'one'), await createProject(owner, 'two')];
  await giveRole(owner, person.memberId, nothing);
  const manager = await queryData(owner, 'query ($id: ID!) { roles(projectId: $id) { nodes { id name } } }', {
    id: one,
  });
  await giveProjectRole(owner, one, person.memberId, manager.roles.nodes[0].id);
  const other = await addMember(api, acme, 'read', 'other-in-both');
  for (const project of [one, two]) await giveProjectRole(owner, project, other.memberId, manager.roles.nodes[0].id);
  const DOCUMENT = '{ projects { nodes { key members { nodes { id createdAt } } } } }';
  const answer = await person.query(DOCUMENT);
  const [seen, hidden] = answer.data.projects.nodes;
  expect([seen.key, seen.members.nodes.length]).toEqual(['one', 2]);
  expect(hidden).toEqual({ key: 'two', members: null });
  expect(codesOf(answer)).toEqual(['projects.nodes.1.members NO_GRANT']);
});
