import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { openConnection } from '../../src/db/connection.ts';

/** A socket that fails as early as one without a route to the server: before any promise is settled. */
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
