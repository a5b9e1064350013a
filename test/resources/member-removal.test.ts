import { describe, expect, test } from 'vitest';
import { fromPublicId } from '../../src/lib/ids.ts';
import { startApi } from '../support/api.ts';
import { differencesOfDirectories } from '../support/directories.ts';
import {
  addMember,
  createApiToken,
  createCheck,
  createOrganization,
  duringChange,
  getRubric,
  memberInput,
  membersOfEachRole,
  mutate,
  PASSWORD,
  queryData,
  roleId,
  signIn,
} from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);

describe('removing a member', () => {
  test('ends their sessions and tokens in the organization, clears their ownership of checks, and keeps their account', async () => {
    const leaver = await addMember(api, acme, 'admin', 'leaver');
    const [again, token] = [await signIn(api, leaver.email, 'acme'), await createApiToken(api, leaver, 'WRITE')];
    const check = await createCheck(people.admin, await getRubric(people.admin), { ownerId: leaver.memberId });
    expect(await mutate(people.admin, 'deleteMember', { id: leaver.memberId })).toEqual({ errors: [] });
    for (const caller of [leaver, again, token]) {
      const { status, data, errors } = await caller.query('{ viewer { user { id } } }');
      expect([status, data, errors?.[0].extensions.code]).toEqual([401, undefined, 'UNAUTHENTICATED']);
    }
    const refreshed = await mutate(api.as(), 'refreshSession', { refreshToken: leaver.refreshToken });
    expect(refreshed.errors).toEqual([{ code: 'WRONG_CREDENTIALS', path: ['refreshToken'] }]);
    const seen = await queryData(people.read, 'query ($id: ID!) { node(id: $id) { ... on Check { owner { id } } } }', {
      id: check,
    });
    expect(seen).toEqual({ node: { owner: null } });
    const back = await signIn(api, leaver.email);
    expect(await queryData(back, '{ viewer { organization { id } permissions } }')).toEqual({
      viewer: { organization: null, permissions: [] },
    });
  });

  test('leaves no row of them in the organization but the audit log', async () => {
    const leaver = await addMember(api, acme, 'admin', 'traced');
    await signIn(api, leaver.email, 'acme');
    await createApiToken(api, leaver, 'WRITE');
    const invited = await mutate(leaver, 'createInvitations', {
      emails: ['traced-guest@acme.test'],
      roleId: roleId('read'),
    });
    expect(invited).toEqual({ errors: [] });
    const tables = await api.root`
      select table_name as name from information_schema.columns
      where table_schema = 'public' and column_name = 'organization_id' and table_name !~ '^audit_event'`;
    const [user, member] = [fromPublicId('usr', leaver.userId), fromPublicId('mem', leaver.memberId)];
    const mentions = async (): Promise<string[]> => {
      const found: string[] = [];
      for (const { name } of tables) {
        const rows = await api.root.unsafe(
          `select from ${name} t where to_jsonb(t)::text ~ '${user}|${member}' and organization_id = $1`,
          [fromPublicId('org', acme.id)],
        );
        if (rows.length > 0) found.push(name);
      }
      return found.toSorted();
    };
    const team = { name: 'Traced', managerId: leaver.memberId, members: [{ principalId: leaver.memberId }] };
    expect(await mutate(people.admin, 'createTeam', team)).toEqual({ errors: [] });
    const of = ['api_tokens', 'assignments', 'invitations', 'memberships', 'people', 'principals', 'sessions'];
    expect(await mentions()).toEqual([...of, 'team_members', 'teams']);
    expect(await mutate(people.admin, 'deleteMember', { id: leaver.memberId })).toEqual({ errors: [] });
    expect(await mentions()).toEqual([]);
    expect(await differencesOfDirectories(api.root)).toEqual([]);
  });

  test('removes them from their teams, and leaves teams that they managed without a manager', async () => {
    const leaver = await addMember(api, acme, 'user', 'managing');
    const members = [leaver, people.admin].map(({ memberId }) => ({ principalId: memberId }));
    const { team } = await mutate(
      people.admin,
      'createTeam',
      { name: 'Managed', managerId: leaver.memberId, members },
      'team { id }',
    );
    expect(await mutate(people.admin, 'deleteMember', { id: leaver.memberId })).toEqual({ errors: [] });
    const found = await queryData(
      people.read,
      'query ($id: ID!) { node(id: $id) { ... on Team { manager { id } members { principal { ... on Member { id } } } } } }',
      team,
    );
    expect(found).toEqual({ node: { manager: null, members: [{ principal: { id: people.admin.memberId } }] } });
  });

  test('clears their ownership of a check that is created at the same moment', async () => {
    const leaver = await addMember(api, acme, 'read', 'owning');
    const checkId = await createCheck(people.admin, await getRubric(people.admin));
    const answer = await duringChange(
      api,
      (sql) =>
        sql`update checks set owner_id = ${fromPublicId('mem', leaver.memberId)} where id = ${fromPublicId('chk', checkId)}`,
      () => mutate(people.admin, 'deleteMember', { id: leaver.memberId }),
    );
    expect(answer).toEqual({ errors: [] });
    expect(await api.root`select owner_id from checks where id = ${fromPublicId('chk', checkId)}`).toEqual([
      { owner_id: null },
    ]);
  });

  test('and a concurrent sign-in leave no session in the organization', async () => {
    const leaver = await addMember(api, acme, 'read', 'returning');
    const session = () =>
      api.root`select from sessions where organization_id = ${fromPublicId('org', acme.id)}
        and user_id = ${fromPublicId('usr', leaver.userId)}`;
    const input = { email: leaver.email, password: PASSWORD, organizationSlug: 'acme' };
    // The sign-in reads the membership before the removal is committed, and then waits for the member.
    const answer = await duringChange(
      api,
      (sql) => sql`delete from principals where id = ${fromPublicId('mem', leaver.memberId)}`,
      () => mutate(api.as(), 'signIn', input),
    );
    expect(answer.refused).not.toBe('INTERNAL');
    expect(answer.errors).not.toEqual([]);
    expect(await session()).toHaveLength(1);
    await api.root`delete from sessions where user_id = ${fromPublicId('usr', leaver.userId)}`;
    await api.root`delete from memberships where user_id = ${fromPublicId('usr', leaver.userId)}`;
  });

  test('refuses their concurrent requests without an internal error', async () => {
    const leaver = await addMember(api, acme, 'admin', 'hasty');
    const answer = await duringChange(
      api,
      async (sql) => {
        const userId = fromPublicId('usr', leaver.userId);
        // With the organization, Citus uses one shard, and then changes tables of the instance too.
        await sql`delete from principals where organization_id = ${fromPublicId('org', acme.id)} and user_id = ${userId}`;
        await sql`delete from memberships where user_id = ${userId}`;
        await sql`delete from sessions where user_id = ${userId}`;
      },
      () => mutate(leaver, 'createApiToken', { name: 'Stays behind' }),
    );
    expect(answer.refused).not.toBe('INTERNAL');
    expect(await api.root`select from api_tokens where name = 'Stays behind'`).toHaveLength(0);
  });

  test('succeeds once, and then returns NOT_FOUND', async () => {
    const { memberId: id } = await addMember(api, acme, 'read', 'once');
    const answers = await Promise.all([1, 2, 3].map(() => mutate(people.admin, 'deleteMember', { id })));
    expect(answers.filter(({ errors }) => errors)).toHaveLength(1);
    expect(answers.filter(({ refused }) => refused === 'NOT_FOUND')).toHaveLength(2);
  });

  test('of another organization returns NOT_FOUND', async () => {
    const globex = await createOrganization(api, 'globex');
    const stranger = globex.owner.memberId;
    for (const mutation of ['updateMember', 'deleteMember', 'signOutMember'])
      expect(await mutate(people.owner, mutation, memberInput(mutation, stranger))).toEqual({ refused: 'NOT_FOUND' });
  });
});
