import { expect, test } from 'vitest';
import { newId, toPublicId } from '../../src/lib/ids.ts';
import { allow, createRole, deny, giveRole } from '../decisions/support.ts';
import { type Caller, startApi } from '../support/api.ts';
import {
  addMember,
  addToOrganization,
  createApiToken,
  createOrganization,
  executeMutation,
  membersOfEachRole,
  mutate,
  queryData,
  roleId,
  signIn,
} from '../support/world.ts';
import { credentialOf, inside, look, moveTo, REFUSED, refresh, refusedAt, WRONG_REFRESH, whole } from './support.ts';

const SIGN_OUT = 'mutation ($id: ID) { signOut(input: { sessionId: $id }) { deletedId errors { code } } }';
const SIGN_OUT_MEMBER =
  'mutation ($id: ID!) { signOutMember(input: { memberId: $id }) { endedSessions errors { code } } }';

const api = await startApi();
const node = await startApi({ database: api });
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const people = await membersOfEachRole(api, acme);

const signOut = async (caller: Caller, id?: string) => whole(await caller.query(SIGN_OUT, { id }));
const signOutMember = async (caller: Caller, id: string) => whole(await caller.query(SIGN_OUT_MEMBER, { id }));
const onNode = (caller: Caller) => node.as(caller.token);
const again = (person: { email: string }) => signIn(api, person.email, 'acme');

const OUT = {
  status: 200,
  data: { signOut: { deletedId: expect.stringMatching(/^ses_/), errors: [] } },
  errors: undefined,
};

test('signOut ends the session of the request on every node, and no other session', async () => {
  const [session, other] = [await again(people.user), await again(people.user)];
  expect(await signOut(session)).toEqual(OUT);
  for (const caller of [session, onNode(session)]) expect(await look(caller)).toEqual(REFUSED);
  expect(await refresh(api, session.refreshToken)).toEqual(WRONG_REFRESH);
  expect(await look(other)).toEqual(inside(people.user.email, 'acme'));
});

test('signOut with an id ends another session of the caller', async () => {
  const [here, lost] = [await again(people.user), await again(people.user)];
  expect(await signOut(here, await credentialOf(lost))).toEqual(OUT);
  expect(await look(onNode(lost))).toEqual(REFUSED);
  expect(await look(here)).toEqual(inside(people.user.email, 'acme'));
});

test('signOut with an id ends a session of the caller in another organization', async () => {
  const person = await addMember(api, acme, 'read', 'traveller');
  await addToOrganization(api, globex, person, 'read');
  const abroad = await signIn(api, person.email, 'globex');
  expect(await signOut(person, await credentialOf(abroad))).toEqual(OUT);
  expect(await look(abroad)).toEqual(REFUSED);
});

test('signOut reports a session of another user as not found, even to an Owner', async () => {
  const victim = await again(people.admin);
  const unknown = await signOut(people.user, toPublicId('ses', newId()));
  expect(unknown).toEqual({
    status: 200,
    data: { signOut: null },
    errors: [
      {
        message: 'There is no Session with this ID, or it is not visible to you.',
        path: ['signOut'],
        locations: expect.any(Array),
        extensions: { code: 'NOT_FOUND' },
      },
    ],
  });
  const id = await credentialOf(victim);
  for (const caller of [people.user, people.owner, globex.owner]) expect(await signOut(caller, id)).toEqual(unknown);
  for (const wrong of ['', 'nonsense', acme.id, id.toUpperCase(), `${id} `])
    expect(await signOut(people.user, wrong)).toEqual(unknown);
  expect(await look(victim)).toEqual(inside(victim.email, 'acme'));
});

test('an API token cannot sign out, and stays valid when its member signs out', async () => {
  const session = await again(people.admin);
  const [read, write] = [await createApiToken(api, session, 'READ'), await createApiToken(api, session, 'WRITE')];
  for (const id of [undefined, await credentialOf(session)]) {
    expect((await signOut(write, id)).errors).toMatchObject([{ extensions: { reason: 'SESSION_REQUIRED' } }]);
    expect((await signOut(read, id)).errors).toMatchObject([{ extensions: { reason: 'READ_ONLY_TOKEN' } }]);
  }
  expect(await signOut(session)).toEqual(OUT);
  expect(await look(write)).toEqual(inside(session.email, 'acme'));
});

test('after signOut, the next field of the same document is refused', async () => {
  const session = await again(people.admin);
  const answer = await session.query(`mutation {
    before: createCategory(input: { name: "Before" }) { category { name } }
    out: signOut(input: {}) { errors { code } }
    after: createCategory(input: { name: "After" }) { category { name } }
  }`);
  expect(whole(answer)).toEqual({
    status: 401,
    data: { before: { category: { name: 'Before' } }, out: { errors: [] }, after: null },
    errors: [refusedAt('after')],
  });
  const made = await api.root`select name from categories where name in ('Before', 'After')`;
  expect(made).toEqual([{ name: 'Before' }]);
});

test('a request during a sign-out is answered completely or refused, and every later request is refused', async () => {
  const session = await again(people.write);
  const [, ...beside] = await Promise.all([
    signOut(session),
    ...Array.from({ length: 10 }, () => look(onNode(session))),
  ]);
  for (const answer of beside) expect([inside(session.email, 'acme'), REFUSED]).toContainEqual(answer);
  for (const caller of [session, onNode(session)]) expect(await look(caller)).toEqual(REFUSED);
});

test('signOutMember ends all sessions of the member in the organization, but no API tokens', async () => {
  const person = await addMember(api, acme, 'admin', 'busy');
  await addToOrganization(api, globex, person, 'read');
  const [second, third] = [await again(person), await again(person)];
  const refreshed = await refresh(api, third.refreshToken);
  const abroad = await moveTo(api, await again(person), globex.id);
  const token = await createApiToken(api, person, 'WRITE');
  expect(await signOutMember(people.admin, person.memberId)).toEqual({
    status: 200,
    data: { signOutMember: { endedSessions: 3, errors: [] } },
    errors: undefined,
  });
  for (const ended of [person, second, third, api.as(refreshed.session.accessToken)])
    for (const caller of [onNode(ended), ended]) expect(await look(caller)).toEqual(REFUSED);
  for (const refreshToken of [person.refreshToken, second.refreshToken, refreshed.session.refreshToken])
    expect(await refresh(node, refreshToken)).toEqual(WRONG_REFRESH);
  expect(await look(token)).toEqual(inside(person.email, 'acme'));
  expect(await look(abroad)).toEqual(inside(person.email, 'globex'));
  expect(await look(people.admin)).toEqual(inside(people.admin.email, 'acme'));
});

test('a member that calls signOutMember on themselves is refused from the next field on', async () => {
  const session = await again(people.admin);
  const keeper = await again(people.owner);
  await addToOrganization(api, globex, people.admin, 'read');
  const abroad = await signIn(api, session.email, 'globex');
  const answer = await session.query(
    `mutation ($id: ID!) {
      out: signOutMember(input: { memberId: $id }) { errors { code } }
      after: createCategory(input: { name: "Gone" }) { category { name } }
    }`,
    { id: people.admin.memberId },
  );
  expect(whole(answer)).toEqual({
    status: 401,
    data: { out: { errors: [] }, after: null },
    errors: [refusedAt('after')],
  });
  expect(await look(keeper)).toEqual(inside(keeper.email, 'acme'));
  expect(await look(abroad)).toEqual(inside(session.email, 'globex'));
});

test('signOutMember requires session:delete and at least the permissions of the member', async () => {
  const target = { admin: await again(people.admin), owner: await again(people.owner), user: await again(people.user) };
  const forbidden = (reason: string, permission = 'session:delete') => ({
    data: { signOutMember: null },
    errors: [{ extensions: { code: 'FORBIDDEN', permission, reason } }],
  });
  for (const role of ['read', 'user', 'write'] as const) {
    const answer = await signOutMember(await again(people[role]), people.admin.memberId);
    expect(answer).toMatchObject(forbidden('NO_GRANT'));
  }
  // The first permission that an Owner has and an Admin does not have.
  expect(await signOutMember(target.admin, people.owner.memberId)).toMatchObject(
    forbidden('NOT_HELD', 'organization:delete'),
  );
  const read = await createApiToken(api, target.admin, 'READ');
  expect(await signOutMember(read, people.user.memberId)).toMatchObject(forbidden('READ_ONLY_TOKEN'));
  const absent = { data: { signOutMember: null }, errors: [{ extensions: { code: 'NOT_FOUND' } }] };
  for (const id of [people.admin.memberId, toPublicId('mem', newId())])
    expect(await signOutMember(globex.owner, id)).toMatchObject(absent);
  for (const person of Object.values(target)) expect(await look(person)).toEqual(inside(person.email, 'acme'));
  const write = await createApiToken(api, target.admin, 'WRITE');
  expect((await executeMutation(write, SIGN_OUT_MEMBER, { id: people.user.memberId })).endedSessions).toBeGreaterThan(
    0,
  );
  expect(await look(target.user)).toEqual(REFUSED);
  await executeMutation(target.owner, SIGN_OUT_MEMBER, { id: people.admin.memberId });
  expect(await look(target.admin)).toEqual(REFUSED);
});

test('viewerPermissions of a session have session:delete only if signOutMember ends it', async () => {
  const growing = await addMember(api, acme, 'read', 'growing');
  const later = { roleExpiresAt: '2999-01-01T00:00:00Z', fallbackRoleId: roleId('admin') };
  await giveRole(people.owner, growing.memberId, roleId('read'), later);
  const HELD = ['*:read', 'session:delete'];
  const roles = {
    sees: await createRole(people.owner, 'Signs out', [allow(...HELD)]),
    'cannot see members': await createRole(people.owner, 'Signs out the unknown', [
      allow(...HELD),
      deny('member:read'),
    ]),
  };
  const members = { ...people, growing };
  const EXPECTED = [
    ['sees', 'admin', ['session:read'], 'NOT_HELD'],
    ['sees', 'growing', ['session:read'], 'NOT_HELD'],
    ['sees', 'guest', ['session:read', 'session:delete'], undefined],
    ['cannot see members', 'guest', ['session:read'], 'NOT_FOUND'],
  ] as const;
  for (const [role, name, permissions, refused] of EXPECTED) {
    const caller = await addMember(api, acme, 'read', `${role} ${name}`.replaceAll(' ', '-'));
    await giveRole(people.owner, caller.memberId, roles[role]);
    const id = await credentialOf(await again(members[name]));
    const { node } = await queryData(
      caller,
      'query ($id: ID!) { node(id: $id) { ... on Session { viewerPermissions } } }',
      { id },
    );
    expect(node.viewerPermissions, `${role} ${name}`).toEqual(permissions);
    const { memberId } = members[name];
    expect((await mutate(caller, 'signOutMember', { memberId })).refused, `${role} ${name}`).toBe(refused);
  }
});
