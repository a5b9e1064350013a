import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Forwards TCP connections to TARGET and delays each direction by DELAY milliseconds. */
const { TARGET = '', DELAY = '' } = process.env;
const [host = '', port = ''] = TARGET.split(':');

interface Chunk {
  due: number;
  to: Socket;
  data: Buffer;
}

/** In the order of their arrival, so also in the order in which they are due. */
const waiting: Chunk[] = [];

/** Milliseconds of one sleep. Timers of Node have a resolution of 1 ms, and waiting without sleep would use a processor. */
const SLEEP = 0.1;
const clock = new Int32Array(new SharedArrayBuffer(4));

function forward(): void {
  while (waiting[0] && waiting[0].due <= performance.now()) {
    const { to, data } = waiting.shift() as Chunk;
    if (to.writable) to.write(data);
  }
  if (waiting.length === 0) return;
  Atomics.wait(clock, 0, 0, SLEEP);
  setImmediate(forward);
}

function delay(from: Socket, to: Socket): void {
  from.setNoDelay(true);
  from.on('data', (data) => {
    waiting.push({ due: performance.now() + Number(DELAY), to, data });
    if (waiting.length === 1) setImmediate(forward);
  });
  from.on('close', () => to.destroy());
  from.on('error', () => to.destroy());
}

const server = createServer((client) => {
  const target = connect({ host, port: Number(port) });
  delay(client, target);
  delay(target, client);
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
