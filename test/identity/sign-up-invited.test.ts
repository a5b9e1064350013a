import { expect, test } from 'vitest';
import { drizzleOn } from '../../src/db/client.ts';
import { createSetupSecret } from '../../src/identity/setup-secret.ts';
import { newSecret } from '../../src/lib/secret.ts';
import { allow, createProject, createRole, projectRoleId } from '../decisions/support.ts';
import { secretFor } from '../enforcement/support.ts';
import { type Api, type ApiResponse, type Json, startApi } from '../support/api.ts';
import {
  addMember,
  createOrganization,
  mutate,
  PASSWORD,
  type Person,
  queryData,
  roleId,
  signIn,
  signUp as signUpInDatabase,
} from '../support/world.ts';
import { everythingStored, refresh } from './support.ts';

const SIGN_UP = `mutation ($input: SignUpInput!) {
  signUp(input: $input) { session { accessToken } errors { code path } }
}`;
const config = { signUp: 'invited' } as const;

const api = await startApi({ config });
const open = await startApi({ database: api });

async function signUp(at: Api, email: string, secrets: object = {}): Promise<Json> {
  const { data } = await at.as().query(SIGN_UP, { input: { email, password: PASSWORD, name: 'Person', ...secrets } });
  return data.signUp;
}
const refused = (code: string, field: string): Json => ({ session: null, errors: [{ code, path: [field] }] });
const accounts = async (): Promise<string[]> =>
  (await api.root`select email from users order by email`).map(({ email }) => email);
const createSecret = (at: Api) => createSetupSecret(drizzleOn(at.sql));
const found = (at: Api, token: string, slug: string) =>
  mutate(at.as(token), 'createOrganization', { name: slug, slug }, 'organization { slug }');

test('on a closed server, a stranger cannot create an account', async () => {
  expect(await signUp(api, 'stranger@example.test')).toEqual(refused('REQUIRED', 'invitationSecret'));
  for (const invitationSecret of ['', 'x', newSecret('ambit_inv_')])
    expect(await signUp(api, 'stranger@example.test', { invitationSecret })).toEqual(
      refused('NOT_FOUND', 'invitationSecret'),
    );
  for (const setupSecret of ['', 'x', newSecret('ambit_set_')])
    expect(await signUp(api, 'stranger@example.test', { setupSecret })).toEqual(refused('NOT_FOUND', 'setupSecret'));
  expect(await accounts()).toEqual([]);
});

test('the secret of an empty server creates one account, also when several use it at the same time on two nodes', async () => {
  const node = await startApi({ database: api, config });
  const secrets = [await createSecret(api), await createSecret(node)];
  expect(new Set(secrets).size).toBe(2);
  for (const secret of secrets) expect(await everythingStored(api)).not.toContain(secret);
  const payloads = await Promise.all(
    [api, node, api, node].map((at, index) =>
      signUp(at, `first${index}@example.test`, { setupSecret: secrets[index < 2 ? 0 : 1] }),
    ),
  );
  const winners = payloads.filter(({ session }) => session);
  expect(winners).toHaveLength(1);
  expect(payloads.filter(({ session }) => !session)).toEqual(Array(3).fill(refused('NOT_FOUND', 'setupSecret')));
  expect(await accounts()).toHaveLength(1);
  expect(await createSecret(api)).toBeNull();
  expect(await found(api, winners[0].session.accessToken, 'first')).toEqual({
    organization: { slug: 'first' },
    errors: [],
  });
});

const invite = async (by: Person, email: string, input: object = { roleId: roleId('read') }): Promise<string> => {
  expect((await mutate(by, 'createInvitations', { emails: [email], ...input })).errors).toEqual([]);
  return secretFor(open, email);
};
const JOINED = `mutation ($input: SignUpInput!) {
  signUp(input: $input) { session { accessToken refreshToken organization { slug } } errors { code path } }
}`;
const join = (at: Api, email: string, invitationSecret: string): Promise<ApiResponse> =>
  at.as().query(JOINED, { input: { email, password: PASSWORD, name: 'Person', invitationSecret } });
const ME = '{ viewer { member { role { name } } organization { slug } } projects { nodes { key } } }';

test('an invited person signs up, joins and is bound to the organization in one mutation, and cannot create an organization', async () => {
  const { owner } = await createOrganization(open, 'acme');
  const invitationSecret = await invite(owner, 'Guest@example.test');
  expect(await signUp(api, 'other@example.test', { invitationSecret })).toEqual(
    refused('NOT_FOUND', 'invitationSecret'),
  );
  const { session, errors } = (await join(api, 'guest@example.test', invitationSecret)).data.signUp;
  expect([errors, session.organization]).toEqual([[], { slug: 'acme' }]);
  const guest = api.as(session.accessToken);
  const inside = { viewer: { member: { role: { name: 'Read' } }, organization: { slug: 'acme' } } };
  expect((await guest.query(ME)).data).toMatchObject(inside);
  const refreshed = await refresh(api, session.refreshToken);
  expect(refreshed.session.organization).toEqual({ slug: 'acme' });
  expect((await api.as(refreshed.session.accessToken).query(ME)).data).toMatchObject(inside);
  expect(await found(api, session.accessToken, 'guests')).toEqual({ refused: 'ORGANIZATIONS_CLOSED' });
  // The invitation was accepted, so its secret is of no use any more.
  expect(await signUp(api, 'guest@example.test', { invitationSecret })).toEqual(
    refused('NOT_FOUND', 'invitationSecret'),
  );
  const again = await mutate(guest, 'acceptInvitation', { secret: invitationSecret });
  expect(again.errors).toEqual([{ code: 'NOT_FOUND', path: ['secret'] }]);
  const { auditEvents } = await queryData(
    owner,
    '{ auditEvents(filter: { action: "signUp" }) { nodes { outcome actorName targetId before after related { targetId before after } } } }',
  );
  expect(auditEvents.nodes).toEqual([
    {
      outcome: 'ALLOWED',
      actorName: 'Person <guest@example.test>',
      targetId: expect.stringMatching(/^mem_/),
      before: null,
      after: expect.objectContaining({
        roles: [expect.objectContaining({ role: expect.objectContaining({ name: 'Read' }) })],
      }),
      related: [
        { targetId: expect.stringMatching(/^inv_/), before: expect.anything(), after: null },
        { targetId: expect.stringMatching(/^ses_/), before: null, after: expect.anything() },
      ],
    },
  ]);
  expect(JSON.stringify(auditEvents)).not.toContain('ambit_');
});

test('a person who is invited to projects signs up and reaches these only', async () => {
  const { owner } = await createOrganization(open, 'projects');
  const [inside] = [await createProject(owner, 'inside'), await createProject(owner, 'outside')];
  const projectRoles = [{ projectId: inside, roleId: projectRoleId('member') }];
  const secret = await invite(owner, 'guest2@example.test', { projectRoles });
  const { session } = (await join(api, 'guest2@example.test', secret)).data.signUp;
  const { projects } = (await api.as(session.accessToken).query(ME)).data;
  expect(projects.nodes).toEqual([{ key: expect.stringMatching(/^inside/) }]);
});

test('of several sign-ups with one secret on two nodes, one succeeds', async () => {
  const { owner } = await createOrganization(open, 'race');
  const secret = await invite(owner, 'race@example.test');
  const answers = await Promise.all([api, open, api, open].map((at) => join(at, 'race@example.test', secret)));
  expect(answers.filter(({ data }) => data.signUp.session)).toHaveLength(1);
  expect((await queryData(owner, '{ members { totalCount } }')).members.totalCount).toBe(2);
});

test('an invitation that cannot be accepted creates no account', async () => {
  const { owner, id } = await createOrganization(open, 'strict');
  const admin = await addMember(open, { id, slug: 'strict', owner }, 'admin');
  const byAdmin = await invite(admin, 'late1@example.test');
  const role = await createRole(owner, 'Reader', [allow('dataset:read')]);
  const withRole = await invite(owner, 'late2@example.test', { roleId: role });
  const seat = await invite(owner, 'late3@example.test');
  const demoted = { id: admin.memberId, roleId: roleId('read') };
  expect((await mutate(owner, 'updateMember', demoted)).errors).toEqual([]);
  expect((await mutate(owner, 'deleteRole', { id: role })).errors).toEqual([]);
  for (const [email, secret] of [
    ['late1@example.test', byAdmin],
    ['late2@example.test', withRole],
  ] as const)
    for (const at of [api, open])
      expect(await signUp(at, email, { invitationSecret: secret })).toEqual(refused('NOT_FOUND', 'invitationSecret'));
  await api.root`update organizations set plan = 'FREE' where slug = 'strict'`;
  for (let at = 0; at < 10; at += 1) await addMember(open, { id, slug: 'strict', owner }, 'read', `more${at}`);
  const full = await join(api, 'late3@example.test', seat);
  expect(full.errors?.[0]).toMatchObject({ extensions: { code: 'PLAN_REQUIRED', plan: null, usage: null } });
  expect((await accounts()).filter((email) => email.startsWith('late'))).toEqual([]);
  await api.root`update organizations set plan = 'TEAM' where slug = 'strict'`;
  expect((await join(api, 'late3@example.test', seat)).data.signUp.session.organization).toEqual({ slug: 'strict' });
});

test('an account without an organization is bound to the one that it accepts, also after a refresh', async () => {
  const { owner } = await createOrganization(open, 'bound');
  const person = await signUpInDatabase(api, 'alone@example.test');
  const secret = await invite(owner, 'alone@example.test');
  const accepted = await mutate(
    person,
    'acceptInvitation',
    { secret },
    'session { accessToken organization { slug } }',
  );
  expect(accepted.session.organization).toEqual({ slug: 'bound' });
  expect((await api.as(accepted.session.accessToken).query(ME)).data.viewer.organization).toEqual({ slug: 'bound' });
  expect((await refresh(api, person.refreshToken)).session.organization).toEqual({ slug: 'bound' });
});

test('on an open server, everybody creates accounts and organizations', async () => {
  const { session } = await signUp(open, 'anybody@example.test');
  expect((await found(open, session.accessToken, 'anybody')).errors).toEqual([]);
  // The right depends on the server, so the same account cannot do it when the server is closed.
  const again = await signIn(api, 'anybody@example.test');
  expect(await found(api, again.token ?? '', 'anybody-2')).toEqual({ refused: 'ORGANIZATIONS_CLOSED' });
});
