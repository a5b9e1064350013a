import { setTimeout as sleep } from 'node:timers/promises';
import { sql as query } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';
import type { Db } from '../../src/db/client.ts';
import { ask } from '../../src/db/reader.ts';
import { inTransaction, type Mode, openTransaction } from '../../src/db/transaction.ts';
import { startApi } from '../support/api.ts';
import { found } from '../support/world.ts';
import { organizationUuid } from './support.ts';

const api = await startApi({ pool: 2 });
const [acme, globex] = [await found(api, 'acme'), await found(api, 'globex')];
const [own, others] = [acme, globex].map((one) => ({ organizationId: organizationUuid(one), userId: null })) as [
  { organizationId: string; userId: null },
  { organizationId: string; userId: null },
];

const tenantsSeen = async (db: Db): Promise<string[]> =>
  (await ask<{ organization_id: string }>(db, query`select * from categories where name <> ${'none'}`)).map(
    (row) => row.organization_id,
  );
const isOnly = (binding: { organizationId: string }, seen: string[]): boolean =>
  seen.length > 0 && seen.every((id) => id === binding.organizationId);

// Neither rewrites the table: a rewritten table looks empty to every transaction that began before, whoever asks.
const changeType = async (type: string): Promise<void> => {
  await api.root.unsafe(`alter table categories alter column description type ${type}`);
};
/** Prepares the statement on every connection: one that is given back and asked for at once is the same again. */
const warm = async (mode: Mode): Promise<void> => {
  for (let time = 0; time < 6; time += 1) {
    await inTransaction(api.pool, own, tenantsSeen, mode).catch(() => undefined);
    await sleep(20);
  }
};
afterEach(() => changeType('text'));

test.each(['read only', 'read write'] as const)(
  'a prepared statement that fails in a %s transaction is not sent again behind it',
  async (mode) => {
    await warm(mode);
    await changeType('varchar');
    const first = await openTransaction(api.pool, own, mode);
    const next = openTransaction(api.pool, others, mode);
    await ask(first.db, query`select 1`);
    // The end of the transaction, and the next one, are under way before the failure of the statement is known.
    const [seen] = await Promise.allSettled([tenantsSeen(first.db), first.commit()]);
    // What fails is one answer; an empty one, or somebody else's, would be wrong.
    if (seen.status === 'fulfilled') expect(isOnly(own, seen.value)).toBe(true);
    else expect(seen.reason).toMatchObject({ message: expect.stringContaining('cached plan') });
    const [second] = await Promise.allSettled([next]);
    if (second.status === 'fulfilled') {
      const [other] = await Promise.allSettled([tenantsSeen(second.value.db)]);
      if (other.status === 'fulfilled') expect(isOnly(others, other.value)).toBe(true);
      await second.value.rollback().catch(() => undefined);
    }
  },
);

test('after that the connection is replaced, and everything is served', async () => {
  await warm('read write');
  await changeType('varchar');
  await inTransaction(api.pool, own, tenantsSeen).catch(() => undefined);
  expect(isOnly(own, await inTransaction(api.pool, own, tenantsSeen))).toBe(true);
});
