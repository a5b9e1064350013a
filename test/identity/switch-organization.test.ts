import { expect, test } from 'vitest';
import { newId, toPublicId } from '../../src/lib/ids.ts';
import { startApi } from '../support/api.ts';
import { done, enroll, found, join, signIn, tokenOf } from '../support/world.ts';
import {
  eventsOf,
  inside,
  look,
  moveTo,
  REFUSED,
  refresh,
  refusedAt,
  tryMove,
  WRONG_REFRESH,
  whole,
} from './support.ts';

const api = await startApi();
const node = await startApi({ database: api });
const acme = await found(api, 'acme');
const globex = await found(api, 'globex');
const { email } = await join(api, acme, 'admin', 'person').then(async (person) => {
  await enroll(api, globex, person, 'read');
  return person;
});

const signedIn = () => signIn(api, email, 'acme');

test('switching moves the session: its earlier tokens end at once, on every node, and no other session', async () => {
  const [session, other] = [await signedIn(), await signedIn()];
  const refreshed = await refresh(api, session.refreshToken);
  const moved = await moveTo(api, api.as(refreshed.session.accessToken), globex.id);
  expect(await look(moved)).toEqual(inside(email, 'globex'));
  for (const token of [session.token, refreshed.session.accessToken])
    for (const at of [api, node]) expect(await look(at.as(token))).toEqual(REFUSED);
  expect(await look(other)).toEqual(inside(email, 'acme'));
  expect((await refresh(api, other.refreshToken)).session.organization).toEqual({ slug: 'acme' });
  expect((await refresh(node, moved.refreshToken)).session.organization).toEqual({ slug: 'globex' });
});

test('an earlier refresh token is not valid after a switch', async () => {
  const session = await signedIn();
  await moveTo(api, session, globex.id);
  expect(await refresh(api, session.refreshToken)).toEqual(WRONG_REFRESH);
});

test('coming back to an organization brings none of the tokens back that ended', async () => {
  const session = await signedIn();
  const away = await moveTo(api, session, globex.id);
  const back = await moveTo(api, away, acme.id);
  expect(await look(back)).toEqual(inside(email, 'acme'));
  for (const earlier of [session, away]) {
    expect(await look(earlier)).toEqual(REFUSED);
    expect(await refresh(api, earlier.refreshToken)).toEqual(WRONG_REFRESH);
  }
});

test('switching to the organization where one is ends the earlier tokens as well', async () => {
  const session = await signedIn();
  const again = await moveTo(api, session, acme.id);
  expect(await look(again)).toEqual(inside(email, 'acme'));
  expect(await look(session)).toEqual(REFUSED);
});

test('in each organization one has the role that one has there, and sees what is there', async () => {
  const LOOK = '{ viewer { role { name } memberships { organization { slug } current } } organization { slug } }';
  const session = await signedIn();
  const memberships = (current: string) =>
    ['acme', 'globex'].map((slug) => ({ organization: { slug }, current: slug === current }));
  const seen = (slug: string, name: string) => ({
    viewer: { role: { name }, memberships: memberships(slug) },
    organization: { slug },
  });
  expect((await session.query(LOOK)).data).toEqual(seen('acme', 'Admin'));
  const moved = await moveTo(api, session, globex.id);
  expect((await moved.query(LOOK)).data).toEqual(seen('globex', 'Read'));
});

test('a foreign organization answers like one that does not exist, and the session stays', async () => {
  const foreign = await found(api, 'foreign');
  const session = await signedIn();
  const answer = await tryMove(session, foreign.id);
  expect(answer).toEqual({
    status: 200,
    data: {
      switchOrganization: {
        session: null,
        errors: [
          {
            code: 'NOT_FOUND',
            path: ['organizationId'],
            message: 'organizationId: you are not a member of an organization with this ID.',
          },
        ],
      },
    },
    errors: undefined,
  });
  for (const id of [toPublicId('org', newId()), foreign.owner.memberId, 'foreign', '', foreign.id.toUpperCase()])
    expect(await tryMove(session, id)).toEqual(answer);
  expect(await look(session)).toEqual(inside(email, 'acme'));
  expect((await refresh(api, session.refreshToken)).errors).toEqual([]);
});

test('who was removed from an organization cannot switch to it', async () => {
  const leaver = await join(api, acme, 'user', 'leaver');
  await enroll(api, globex, leaver, 'user');
  const moved = await moveTo(api, leaver, globex.id);
  const DELETE = 'mutation ($id: ID!) { deleteMember(input: { id: $id }) { deletedId errors { code } } }';
  await done(acme.owner, DELETE, { id: leaver.memberId });
  expect(await tryMove(moved, acme.id)).toMatchObject({
    data: { switchOrganization: { session: null, errors: [{ code: 'NOT_FOUND' }] } },
  });
  expect(await look(moved)).toEqual(inside(leaver.email, 'globex'));
});

test('an API token and an anonymous caller switch nowhere', async () => {
  const session = await signedIn();
  const [read, write] = [await tokenOf(api, session, 'READ'), await tokenOf(api, session, 'WRITE')];
  const refused = (extensions: object) => ({ data: { switchOrganization: null }, errors: [{ extensions }] });
  expect(await tryMove(write, globex.id)).toMatchObject(refused({ code: 'FORBIDDEN', reason: 'SESSION_REQUIRED' }));
  expect(await tryMove(read, globex.id)).toMatchObject(refused({ code: 'FORBIDDEN', reason: 'READ_ONLY_TOKEN' }));
  expect(await tryMove(api.as(), globex.id)).toMatchObject(refused({ code: 'UNAUTHENTICATED' }));
  expect(await look(write)).toEqual(inside(email, 'acme'));
});

test('the next field of the document is refused, for the token is of where the session was', async () => {
  const session = await signedIn();
  const answer = await session.query(
    `mutation ($id: ID!) {
      move: switchOrganization(input: { organizationId: $id }) { session { organization { slug } } }
      next: createCategory(input: { name: "Where?" }) { category { id } }
    }`,
    { id: globex.id },
  );
  expect(whole(answer)).toEqual({
    status: 401,
    data: { move: { session: { organization: { slug: 'globex' } } }, next: null },
    errors: [refusedAt('next')],
  });
  expect(await api.root`select from categories where name = 'Where?'`).toHaveLength(0);
});

test('of two switches of one session at once, one wins, and there is one session', async () => {
  const racer = await join(api, acme, 'user', 'racer');
  await enroll(api, globex, racer, 'user');
  const answers = await Promise.all([tryMove(racer, globex.id), tryMove(node.as(racer.token), globex.id)]);
  const tokens = answers.flatMap(({ data }) => data?.switchOrganization?.session?.accessToken ?? []);
  expect(tokens).toHaveLength(1);
  expect(await look(api.as(tokens[0]))).toEqual(inside(racer.email, 'globex'));
  const [row] = await api.root`
    select count(*)::int from sessions s join users u on u.id = s.user_id where u.email = ${racer.email}`;
  expect(row).toEqual({ count: 1 });
});

test('a switch leaves one event, in the organization that was left', async () => {
  const session = await signedIn();
  const before = (await eventsOf(api, 'switchOrganization')).length;
  await moveTo(api, session, globex.id);
  expect((await eventsOf(api, 'switchOrganization')).slice(before)).toEqual([
    { organization: 'acme', actor: email, outcome: 'ALLOWED', reason: null },
  ]);
});
