import { expect, test } from 'vitest';
import type { Json } from '../support/api.ts';
import { addMember, mutate, queryData } from '../support/world.ts';
import { createServiceAccount, roleIdOf, startWorld } from './support.ts';

const { api, acme, people } = await startWorld();
const { owner } = people;

const roleExpiresAt = new Date(Date.now() + 3_600_000).toISOString();
const TIME_BOUND = { roleId: roleIdOf('admin'), roleExpiresAt, fallbackRoleId: roleIdOf('read') };
const PRINCIPAL = `query ($id: ID!) { node(id: $id) { ... on Principal { role { name } roleExpiresAt fallbackRole { name } } } }`;
const roleOf = async (id: string): Promise<Json> => (await queryData(owner, PRINCIPAL, { id })).node;
const ADMIN_FOR_AN_HOUR = { role: { name: 'Admin' }, roleExpiresAt, fallbackRole: { name: 'Read' } };
const permanent = (name: string) => ({ role: { name }, roleExpiresAt: null, fallbackRole: null });
const REQUIRED = { errors: [{ code: 'REQUIRED', path: ['roleExpiresAt'] }] };

let last = 0;
const KINDS = [
  ['updateMember', async () => (await addMember(api, acme, 'read', `member-${++last}`)).memberId],
  ['updateServiceAccount', () => createServiceAccount(owner, `robot-${++last}`, roleIdOf('read'))],
] as const;

test.each(KINDS)('%s leaves the expiry unchanged if it is omitted with the current role', async (name, create) => {
  const id = await create();
  const update = (input: object): Promise<Json> => mutate(owner, name, { id, ...input });
  expect(await update(TIME_BOUND)).toEqual({ errors: [] });
  for (const input of [{}, { roleId: TIME_BOUND.roleId }]) {
    expect(await update(input)).toEqual({ errors: [] });
    expect(await roleOf(id)).toEqual(ADMIN_FOR_AN_HOUR);
  }
  expect(await update({ roleId: TIME_BOUND.roleId, roleExpiresAt: null })).toEqual({ errors: [] });
  expect(await roleOf(id)).toEqual(permanent('Admin'));
});

test.each(KINDS)('%s from a role that expires to another one needs an expiry or null', async (name, create) => {
  const id = await create();
  const update = (input: object): Promise<Json> => mutate(owner, name, { id, ...input });
  // From a permanent role it does not.
  expect(await update({ roleId: roleIdOf('user') })).toEqual({ errors: [] });
  expect(await update(TIME_BOUND)).toEqual({ errors: [] });
  expect(await update({ roleId: roleIdOf('write') })).toEqual(REQUIRED);
  expect(await update({ roleId: roleIdOf('write'), dryRun: true })).toEqual(REQUIRED);
  expect(await roleOf(id)).toEqual(ADMIN_FOR_AN_HOUR);
  expect(await update({ roleId: roleIdOf('write'), roleExpiresAt: null })).toEqual({ errors: [] });
  expect(await roleOf(id)).toEqual(permanent('Write'));
});

test('a role that has expired is not made permanent by an omission', async () => {
  const { memberId: id } = await addMember(api, acme, 'read', 'late');
  expect(await mutate(owner, 'updateMember', { id, ...TIME_BOUND })).toEqual({ errors: [] });
  await api.root`update assignments set expires_at = now() where expires_at is not null`;
  expect(await mutate(owner, 'updateMember', { id, roleId: TIME_BOUND.roleId })).toEqual(REQUIRED);
  expect((await roleOf(id)).role).toEqual({ name: 'Read' });
});
