import { expect, test } from 'vitest';
import { addMember, mutate, roleId } from '../support/world.ts';
import { startWorld } from './support.ts';

const { api, acme, people } = await startWorld();
const { owner, admin } = people;
const HOUR = 3_600_000;
const inHours = (hours: number): string => new Date(Date.now() + hours * HOUR).toISOString();

test('a role expires with the next request, and its fallback role replaces it', async () => {
  const visitor = await addMember(api, acme, 'read', 'visitor');
  const input = {
    id: visitor.memberId,
    roleId: roleId('admin'),
    roleExpiresAt: inHours(2),
    fallbackRoleId: roleId('user'),
  };
  expect(await mutate(owner, 'updateMember', input, 'member { role { name } roleExpiresAt }')).toEqual({
    member: { role: { name: 'Admin' }, roleExpiresAt: input.roleExpiresAt },
    errors: [],
  });
  const create = (name: string) => mutate(visitor, 'createCategory', { name });
  expect(await create('before')).toEqual({ errors: [] });
  api.advance(2 * HOUR + 1000);
  const signedIn = api.as(visitor.token);
  // The access token has expired as well.
  expect((await signedIn.query('{ viewer { role { name } } }')).status).toBe(401);
  const { signIn } = await import('../support/world.ts');
  const again = await signIn(api, visitor.email, 'acme');
  const { errors } = await again.query('mutation { createCategory(input: { name: "after" }) { errors { code } } }');
  expect(errors?.[0].extensions).toMatchObject({
    code: 'FORBIDDEN',
    reason: 'ROLE_EXPIRED',
    permission: 'category:create',
  });
  expect(errors?.[0].message).toMatch(/^category:create is needed, and the role Admin, which grants it, expired on /);
  expect((await again.query('{ viewer { role { name } } }')).data.viewer.role.name).toBe('User');
  api.advance(-2 * HOUR - 1000);
});

test('an expiry requires a role and a fallback role, and a fallback role requires an expiry', async () => {
  const id = people.user.memberId;
  const give = (input: object) => mutate(owner, 'updateMember', { id, ...input });
  expect(await give({ roleId: roleId('admin'), roleExpiresAt: inHours(1) })).toEqual({
    errors: [{ code: 'REQUIRED', path: ['fallbackRoleId'] }],
  });
  expect(await give({ roleId: roleId('admin'), fallbackRoleId: roleId('read') })).toEqual({
    errors: [{ code: 'REQUIRED', path: ['roleExpiresAt'] }],
  });
  expect(await give({ roleExpiresAt: inHours(1), fallbackRoleId: roleId('read') })).toEqual({
    errors: [{ code: 'REQUIRED', path: ['roleId'] }],
  });
  expect(await give({ roleId: roleId('admin'), roleExpiresAt: inHours(-1), fallbackRoleId: roleId('read') })).toEqual({
    errors: [{ code: 'INVALID', path: ['roleExpiresAt'] }],
  });
  expect(await give({ roleId: null })).toEqual({ errors: [{ code: 'REQUIRED', path: ['roleId'] }] });
});

test('an Admin can neither give nor remove a role with the fallback Owner', async () => {
  const id = people.read.memberId;
  const later = { id, roleId: roleId('read'), roleExpiresAt: inHours(1), fallbackRoleId: roleId('owner') };
  expect(await mutate(admin, 'updateMember', later)).toEqual({ refused: 'NOT_HELD' });
  expect(await mutate(owner, 'updateMember', later)).toEqual({ errors: [] });
  // An Admin has less than the fallback role, so an Admin cannot remove it.
  expect(await mutate(admin, 'updateMember', { id, roleId: roleId('read') })).toEqual({ refused: 'NOT_HELD' });
  expect(await mutate(owner, 'updateMember', { id, roleId: roleId('read') })).toEqual({ errors: [] });
});

test('the role of the last Owner cannot expire', async () => {
  const end = {
    id: owner.memberId,
    roleId: roleId('owner'),
    roleExpiresAt: inHours(1),
    fallbackRoleId: roleId('admin'),
  };
  expect(await mutate(owner, 'updateMember', end)).toEqual({ errors: [{ code: 'LAST_OWNER', path: ['id'] }] });
  expect(await mutate(owner, 'leaveOrganization', {})).toEqual({ errors: [{ code: 'LAST_OWNER', path: [] }] });
});

test('a transfer makes the member Owner and the caller Admin', async () => {
  expect(await mutate(admin, 'transferOwnership', { memberId: admin.memberId })).toEqual({ refused: 'NO_GRANT' });
  expect(await mutate(owner, 'transferOwnership', { memberId: owner.memberId })).toEqual({
    errors: [{ code: 'INVALID', path: ['memberId'] }],
  });
  expect(await mutate(owner, 'transferOwnership', { memberId: admin.memberId }, 'member { role { name } }')).toEqual({
    member: { role: { name: 'Owner' } },
    errors: [],
  });
  expect((await owner.query('{ viewer { role { name } } }')).data.viewer.role.name).toBe('Admin');
  expect(await mutate(owner, 'leaveOrganization', {})).toEqual({ errors: [] });
  expect((await owner.query('{ viewer { role { name } } }')).status).toBe(401);
});
