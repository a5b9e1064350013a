import { connect, type Socket } from 'node:net';
import type { Api } from './api.ts';

/** The statements that the server sends while `work` runs, without commit and rollback. */
export async function statementsOf(api: Api, work: () => Promise<unknown>): Promise<string[]> {
  const sent: string[] = [];
  api.hooks.onStatement = (text) => sent.push(text);
  await work();
  delete api.hooks.onStatement;
  return sent
    .map((text) => text.replace(/^(commit|rollback);/, ''))
    .filter((text) => text !== 'commit' && text !== 'rollback');
}

/**
 * Delivers the responses to concurrent statements together, on connections that are opened from now on. Otherwise the
 * number of statements would depend on timing, because later statements are batched by arrival.
 */
export function batchResponses(api: Api): void {
  const { hostname, port } = new URL(api.url);
  api.hooks.dial = () => holdResponses(connect(Number(port), hostname));
}

/** Milliseconds that a response takes, so that statements that do not wait for it are sent before. */
const DELAY = 25;

/**
 * Counts the round trips on connections that are opened from now on. A round trip begins with a statement that is sent
 * while no response is pending.
 */
export function countRoundTrips(api: Api): { count: number } {
  const { hostname, port } = new URL(api.url);
  const trips = { count: 0 };
  api.hooks.dial = () =>
    holdResponses(
      connect(Number(port), hostname),
      () => {
        trips.count += 1;
      },
      DELAY,
    );
  return trips;
}

/** PostgreSQL sends one ReadyForQuery for each of these messages: simple query and Sync. */
const REQUESTS = 'QS';
const READY = 'Z';

function holdResponses(socket: Socket, onTrip: () => void = () => undefined, delay = 0): Socket {
  const [requestsIn, readyIn] = [counterOf(REQUESTS), counterOf(READY)];
  const [write, emit] = [socket.write.bind(socket), socket.emit.bind(socket)];
  let started = false;
  let pending = 0;
  let held: Buffer[] = [];
  let delivering: NodeJS.Timeout | undefined;
  const deliver = (): boolean => {
    const all = Buffer.concat(held);
    held = [];
    return emit('data', all);
  };
  socket.write = ((chunk: Buffer, ...rest: []) => {
    // Start-up messages have another format, and are sent one after the other.
    if (started && pending === 0 && held.length === 0) onTrip();
    if (started) pending += requestsIn(chunk);
    return write(chunk, ...rest);
  }) as never;
  socket.emit = ((event: string, ...given: unknown[]) => {
    if (event !== 'data') return emit(event, ...given);
    const ready = readyIn(given[0] as Buffer);
    if (started) pending -= ready;
    started ||= ready > 0;
    held.push(given[0] as Buffer);
    if (pending > 0) return true;
    if (delay === 0) return deliver();
    clearTimeout(delivering);
    delivering = setTimeout(() => pending > 0 || deliver(), delay);
    return true;
  }) as never;
  return socket;
}

/** Counts the messages of these types in a stream. A message has one byte for the type and four for the length. */
function counterOf(types: string): (chunk: Buffer) => number {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    let count = 0;
    while (rest.length >= 5 && rest.length > rest.readInt32BE(1)) {
      if (types.includes(String.fromCharCode(rest[0] as number))) count += 1;
      rest = rest.subarray(1 + rest.readInt32BE(1));
    }
    return count;
  };
}
