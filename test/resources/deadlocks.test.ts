import type { TransactionSql } from 'postgres';
import { expect, test } from 'vitest';
import { uuidOf } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { createCheck, createOrganization, duringChange, getRubric, mutate } from '../support/world.ts';

/**
 * A mutation that waits for a lock holds others. If an insert that refers to one of those rows waited too, two such requests
 * could wait for each other, and PostgreSQL would abort one of them.
 */
const api = await startApi();
const { owner } = await createOrganization(api, 'acme');
const rubric = await getRubric(owner);

const serviceOf = async (name: string): Promise<string> =>
  (await mutate(owner, 'createService', { name }, 'service { id }')).service.id;
const dependOn = (service: string, other: string): Promise<Json> =>
  mutate(owner, 'updateService', { service: { id: service }, addDependencies: [{ id: other }] });
const DONE = { errors: [] };

/** Runs `other` while the first mutation waits for the lock, and expects that both succeed. */
async function expectBoth(
  lock: (tx: TransactionSql) => Promise<unknown>,
  first: () => Promise<Json>,
  other: () => Promise<Json>,
): Promise<void> {
  let second: Json;
  const done = await duringChange(api, lock, first, async () => {
    second = await other();
  });
  expect([done, second]).toEqual([DONE, DONE]);
}

test('a service that is being updated can become a dependency', async () => {
  const [shop, billing, mail] = [await serviceOf('Shop'), await serviceOf('Billing'), await serviceOf('Mail')];
  await expectBoth(
    (tx) => tx`select from services where id = ${uuidOf('svc', mail)} for update`,
    () => dependOn(shop, mail),
    () => dependOn(billing, shop),
  );
});

test('objects can be added to an organization during a change of access', async () => {
  const { team } = await mutate(owner, 'createTeam', { name: 'Platform' }, 'team { id }');
  await expectBoth(
    (tx) => tx`select from teams where id = ${uuidOf('tea', team.id)} for update`,
    () => mutate(owner, 'deleteTeam', { team: { id: team.id } }),
    () => mutate(owner, 'createCategory', { name: 'Cost' }),
  );
});

test('a level that is being moved can get checks', async () => {
  const { Bronze = '', Silver = '' } = rubric.levels;
  await expectBoth(
    (tx) => tx`select from levels where id = ${uuidOf('lvl', Silver)} for no key update`,
    () => mutate(owner, 'updateLevel', { level: { id: Bronze }, index: 2 }),
    async () => (await createCheck(owner, rubric)) && DONE,
  );
});
