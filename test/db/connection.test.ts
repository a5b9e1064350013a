import { connect, createServer, Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { openConnection } from '../../src/db/connection.ts';
import { cloneDatabase } from '../support/database.ts';

/** A socket that fails before any promise is settled, like a socket without a route to the server. */
function unreachable(): Socket {
  const socket = new Socket();
  process.nextTick(() => socket.destroy(Object.assign(new Error('connect ENETUNREACH'), { code: 'ENETUNREACH' })));
  return socket;
}

test('a connection to an unreachable network fails with the error of the socket', async () => {
  const opening = openConnection({
    url: 'postgres://127.0.0.1/none',
    driver: {},
    dial: unreachable,
    renewMs: 60_000,
    onLost: () => undefined,
  });
  await expect(opening).rejects.toMatchObject({ code: 'ENETUNREACH' });
});

test('a connection whose request to cancel was not answered in time is not used again', async () => {
  const { url } = await cloneDatabase();
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  onTestFinished(() => void silent.close());
  let dialed = 0;
  const dial = (): Socket => {
    dialed += 1;
    const { hostname, port } = new URL(url);
    if (dialed === 1) return connect(Number(port), hostname);
    return connect((silent.address() as { port: number }).port, '127.0.0.1');
  };
  const connection = await openConnection({ url, driver: {}, dial, renewMs: 60_000, onLost: () => undefined });
  const finished = connection.send('select 1');
  connection.cancel();
  await finished;
  const { promise: quiet, resolve } = Promise.withResolvers<void>();
  connection.whenQuiet(resolve);
  await quiet;
  expect(dialed).toBe(2);
  expect(connection.lost?.code).toBe('UNAVAILABLE');
});
