import { expect, test } from 'vitest';
import { drizzleOn } from '../../src/db/client.ts';
import { createSetupSecret } from '../../src/identity/setup-secret.ts';
import { hashSecret } from '../../src/lib/secret.ts';
import { ENCRYPTION_KEY, type Json, startApi } from '../support/api.ts';
import { createOrganization, executeMutation, mutate, roleId } from '../support/world.ts';
import { everythingStored, privateJwkIn, refresh } from './support.ts';

const SIGN_UP = `mutation ($input: SignUpInput!) {
  signUp(input: $input) { session { accessToken refreshToken } errors { code path } }
}`;

// Each text is unlikely to be stored for another reason.
const PASSWORD = 'at-rest password 1';
const WRONG = 'at-rest password 2';

/** The server logs the mails, the other one fails to send them, so that it keeps the secrets of invitations. */
const api = await startApi();
const failing = await startApi({ database: api, config: { smtpUrl: 'smtp://127.0.0.1:1' } });

/** Secrets whose hash is stored, and others that are not stored at all. */
const hashed: string[] = [];
const others = [PASSWORD, WRONG, Buffer.from(ENCRYPTION_KEY, 'base64').toString('latin1'), ENCRYPTION_KEY];

async function makeSecrets(): Promise<void> {
  const setupSecret = (await createSetupSecret(drizzleOn(api.sql))) ?? '';
  const spare = (await createSetupSecret(drizzleOn(api.sql))) ?? '';
  others.push(setupSecret, spare);
  expect(await everythingStored(api)).toContain(hashSecret(spare));
  const input = { email: 'first@rest.test', password: PASSWORD, name: 'First', setupSecret };
  const { session } = await executeMutation(api.as(), SIGN_UP, { input });
  const { session: next } = await refresh(api, session.refreshToken);
  others.push(session.accessToken, next.accessToken, (await privateJwkIn(api)).d ?? '');
  hashed.push(session.refreshToken, next.refreshToken);
  const wrong = `mutation { signIn(input: { email: "first@rest.test", password: "${WRONG}" }) { errors { code } } }`;
  expect((await api.as().query(wrong)).data.signIn.errors).toHaveLength(1);

  const { owner } = await createOrganization(api, 'acme');
  others.push(owner.token ?? '');
  hashed.push(owner.refreshToken);
  for (const access of ['READ', 'WRITE']) {
    const token = await mutate(owner, 'createApiToken', { name: access, access }, 'secret');
    hashed.push(token.secret);
    // Also a request with the token, and one with a wrong one.
    await api.as(token.secret).query('{ viewer { user { id } } }');
    await api.as(`${token.secret}x`).query('{ viewer { user { id } } }');
  }
  const project = (await mutate(owner, 'createProject', { name: 'Apollo', key: 'apollo' }, 'project { id }')).project
    .id;
  const key = { projectId: project, name: 'Key', preset: 'SDK' };
  for (const [create, input, rotate, type] of [
    ['createApiToken', { name: 'Rotated' }, 'rotateApiToken', 'apiToken'],
    ['createApiKey', key, 'rotateApiKey', 'apiKey'],
  ] as const) {
    const made = await mutate(owner, create, input, `secret ${type} { id }`);
    const rotated = await mutate(owner, rotate, { id: made[type].id, graceSeconds: 60 }, 'secret');
    hashed.push(made.secret, rotated.secret);
    for (const { secret } of [made, rotated]) await api.as(secret).query('{ viewer { credential { id } } }');
  }
  const invite = { emails: ['ada@rest.test'], roleId: roleId('read') };
  expect((await mutate(failing.as(owner.token), 'createInvitations', invite)).errors).toEqual([]);
  const again = { emails: ['bob@rest.test'], roleId: roleId('read') };
  expect((await mutate(owner, 'createInvitations', again)).errors).toEqual([]);
  const mail: Json = api.logged.findLast((entry) => entry['mail'])?.['mail'];
  hashed.push(/ambit_inv_[0-9a-f]{72}/.exec(mail.text)?.[0] ?? '');
}

test('the whole database and the log contain no secret, after all kinds of them were made and used', async () => {
  await makeSecrets();
  const stored = await everythingStored(api);
  const logs = [api, failing].map(({ logged, requests }) =>
    JSON.stringify([...logged.filter((entry) => !entry['mail']), ...requests]),
  );
  expect(hashed).toHaveLength(10);
  // Without the texts themselves, because a failure would print the whole database.
  expect(hashed.filter((secret) => !stored.includes(hashSecret(secret)))).toEqual([]);
  const found = [...hashed, ...others].filter((secret) => {
    expect(secret.length).toBeGreaterThan(17);
    // Also not without the prefix and the checksum, or in another encoding.
    const body = /^ambit_[a-z]+_([0-9a-f]{64})/.exec(secret)?.[1] ?? secret;
    const forms = [
      secret,
      body,
      Buffer.from(secret).toString('base64').slice(0, -4),
      Buffer.from(secret).toString('hex'),
    ];
    return forms.some((form) => [stored, ...logs].some((text) => text.includes(form)));
  });
  expect(found).toEqual([]);
});

test('the search finds a secret in every table, column type and schema', async () => {
  const secret = 'at-rest secret in a column';
  await api.root.begin(async (tx) => {
    await tx`create schema hidden`;
    for (const [type, value] of [
      ['text', secret],
      ['bytea', secret],
      ['jsonb', JSON.stringify({ deep: [secret] })],
      ['text[]', `{${secret}}`],
    ]) {
      await tx.unsafe(`create table hidden.kept (value ${type})`);
      await tx.unsafe(`insert into hidden.kept values ('${value}'::${type})`);
      expect(await everythingStored({ root: tx as never })).toContain(secret);
      await tx`drop table hidden.kept`;
      expect(await everythingStored({ root: tx as never })).not.toContain(secret);
    }
    await tx`drop schema hidden cascade`;
  });
});
