import { expect, test } from 'vitest';
import { createAndGetId, organizationUuid, uuidOf } from '../enforcement/support.ts';
import { type Caller, startApi } from '../support/api.ts';
import { differencesOfDirectories } from '../support/directories.ts';
import { addMember, createOrganization, mutate, roleId, setRole } from '../support/world.ts';
import { DAY, inside, look, MINUTE, REFUSED } from './support.ts';
import { createToken, INVALID, listed, rotateToken, tryCreate } from './tokens.ts';

const api = await startApi();
const node = await startApi({ database: api });
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
let members = 0;
function newAdmin() {
  members += 1;
  return addMember(api, acme, 'admin', `admin${members}`);
}

const setMaximum = (apiTokenMaxDays: number | null) =>
  mutate(owner, 'updateOrganization', { id: acme.id, apiTokenMaxDays }, 'organization { apiTokenMaxDays }');

test('everything that was created with a token ends with it, on every node', async () => {
  const admin = await newAdmin();
  const root = await createToken(api, admin);
  const child = await createToken(api, root);
  const sibling = await createToken(api, admin);
  const grandchild = await createToken(api, child);
  const old = await createToken(api, child);
  const rotated = await rotateToken(api, child, old.id, { graceSeconds: 3600 });
  const all = [root, child, grandchild, old, rotated];
  expect(child.row).toMatchObject({ createdWith: { id: root.id }, createdBy: { id: admin.memberId } });
  expect(root.row).toMatchObject({ createdWith: null, createdBy: { id: admin.memberId } });
  for (const at of [api, node])
    for (const one of all) expect(await look(at.as(one.secret))).toEqual(inside(admin.email, 'acme'));
  await mutate(admin, 'deleteApiToken', { id: root.id });
  for (const at of [api, node]) for (const one of all) expect(await look(at.as(one.secret))).toEqual(REFUSED);
  expect(await look(sibling)).toEqual(inside(admin.email, 'acme'));
  expect(await differencesOfDirectories(api.root)).toEqual([]);
});

test('what was created with a token stays valid after a rotation of that token', async () => {
  const admin = await newAdmin();
  const root = await createToken(api, admin);
  const child = await createToken(api, root);
  const rotated = await rotateToken(api, admin, root.id);
  expect(await look(root)).toEqual(REFUSED);
  for (const one of [child, rotated]) expect(await look(one)).toEqual(inside(admin.email, 'acme'));
});

test('what was created with a token shrinks with its member and ends with the membership', async () => {
  const admin = await newAdmin();
  const child = await createToken(api, await createToken(api, admin));
  expect(await mutate(child, 'createCategory', { name: 'Before' })).toEqual({ errors: [] });
  await setRole(api.root, admin.email, 'read');
  await api.root`update organizations set access_version = access_version + 1`;
  expect(await mutate(child, 'createCategory', { name: 'After' })).toEqual({ refused: 'NO_GRANT' });
  await mutate(owner, 'deleteMember', { id: admin.memberId });
  expect(await look(child)).toEqual(REFUSED);
  expect(await differencesOfDirectories(api.root)).toEqual([]);
});

test('what was created with a token ends no later than the token expires', async () => {
  const admin = await newAdmin();
  const later = await startApi({ database: api });
  const expiresAt = new Date(Date.now() + DAY).toISOString();
  const root = await createToken(api, admin, { expiresAt });
  const child = await createToken(api, root, { expiresAt });
  later.advance(DAY - MINUTE);
  expect(await look(later.as(child.secret))).toEqual(inside(admin.email, 'acme'));
  later.advance(MINUTE);
  for (const one of [root, child]) expect(await look(later.as(one.secret))).toEqual(REFUSED);
});

test('the token of a service account outlives the token that created it, and shows who did', async () => {
  const admin = await newAdmin();
  const robot = await createAndGetId(
    owner,
    'createServiceAccount',
    { name: 'robot', roleId: roleId('admin') },
    'serviceAccount',
  );
  const maker = await createToken(api, admin);
  const token = await createToken(api, maker, { serviceAccountId: robot });
  const another = await createToken(api, token);
  await mutate(admin, 'deleteApiToken', { id: maker.id });
  expect((await listed(owner))[token.id]).toMatchObject({ createdWith: null, createdBy: { id: admin.memberId } });
  expect((await listed(owner))[another.id]).toMatchObject({ createdWith: null, createdBy: { id: robot } });
  await mutate(owner, 'deleteMember', { id: admin.memberId });
  for (const one of [token, another]) expect(await look(one)).toMatchObject({ status: 200 });
  expect((await listed(owner))[token.id].createdBy).toBeNull();
  expect(await mutate(owner, 'deleteServiceAccount', { id: robot })).toEqual({ errors: [] });
  for (const one of [token, another]) expect(await look(one)).toEqual(REFUSED);
});

test('of a creation and the revocation of its token at once, no token is left', async () => {
  const admin = await newAdmin();
  for (let round = 0; round < 5; round += 1) {
    const maker = await createToken(api, admin);
    const [made] = await Promise.all([
      tryCreate(maker, { access: 'WRITE' }),
      mutate(node.as(admin.token), 'deleteApiToken', { id: maker.id }),
    ]);
    if (made.secret) expect(await look(api.as(made.secret))).toEqual(REFUSED);
    else expect(['CONFLICT', 'UNAUTHENTICATED']).toContain(made.refused);
  }
  expect(await differencesOfDirectories(api.root)).toEqual([]);
});

test('the maximum lifetime of the organization applies to new and existing tokens', async () => {
  const admin = await newAdmin();
  const [here, later] = [await startApi({ database: api }), await startApi({ database: api })];
  const existing = await createToken(api, admin);
  const [row] = await api.root`select lineage_at from api_tokens where id = ${uuidOf('tok', existing.id)}`;
  const endAfter = (days: number): string => new Date(row?.['lineage_at'].getTime() + days * DAY).toISOString();
  expect(existing.row.expiresAt).toBeNull();
  expect(await setMaximum(30)).toEqual({ organization: { apiTokenMaxDays: 30 }, errors: [] });
  expect((await listed(owner))[existing.id].expiresAt).toBe(endAfter(30));
  const credential = await existing.query('{ viewer { credential { expiresAt } } }');
  expect(credential.data.viewer.credential.expiresAt).toBe(endAfter(30));

  const end = (days: number) => new Date(Date.now() + days * DAY).toISOString();
  expect(await tryCreate(admin, { expiresAt: end(31) })).toMatchObject({ errors: [INVALID('expiresAt')] });
  expect((await tryCreate(admin, { expiresAt: end(29) })).errors).toEqual([]);
  const omitted = await createToken(api, admin);
  expect(Date.parse(omitted.row.expiresAt)).toBeGreaterThan(Date.parse(endAfter(30)));
  expect(Date.parse(omitted.row.expiresAt)).toBeLessThan(Date.now() + 31 * DAY);

  for (const at of [here, later]) {
    at.advance(30 * DAY - 10 * MINUTE);
    expect(await look(at.as(existing.secret))).toEqual(inside(admin.email, 'acme'));
    at.advance(10 * MINUTE);
    expect(await look(at.as(existing.secret))).toEqual(REFUSED);
  }
  // A longer maximum is effective for existing tokens as well.
  await setMaximum(60);
  expect(await look(later.as(existing.secret))).toEqual(inside(admin.email, 'acme'));
  await setMaximum(null);
  expect((await listed(owner))[existing.id].expiresAt).toBeNull();
});

test('the maximum lifetime counts anew after a rotation by a person, and not after one by a token', async () => {
  const admin = await newAdmin();
  const later = await startApi({ database: api });
  await setMaximum(1);
  const [one, other] = [await createToken(api, admin), await createToken(api, admin)];
  const child = await createToken(api, one, { expiresAt: one.row.expiresAt });
  const moved = (row: { expiresAt: string }, from: { expiresAt: string }) =>
    Date.parse(row.expiresAt) - Date.parse(from.expiresAt);
  const earlier = new Date(Date.parse(one.row.expiresAt) - 1.5 * DAY).toISOString();
  await api.root`update api_tokens set lineage_at = ${earlier} where organization_id = ${organizationUuid(acme)}`;
  const before = (await listed(admin))[one.id];
  const itself = await rotateToken(later, later.as(one.secret), one.id);
  expect(moved(itself.row, before)).toBe(0);
  const renewed = await rotateToken(api, admin, other.id);
  expect(moved(renewed.row, before)).toBeGreaterThan(11 * 60 * MINUTE);
  // What was created with a token counts from the same time as that token.
  const sibling = await rotateToken(api, admin, child.id);
  expect(moved(sibling.row, child.row)).toBeLessThanOrEqual(0);
  await setMaximum(null);
});

test('updateOrganization refuses a wrong maximum, and needs organization:update', async () => {
  const user = await addMember(api, acme, 'user');
  for (const days of [0, -1, 3651])
    expect(await setMaximum(days)).toMatchObject({ organization: null, errors: [INVALID('apiTokenMaxDays')] });
  expect(await setMaximum(3650)).toMatchObject({ errors: [] });
  expect(await mutate(user, 'updateOrganization', { id: acme.id, apiTokenMaxDays: 1 })).toEqual({
    refused: 'NO_GRANT',
  });
  // Omitted, it stays.
  await mutate(owner, 'updateOrganization', { id: acme.id, name: 'Acme' });
  expect(await setMaximum(null)).toEqual({ organization: { apiTokenMaxDays: null }, errors: [] });
});

test('a token cannot extend its own lifetime by a longer maximum of the organization', async () => {
  const token = await createToken(api, owner);
  const setWith = (caller: Caller, apiTokenMaxDays: number | null) =>
    mutate(caller, 'updateOrganization', { id: acme.id, apiTokenMaxDays });
  expect(await setWith(token, 30)).toEqual({ errors: [] });
  for (const longer of [31, null]) expect(await setWith(token, longer)).toEqual({ refused: 'SESSION_REQUIRED' });
  for (const days of [30, 29]) expect(await setWith(token, days)).toEqual({ errors: [] });
  expect(await mutate(token, 'updateOrganization', { id: acme.id, name: 'Acme' })).toEqual({ errors: [] });
  expect(await setWith(owner, null)).toEqual({ errors: [] });
});
