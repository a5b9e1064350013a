import { once } from 'node:events';
import { Agent, createServer, type RequestListener, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { drain } from '../../src/http/drain.ts';

/** A server, and requests to it over one connection that is kept open. */
async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (): Promise<string> =>
    new Promise((resolve) => {
      const req = request({ port, host: '127.0.0.1', agent }, (res) => {
        res.resume().once('end', () => resolve(`${res.statusCode} ${res.headers.connection}`));
      });
      req.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? '')).end();
    });
  return { server, ask };
}

test('a request that was accepted is answered, and its client asked to close the connection', async () => {
  const answers: (() => void)[] = [];
  const { server, ask } = await serve((_req, res) => void answers.push(() => res.end()));
  const first = ask();
  await once(server, 'request');
  const drained = drain(server, 60_000);
  answers.pop()?.();
  expect(await first).toBe('200 keep-alive');
  // It came on a connection that had been accepted before.
  const second = ask();
  await once(server, 'request');
  answers.pop()?.();
  expect(await second).toBe('200 close');
  await drained;
  expect(await ask()).toBe('ECONNREFUSED');
});

test('an idle connection is closed, and what never ends is cut', async () => {
  const idle = await serve((_req, res) => res.end());
  expect(await idle.ask()).toBe('200 keep-alive');
  await drain(idle.server, 60_000);
  const endless = await serve(() => undefined);
  const cut = endless.ask();
  await once(endless.server, 'request');
  await drain(endless.server, 50);
  expect(await cut).toBe('ECONNRESET');
});
