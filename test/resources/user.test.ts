import { expect, test } from 'vitest';
import { fromPublicId, newId, toPublicId } from '../../src/lib/ids.ts';
import { allow, createRole, giveRole } from '../decisions/support.ts';
import { type Caller, startApi } from '../support/api.ts';
import {
  addMember,
  addToOrganization,
  createApiToken,
  createOrganization,
  mutate,
  type Person,
  queryData,
  signIn,
  signUp,
} from '../support/world.ts';

/** Who sees which person: the caller, and the members of the organization that the caller is signed in to. */
const api = await startApi();
const [acme, globex] = [await createOrganization(api, 'acme'), await createOrganization(api, 'globex')];
const ann = await addMember(api, acme, 'read', 'ann');
// Also a member of the other organization.
await addToOrganization(api, globex, ann, 'read');
const annThere = await signIn(api, ann.email, 'globex');
const robot = await createApiToken(api, acme.owner, 'READ');
const loner = await signUp(api, 'loner@example.test');

const NODE = 'query ($id: ID!) { node(id: $id) { id ... on User { name email createdAt } } }';
/** A statement that reads two objects is planned in another way than one. */
const NODES = 'query ($id: ID!) { a: node(id: $id) { ... on User { email } } b: node(id: $id) { id } }';

const idOf = ({ userId }: Person): string => userId;
const seenBy = async (caller: Caller, id: string): Promise<unknown> => {
  const { node } = await queryData(caller, NODE, { id });
  const { a, b } = await queryData(caller, NODES, { id });
  expect([a?.email, b?.id]).toEqual([node?.email, node?.id]);
  return node;
};
const shown = async (person: Person): Promise<object> => {
  const [row] = await api.root<{ name: string; since: Date }[]>`
    select name, created_at as since from users where email = ${person.email}`;
  return { id: person.userId, name: row?.name, email: person.email, createdAt: row?.since.toISOString() };
};

test.each<[string, Caller, Person]>([
  ['themselves', ann, ann],
  ['another member of the organization', ann, acme.owner],
  ['a member of several organizations', acme.owner, ann],
  ['the same one in the other organization', globex.owner, ann],
  ['the members of the organization that they are signed in to', annThere, globex.owner],
  ['a member, with an API token', robot, ann],
  ['themselves without an organization', loner, loner],
])('a caller sees %s', async (_, caller, person) => {
  expect(await seenBy(caller, idOf(person))).toEqual(await shown(person));
});

test.each<[string, Caller, string]>([
  ['a member of another organization', acme.owner, idOf(globex.owner)],
  ['a member of another organization of theirs', ann, idOf(globex.owner)],
  ['a member of another organization of theirs, from there', annThere, idOf(acme.owner)],
  ['a person without an organization', acme.owner, idOf(loner)],
  ['a member of another organization, with an API token', robot, idOf(globex.owner)],
  ['anybody else without an organization', loner, idOf(ann)],
  ['somebody who does not exist', acme.owner, toPublicId('usr', newId())],
  ['somebody who does not exist, without an organization', loner, toPublicId('usr', newId())],
])('a caller does not see %s', async (_, caller, id) => {
  expect(await seenBy(caller, id)).toBeNull();
});

test('a caller without member:read sees themselves only', async () => {
  const clerk = await addMember(api, acme, 'read', 'clerk');
  await giveRole(acme.owner, clerk.memberId, await createRole(acme.owner, 'Clerk', [allow('session:read')]));
  expect(await seenBy(clerk, idOf(clerk))).toEqual(await shown(clerk));
  const { data, errors } = await clerk.query(NODE, { id: idOf(ann) });
  expect([data.node, errors]).toEqual([null, undefined]);
  const { viewer } = await queryData(clerk, '{ viewer { user { email } } }');
  expect(viewer.user).toEqual({ email: clerk.email });
});

test('a session names its user in the organization, and also without an organization', async () => {
  const SESSIONS = '{ viewer { organization { slug } } sessions { nodes { current user { id email } } } }';
  const { sessions } = await queryData(acme.owner, SESSIONS);
  expect(sessions.nodes).toContainEqual({ current: false, user: { id: ann.userId, email: ann.email } });
  expect(sessions.nodes).toContainEqual({ current: true, user: { id: acme.owner.userId, email: acme.owner.email } });
  expect(JSON.stringify(sessions)).not.toContain('globex');
  const id = (await queryData(loner, '{ viewer { credential { id } } }')).viewer.credential.id;
  const own = await queryData(loner, 'query ($id: ID!) { node(id: $id) { ... on Session { user { email } } } }', {
    id,
  });
  expect(own).toEqual({ node: { user: { email: loner.email } } });
});

test('a former member is not visible from the next request on, and sees only themselves', async () => {
  const leaver = await addMember(api, acme, 'read', 'leaver');
  expect(await seenBy(acme.owner, idOf(leaver))).toEqual(await shown(leaver));
  expect(await mutate(acme.owner, 'deleteMember', { id: leaver.memberId })).toEqual({ errors: [] });
  expect(await seenBy(acme.owner, idOf(leaver))).toBeNull();
  const back = await signIn(api, leaver.email);
  expect(await seenBy(back, idOf(leaver))).toEqual(await shown(leaver));
  expect(await seenBy(back, idOf(acme.owner))).toBeNull();
});

test('a session of an organization that its user does not belong to gives no access to it', async () => {
  const stranger = await signUp(api, 'stranger@example.test');
  const [user, organization] = [fromPublicId('usr', stranger.userId), fromPublicId('org', acme.id)];
  await api.root`update sessions set organization_id = ${organization} where user_id = ${user}`;
  const look = () =>
    queryData(stranger, '{ viewer { organization { id } permissions user { email } } checks { totalCount } }');
  await expect(look()).rejects.toThrow();
  const { viewer } = await queryData(stranger, '{ viewer { organization { id } permissions user { email } } }');
  expect(viewer).toEqual({ organization: null, permissions: [], user: { email: stranger.email } });
  expect(await seenBy(stranger, idOf(acme.owner))).toBeNull();
});
