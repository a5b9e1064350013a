import { expect, test } from 'vitest';
import { organizationUuid, uuidOf } from '../enforcement/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { until } from '../support/until.ts';
import { createOrganization, membersOfEachRole, mutate } from '../support/world.ts';
import { MINUTE, post } from './support.ts';
import { createToken, listed, rotateToken, type Token } from './tokens.ts';

const api = await startApi({ config: { trustedProxies: ['127.0.0.1'] } });
const node = await startApi({ database: api });
const acme = await createOrganization(api, 'acme');
const { admin } = await membersOfEachRole(api, acme);

const from = (token: Caller, address: string, query = '{ __typename }') =>
  post(api, { authorization: `Bearer ${token.token}`, 'x-forwarded-for': address }, query);
const lastUse = async ({ id }: Token): Promise<Json> => {
  const { lastUsedAt, lastUsedAddress } = (await listed(admin))[id];
  return [lastUsedAt && Date.parse(lastUsedAt), lastUsedAddress];
};

test('the time and the address of the last use are recorded, also of a READ token', async () => {
  for (const access of ['READ', 'WRITE']) {
    const token = await createToken(api, admin, { access });
    expect(await lastUse(token)).toEqual([null, null]);
    const before = Date.now();
    // The second request finds the cached actor, and the third one takes the path of the fallback.
    for (const query of ['{ __typename }', '{ __typename }', '{ organization { slug } }'])
      await from(token, '192.0.2.1', query);
    await api.app.dependencies.lastUses.write();
    const [at, address] = await lastUse(token);
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(Date.now());
    expect(address).toBe('192.0.2.1');
  }
});

test('a use is written at most once a minute, by all nodes together', async () => {
  const token = await createToken(api, admin);
  await from(token, '192.0.2.1');
  await api.app.dependencies.lastUses.write();
  const [first] = await lastUse(token);
  let updates = 0;
  api.hooks.onStatement = (text) => {
    if (text.includes('last_used_at = ')) updates += 1;
  };
  for (const _ of Array(20)) await from(token, '192.0.2.2');
  await api.app.dependencies.lastUses.write();
  delete api.hooks.onStatement;
  expect(updates).toBe(0);
  // Another node does not know of the use, and finds it in the row.
  await node.as(token.secret).query('{ __typename }');
  await node.app.dependencies.lastUses.write();
  expect(await lastUse(token)).toEqual([first, '192.0.2.1']);

  api.advance(MINUTE);
  await from(token, '192.0.2.3');
  await api.app.dependencies.lastUses.write();
  const [second, address] = await lastUse(token);
  expect([second - first >= MINUTE, address]).toEqual([true, '192.0.2.3']);
});

test('both secrets of a rotated token count, and sessions and refused requests do not', async () => {
  const old = await createToken(api, admin, { addresses: ['192.0.2.0/24'] });
  expect((await from(old, '203.0.113.9')).errors).toBeDefined();
  await api.app.dependencies.lastUses.write();
  expect(await lastUse(old)).toEqual([null, null]);
  await rotateToken(api, admin, old.id, { graceSeconds: 60 });
  await from(old, '192.0.2.7');
  await api.app.dependencies.lastUses.write();
  expect((await lastUse(old))[1]).toBe('192.0.2.7');
});

test('a locked row delays neither requests nor the uses of other tokens', async () => {
  const [locked, free] = [await createToken(api, admin), await createToken(api, admin)];
  await api.root.begin(async (sql) => {
    await sql`
      select from api_tokens where organization_id = ${organizationUuid(acme)} and id = ${uuidOf('tok', locked.id)} for update`;
    for (const token of [locked, free]) expect((await from(token, '192.0.2.1')).data).toEqual({ __typename: 'Query' });
    await api.app.dependencies.lastUses.write();
    expect((await lastUse(free))[1]).toBe('192.0.2.1');
  });
  expect(await lastUse(locked)).toEqual([null, null]);
});

test('a use of a token that was deleted since is dropped', async () => {
  const token = await createToken(api, admin);
  await from(token, '192.0.2.1');
  await mutate(admin, 'deleteApiToken', { id: token.id });
  await api.app.dependencies.lastUses.write();
  expect(await api.root`select from api_tokens where id = ${uuidOf('tok', token.id)}`).toHaveLength(0);
});

test('a use is written in the background', async () => {
  const eager = await startApi({ database: api, writeUsesAfter: 1 });
  const token = await createToken(api, admin);
  await eager.as(token.secret).query('{ __typename }');
  await until(async () => (await lastUse(token))[0] !== null);
});

test('without a database, uses are dropped and the server reports it', async () => {
  const doomed = await startApi({ database: api });
  const token = await createToken(api, admin);
  await doomed.as(token.secret).query('{ __typename }');
  await doomed.pool.end();
  await doomed.app.dependencies.lastUses.write();
  expect(await lastUse(token)).toEqual([null, null]);
  expect(doomed.logged).toContainEqual(
    expect.objectContaining({ level: 'warn', message: 'the last use of credentials was not written' }),
  );
});
