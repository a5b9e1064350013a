import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { encryptionOf, readConfig } from '../../src/config.ts';
import { ENCRYPTION_KEY, startApi } from '../support/api.ts';
import { runJobs } from '../support/jobs.ts';
import { runCommand, startAmbit, waitUntilReady } from '../support/run.ts';
import { startSmtp } from '../support/smtp.ts';
import { createOrganization, mutate, roleId, signIn } from '../support/world.ts';
import { inside, look, MINUTE, privateJwkIn, REFUSED } from './support.ts';

const NEXT_KEY = randomBytes(32).toString('hex');

const smtp = await startSmtp();
const api = await startApi();
const { owner } = await createOrganization(api, 'acme');
const DATABASE_URL = api.url;
const rotate = (env: Record<string, string>, ...options: string[]) =>
  runCommand({ DATABASE_URL, ...env }, ['rotate-keys', ...options]);
const stored = async () => [...(await api.root`select * from signing_keys order by signs_from`)];
const idOf = (key: string): string => encryptionOf(readConfig({ ENCRYPTION_KEY: key })).keyId;
const both = { encryptionKey: readConfig({ ENCRYPTION_KEY: NEXT_KEY }).encryptionKey };
const printed = (key: string, total: number, changed: string, secrets = '0, of which 0 were'): [number, string] => [
  0,
  `The secrets are encrypted with the key ${idOf(key)}.\nsigning keys: ${total}, of which ${changed} encrypted now\nsecrets of invitations: ${secrets} encrypted now\n`,
];

test('a signing key that an earlier version stored in plain text signs, and rotate-keys encrypts it', async () => {
  const jwk = await privateJwkIn(api);
  await api.root`update signing_keys set private_jwk = ${api.root.json(jwk as never)}`;
  const node = await startApi({ database: api });
  const session = await signIn(node, owner.email, 'acme');
  expect(await look(api.as(session.token))).toEqual(inside(owner.email, 'acme'));
  const [plain] = await stored();
  expect(plain?.['private_jwk']).toEqual(jwk);
  expect(await rotate({ ENCRYPTION_KEY })).toEqual(printed(ENCRYPTION_KEY, 1, '1 was'));
  const [encrypted] = await stored();
  expect(encrypted).toEqual({ ...plain, private_jwk: expect.stringMatching(/^v1\.[0-9a-f]{8}\.[\w-]+$/) });
  expect(await privateJwkIn(api)).toEqual(jwk);
  expect(await rotate({ ENCRYPTION_KEY })).toEqual(printed(ENCRYPTION_KEY, 1, '0 were'));
  expect(await stored()).toEqual([encrypted]);
});

test('nodes with both keys work before and after rotate-keys, and then a node needs the new key only', async () => {
  const jwk = await privateJwkIn(api);
  const node = await startApi({
    database: api,
    config: { ...both, encryptionKeyPrevious: api.app.dependencies.config.encryptionKey },
  });
  const before = await signIn(node, owner.email, 'acme');
  const [first] = await stored();
  // A server whose mails are not sent yet keeps the secrets of invitations.
  const mailing = await startApi({ database: api, config: smtp.config });
  const input = { emails: ['ada@mail.test', 'bob@mail.test'], roleId: roleId('read') };
  for (const { token } of [owner, (await createOrganization(api, 'globex')).owner])
    expect((await mutate(mailing.as(token), 'createInvitations', input)).errors).toEqual([]);
  const queued = async () =>
    (await api.root`select secret from invitations where secret is not null`).map(({ secret }) => secret.split('.')[1]);
  expect(await queued()).toEqual(Array(4).fill(idOf(ENCRYPTION_KEY)));
  expect(await rotate({ ENCRYPTION_KEY: NEXT_KEY })).toEqual([
    1,
    `ambit: the value is encrypted with the key ${idOf(ENCRYPTION_KEY)}, which is not configured\n`,
  ]);
  expect(await stored()).toEqual([first]);
  const env = { ENCRYPTION_KEY: NEXT_KEY, ENCRYPTION_KEY_PREVIOUS: ENCRYPTION_KEY };
  expect(await rotate(env)).toEqual(printed(NEXT_KEY, 1, '1 was', '4, of which 4 were'));
  expect(await rotate(env)).toEqual(printed(NEXT_KEY, 1, '0 were', '4, of which 0 were'));
  expect(await queued()).toEqual(Array(4).fill(idOf(NEXT_KEY)));
  await runJobs(await startApi({ database: api, config: { ...smtp.config, ...both } }));
  expect(smtp.received.map(({ to }) => to[0]).sort()).toEqual([...input.emails, ...input.emails].sort());
  expect(await queued()).toEqual([]);
  node.advance(MINUTE);
  const after = await signIn(node, owner.email, 'acme');
  const last = await startApi({ database: api, config: both });
  const alone = await signIn(last, owner.email, 'acme');
  for (const server of [node, last, api])
    for (const { token } of [before, after, alone])
      expect(await look(server.as(token))).toEqual(inside(owner.email, 'acme'));
  expect(await privateJwkIn(last)).toEqual(jwk);
});

test('a start with a key that does not decrypt the signing keys, and one in production without a key, fail with one line', async () => {
  const wrong = await startAmbit({ DATABASE_URL, ENCRYPTION_KEY });
  const without = await startAmbit({ DATABASE_URL, NODE_ENV: 'production' });
  expect([await wrong.ended, await without.ended]).toEqual([1, 1]);
  expect(wrong.output()).toMatch(
    new RegExp(`^ambit: ENCRYPTION_KEY: a signing key cannot be decrypted: .* key ${idOf(NEXT_KEY)}, [^\\n]+\\n$`),
  );
  expect(without.output()).toMatch(/^ambit: ENCRYPTION_KEY: required with NODE_ENV=production, [^\n]+\n$/);
  const right = await startAmbit({ DATABASE_URL, NODE_ENV: 'production', ENCRYPTION_KEY: NEXT_KEY });
  await waitUntilReady(right);
  right.process.kill('SIGTERM');
  expect(await right.ended).toBe(0);
});

test('rotate-keys --new-signing-key ends the access tokens, and the sessions continue', async () => {
  const node = await startApi({ database: api, config: both });
  const { token } = await signIn(node, owner.email, 'acme');
  const [old] = await stored();
  const [code, output] = await rotate({ ENCRYPTION_KEY: NEXT_KEY }, '--new-signing-key');
  expect([code, output]).toEqual([0, expect.stringContaining('A new signing key has replaced all others.')]);
  const [next, ...others] = await stored();
  expect([next?.['kid'] === old?.['kid'], others]).toEqual([false, []]);
  node.advance(MINUTE);
  expect(await look(node.as(token))).toEqual(REFUSED);
  expect(await look(node.as((await signIn(node, owner.email, 'acme')).token))).toEqual(inside(owner.email, 'acme'));
});

test('rotate-keys needs the key, and refuses an unknown option', async () => {
  expect(await rotate({})).toEqual([
    1,
    'ambit: ENCRYPTION_KEY: rotate-keys needs the key that encrypts the stored secrets\n',
  ]);
  expect(await rotate({ ENCRYPTION_KEY: NEXT_KEY }, '--all')).toEqual([
    1,
    'ambit: rotate-keys has no option --all, only --new-signing-key\n',
  ]);
});
