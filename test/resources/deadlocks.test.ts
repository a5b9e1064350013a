import type { TransactionSql } from 'postgres';
import { expect, test } from 'vitest';
import { organizationUuid, uuidOf } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { createCheck, createOrganization, duringChange, getRubric, mutate } from '../support/world.ts';

/**
 * A mutation that waits for a lock already holds other locks. If these blocked inserts that refer to the locked rows, two requests
 * could wait for each other, and PostgreSQL would abort one of them.
 */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const organization = organizationUuid(acme);
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
    (tx) => tx`select from services where organization_id = ${organization} and id = ${uuidOf('svc', mail)} for update`,
    () => dependOn(shop, mail),
    () => dependOn(billing, shop),
  );
});

test('objects can be added to an organization during a change of access', async () => {
  const { team } = await mutate(owner, 'createTeam', { name: 'Platform' }, 'team { id }');
  await expectBoth(
    (tx) => tx`select from teams where organization_id = ${organization} and id = ${uuidOf('tea', team.id)} for update`,
    () => mutate(owner, 'deleteTeam', { team: { id: team.id } }),
    () => mutate(owner, 'createCategory', { name: 'Cost' }),
  );
});

test('a level that is being moved can get checks', async () => {
  const { Bronze = '', Silver = '' } = rubric.levels;
  await expectBoth(
    (tx) =>
      tx`select from levels where organization_id = ${organization} and id = ${uuidOf('lvl', Silver)} for no key update`,
    () => mutate(owner, 'updateLevel', { level: { id: Bronze }, index: 2 }),
    async () => (await createCheck(owner, rubric)) && DONE,
  );
});
