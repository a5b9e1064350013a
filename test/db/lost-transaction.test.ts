import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type Connection, openConnection } from '../../src/db/connection.ts';
import { cloneDatabase } from '../support/database.ts';

async function openWithSocket(): Promise<{ connection: Connection; socket: Socket }> {
  const { url } = await cloneDatabase();
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const onLost = (): void => undefined;
  const connection = await openConnection({ url, driver: {}, dial: () => socket, renewMs: 60_000, onLost });
  // With these timers the driver does not notice that it was ended. Otherwise this test would depend on their order.
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  return { connection, socket };
}

/** Calls `run` and returns the errors that were thrown outside of any promise until the driver has sent its messages. */
async function uncaughtIn(run: () => Promise<unknown>): Promise<unknown[]> {
  const uncaught: unknown[] = [];
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException').on('uncaughtException', (error) => uncaught.push(error));
  try {
    await run();
  } finally {
    for (let round = 0; round < 3; round += 1) await new Promise(setImmediate);
    process.removeAllListeners('uncaughtException');
    for (const listener of others) process.on('uncaughtException', listener);
  }
  return uncaught;
}

test('a transaction whose connection is closed during a statement fails, and sends no ROLLBACK', async () => {
  const { connection, socket } = await openWithSocket();
  const uncaught = await uncaughtIn(async () => {
    const transaction = connection.begin(async (sql) => {
      const statement = sql`select pg_sleep(60)`.execute();
      socket.destroy();
      await statement;
    });
    await expect(transaction).rejects.toThrow('CONNECTION_CLOSED');
  });
  expect(uncaught).toEqual([]);
});

test('a transaction whose connection was closed between two statements fails with UNAVAILABLE', async () => {
  const { connection, socket } = await openWithSocket();
  const uncaught = await uncaughtIn(async () => {
    const transaction = connection.begin(async (sql) => {
      await sql`select 1`;
      socket.destroy();
      await once(socket, 'close');
      await sql`select 2`;
    });
    await expect(transaction).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
  expect(uncaught).toEqual([]);
});

test('a transaction whose connection was closed before COMMIT fails with UNAVAILABLE', async () => {
  const { connection, socket } = await openWithSocket();
  const uncaught = await uncaughtIn(async () => {
    const transaction = connection.begin(async () => {
      socket.destroy();
      await once(socket, 'close');
    });
    await expect(transaction).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
  expect(uncaught).toEqual([]);
});

test('a transaction on a lost connection fails with UNAVAILABLE', async () => {
  const { connection } = await openWithSocket();
  connection.destroy('CLOSED');
  const work = vi.fn(async () => undefined);
  await expect(connection.begin(work)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(work).not.toHaveBeenCalled();
});

test('a transaction whose failed statement was ignored fails instead of committing', async () => {
  const { connection } = await openWithSocket();
  const transaction = connection.begin(async (sql) => {
    await sql`create table kept ()`;
    await sql`select 1 / 0`.catch(() => undefined);
  });
  await expect(transaction).rejects.toThrow('rolled back');
  const [row] = await connection.query`select to_regclass('kept') as kept`;
  expect(row).toEqual({ kept: null });
});
