import { connect, type Socket } from 'node:net';
import type { Api } from './api.ts';

/** Statements that the server sends while `work` runs, without the ends of transactions: nobody waits for those. */
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
 * Lets the answers to statements that are under way together arrive together, on the connections that are opened from
 * now on. Else it would hang on the moment how much of what follows from them is asked in one statement.
 */
export function batchResponses(api: Api): void {
  const { hostname, port } = new URL(api.url);
  api.hooks.dial = () => holdResponses(connect(Number(port), hostname));
}

/** Each of these messages that Postgres is sent, a simple query or a Sync, is answered with one ReadyForQuery. */
const ASKING = 'QS';
const READY = 'Z';

function holdResponses(socket: Socket): Socket {
  const [askedIn, readyIn] = [counterOf(ASKING), counterOf(READY)];
  const [write, emit] = [socket.write.bind(socket), socket.emit.bind(socket)];
  let started = false;
  let pending = 0;
  let held: Buffer[] = [];
  socket.write = ((chunk: Buffer, ...rest: []) => {
    // Before, messages are of another form, and each waits for the one before.
    if (started) pending += askedIn(chunk);
    return write(chunk, ...rest);
  }) as never;
  socket.emit = ((event: string, ...given: unknown[]) => {
    if (event !== 'data') return emit(event, ...given);
    const ready = readyIn(given[0] as Buffer);
    if (started) pending -= ready;
    started ||= ready > 0;
    held.push(given[0] as Buffer);
    if (pending > 0) return true;
    const all = Buffer.concat(held);
    held = [];
    return emit('data', all);
  }) as never;
  return socket;
}

/** Counts the messages of these types in a stream: a byte for the type, four for the length of what follows. */
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
