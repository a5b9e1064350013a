import { expect, test } from 'vitest';
import { drizzleOn } from '../../src/db/client.ts';
import { createSetupSecret } from '../../src/identity/setup-secret.ts';
import { newSecret } from '../../src/lib/secret.ts';
import { type Api, type Json, startApi } from '../support/api.ts';
import { createOrganization, executeMutation, mutate, PASSWORD, roleId, signIn } from '../support/world.ts';
import { everythingStored } from './support.ts';

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

test('an invited person creates an account for the invited address, accepts, and cannot create an organization', async () => {
  const { owner } = await createOrganization(open, 'acme');
  const CREATE = 'mutation ($input: CreateInvitationsInput!) { createInvitations(input: $input) { errors { code } } }';
  await executeMutation(owner, CREATE, { input: { emails: ['Guest@example.test'], roleId: roleId('read') } });
  const text = open.logged.map(({ mail }) => (mail as Json)?.text).join('\n');
  const [invitationSecret = ''] = /ambit_inv_[0-9a-f]{72}/.exec(text) ?? [];
  expect(await signUp(api, 'other@example.test', { invitationSecret })).toEqual(
    refused('NOT_FOUND', 'invitationSecret'),
  );
  const { session, errors } = await signUp(api, 'guest@example.test', { invitationSecret });
  expect(errors).toEqual([]);
  const invited = api.as(session.accessToken);
  const accepted = await mutate(invited, 'acceptInvitation', { secret: invitationSecret }, 'session { accessToken }');
  expect(accepted.errors).toEqual([]);
  expect(await found(api, accepted.session.accessToken, 'guests')).toEqual({ refused: 'ORGANIZATIONS_CLOSED' });
  expect(await signUp(api, 'guest@example.test', { invitationSecret })).toEqual(
    refused('NOT_FOUND', 'invitationSecret'),
  );
});

test('on an open server, everybody creates accounts and organizations', async () => {
  const { session } = await signUp(open, 'anybody@example.test');
  expect((await found(open, session.accessToken, 'anybody')).errors).toEqual([]);
  // The right depends on the server, so the same account cannot do it when the server is closed.
  const again = await signIn(api, 'anybody@example.test');
  expect(await found(api, again.token ?? '', 'anybody-2')).toEqual({ refused: 'ORGANIZATIONS_CLOSED' });
});
