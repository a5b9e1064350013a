import { describe, expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import {
  ask,
  cast,
  checkOf,
  duringChange,
  found,
  join,
  memberInput,
  mutate,
  rubricOf,
  signIn,
  tokenOf,
} from '../support/world.ts';

const api = await startApi();
const acme = await found(api, 'acme');
const people = await cast(api, acme);

describe('removing a member', () => {
  test('ends their sessions and tokens here, clears them from their checks, and leaves their account', async () => {
    const leaver = await join(api, acme, 'admin', 'leaver');
    const [again, token] = [await signIn(api, leaver.email, 'acme'), await tokenOf(api, leaver, 'WRITE')];
    const check = await checkOf(people.admin, await rubricOf(people.admin), { ownerId: leaver.memberId });
    expect(await mutate(people.admin, 'deleteMember', { id: leaver.memberId })).toEqual({ errors: [] });
    for (const caller of [leaver, again, token]) {
      const { status, data, errors } = await caller.query('{ viewer { user { id } } }');
      expect([status, data, errors?.[0].extensions.code]).toEqual([401, undefined, 'UNAUTHENTICATED']);
    }
    const refreshed = await mutate(api.as(), 'refreshSession', { refreshToken: leaver.refreshToken });
    expect(refreshed.errors).toEqual([{ code: 'WRONG_CREDENTIALS', path: ['refreshToken'] }]);
    const seen = await ask(people.read, 'query ($id: ID!) { node(id: $id) { ... on Check { owner { id } } } }', {
      id: check,
    });
    expect(seen).toEqual({ node: { owner: null } });
    const back = await signIn(api, leaver.email);
    expect(await ask(back, '{ viewer { organization { id } permissions } }')).toEqual({
      viewer: { organization: null, permissions: [] },
    });
  });

  test('refuses what they do at the same moment, and is no fault of ours', async () => {
    const leaver = await join(api, acme, 'admin', 'hasty');
    const answer = await duringChange(
      api,
      (sql) => sql`delete from principals using users u where u.id = user_id and u.name = 'hasty'`,
      () => mutate(leaver, 'createApiToken', { name: 'Stays behind' }),
    );
    expect(answer.refused).not.toBe('INTERNAL');
    expect(await api.root`select from api_tokens where name = 'Stays behind'`).toHaveLength(0);
  });

  test('happens once: the second time they are not there', async () => {
    const { memberId: id } = await join(api, acme, 'read', 'once');
    const answers = await Promise.all([1, 2, 3].map(() => mutate(people.admin, 'deleteMember', { id })));
    expect(answers.filter(({ errors }) => errors)).toHaveLength(1);
    expect(answers.filter(({ refused }) => refused === 'NOT_FOUND')).toHaveLength(2);
  });

  test('of another organization names nobody', async () => {
    const globex = await found(api, 'globex');
    const stranger = globex.owner.memberId;
    for (const mutation of ['updateMember', 'deleteMember', 'signOutMember'])
      expect(await mutate(people.owner, mutation, memberInput(mutation, stranger))).toEqual({ refused: 'NOT_FOUND' });
  });
});
