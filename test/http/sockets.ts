import type { RequestListener, Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createHttpServer, type ServerConfig } from '../../src/http/server.ts';

/** Serves until the test file ends, with the limits of the real server. */
export async function serve(listener: RequestListener, config: Partial<ServerConfig> = {}): Promise<Server> {
  const server = createHttpServer(listener, { ...readConfig({}), ...config });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  return server;
}

export const portOf = (server: Server): number => (server.address() as AddressInfo).port;
export const addressOf = (server: Server): string => `http://127.0.0.1:${portOf(server)}`;

export interface Client {
  socket: Socket;
  /** The text that was received. */
  text(): string;
  isClosed(): boolean;
}

/** Opens a connection and sends exactly this text. With `reads: false` the client never reads. */
export async function open(port: number, sent = '', { reads = true } = {}): Promise<Client> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let closed = false;
  const note = (): void => {
    closed = true;
  };
  socket.on('error', note).on('close', note);
  if (reads) socket.on('data', (chunk) => (text += chunk));
  else socket.pause();
  await new Promise((done) => socket.once('connect', done).once('error', done));
  socket.write(sent);
  afterAll(() => socket.destroy());
  return { socket, text: () => text, isClosed: () => closed };
}

export const requestOf = (body: string, headers = ''): string =>
  `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
