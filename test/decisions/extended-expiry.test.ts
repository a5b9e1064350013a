import { expect, test } from 'vitest';
import { addMember, mutate, roleId } from '../support/world.ts';
import { createServiceAccount, startWorld } from './support.ts';

/** A time-bound Admin who changes when the role of somebody else ends. */
const { api, acme, people } = await startWorld();
const { owner } = people;
const HOUR = 3_600_000;
const inHours = (hours: number): string => new Date(Date.now() + hours * HOUR).toISOString();
const until = (hours: number) => ({
  roleId: roleId('admin'),
  roleExpiresAt: inHours(hours),
  fallbackRoleId: roleId('read'),
});

const visitor = await addMember(api, acme, 'read', 'visitor');
const accomplice = await addMember(api, acme, 'read', 'accomplice');
const robot = await createServiceAccount(owner, 'robot', roleId('read'));
await mutate(owner, 'updateMember', { id: visitor.memberId, ...until(2) });
await mutate(owner, 'updateMember', { id: accomplice.memberId, ...until(3) });
await mutate(owner, 'updateServiceAccount', { id: robot, ...until(3) });

test('nobody extends a role of somebody else beyond the end of their own', async () => {
  const extended = { id: accomplice.memberId, ...until(1000) };
  expect(await mutate(visitor, 'updateMember', { ...extended, dryRun: true })).toEqual({ refused: 'NOT_HELD' });
  expect(await mutate(visitor, 'updateMember', extended)).toEqual({ refused: 'NOT_HELD' });
  expect(await mutate(visitor, 'updateServiceAccount', { ...extended, id: robot })).toEqual({ refused: 'NOT_HELD' });
  // Nor do they shorten it: that takes the role away at a time at which they do not hold it.
  expect(await mutate(visitor, 'updateMember', { ...extended, ...until(2.5) })).toEqual({ refused: 'NOT_HELD' });
  expect(await mutate(owner, 'updateMember', extended)).toEqual({ errors: [] });
});

test('the end can change within the time in which the caller holds the role', async () => {
  const guest = await addMember(api, acme, 'read', 'temporary');
  const id = guest.memberId;
  expect(await mutate(owner, 'updateMember', { id, ...until(1) })).toEqual({ errors: [] });
  expect(await mutate(visitor, 'updateMember', { id, ...until(1.5) })).toEqual({ errors: [] });
  expect(await mutate(visitor, 'updateMember', { id, ...until(0.5) })).toEqual({ errors: [] });
  expect(await mutate(visitor, 'updateMember', { id, ...until(2.5) })).toEqual({ refused: 'NOT_HELD' });
});
