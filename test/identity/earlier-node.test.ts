import { expect, test } from 'vitest';
import { newId } from '../../src/lib/ids.ts';
import { hashSecret } from '../../src/lib/secret.ts';
import { createProject } from '../decisions/support.ts';
import { organizationUuid, uuidOf } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { createOrganization } from '../support/world.ts';
import { createToken, rotateToken } from './tokens.ts';

/** During an update, nodes of the earlier version call functions that do not return the limits of a token. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const project = await createProject(owner, 'staging');

const find = async (secret: string): Promise<Json> =>
  (await api.sql`select * from ambit.find_api_token_actor(${hashSecret(secret)})`)[0];

async function isUnchanged(secret: string, version: string): Promise<boolean[]> {
  const values = [hashSecret(secret), organizationUuid(acme), uuidOf('usr', owner.userId), version];
  const ask = async (sql: typeof api.sql, name: string): Promise<boolean> =>
    (await sql.unsafe(`select ambit.${name}($1, $2, $3, $4) as same`, values))[0]?.['same'];
  // The first one is called in a transaction.
  const inTransaction = await api.sql.begin((tx) => ask(tx as never, 'is_api_token_unchanged'));
  return [inTransaction as boolean, await ask(api.sql, 'check_api_token')];
}

test('a node of the earlier version finds a token without limits', async () => {
  const token = await createToken(api, owner);
  const row = await find(token.secret);
  expect(row).toMatchObject({ credential_id: uuidOf('tok', token.id), access: 'WRITE', expires_at: null });
  expect(await isUnchanged(token.secret, row.version)).toEqual([true, true]);
});

test('it finds no token with limits, because it would ignore them', async () => {
  for (const limit of [{ permissions: ['*'] }, { projectIds: [project] }, { addresses: ['::/0', '0.0.0.0/0'] }])
    expect(await find((await createToken(api, owner, limit)).secret), JSON.stringify(limit)).toBeUndefined();
});

test('it finds no API key', async () => {
  const hash = hashSecret('the secret of a key');
  const organization_id = organizationUuid(acme);
  const columns = { project_id: uuidOf('prj', project), name: 'Key', access: 'READ', permissions: ['trace:create'] };
  await api.root`insert into api_tokens ${api.root({ organization_id, id: newId(), hash, ...columns })}`;
  await api.root`insert into organization_secrets ${api.root({ organization_id, hash })}`;
  expect(await api.sql`select kind from ambit.find_token_actor(${hash})`).toHaveLength(1);
  expect(await api.sql`select from ambit.find_api_token_actor(${hash})`).toHaveLength(0);
});

test('it notices limits, rotations and the maximum lifetime that a new node sets', async () => {
  const token = await createToken(api, owner);
  const { version } = await find(token.secret);
  await api.root`update api_tokens set permissions = '{check:read}' where id = ${uuidOf('tok', token.id)}`;
  expect(await isUnchanged(token.secret, version)).toEqual([false, false]);

  const old = await createToken(api, owner);
  const known = await find(old.secret);
  const rotated = await rotateToken(api, owner, old.id, { graceSeconds: 60 });
  expect(await isUnchanged(old.secret, known.version)).toEqual([false, false]);
  expect(new Date((await find(old.secret)).expires_at).toISOString()).toBe(rotated.row.previousSecret.expiresAt);

  const current = await find(rotated.secret);
  await api.root`update organizations set api_token_max_days = 1`;
  expect(await isUnchanged(rotated.secret, current.version)).toEqual([false, false]);
  expect((await find(rotated.secret)).expires_at).not.toBeNull();
});
