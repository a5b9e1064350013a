import { connect, type Socket } from 'node:net';

/** A statement as it was sent to PostgreSQL. */
export interface SentStatement {
  text: string;
  params: (string | null)[];
  /** Whether it was sent as a prepared statement with a name. */
  isNamed: boolean;
}

export interface Wire {
  /** The statements that were executed, in the order of all connections. */
  readonly sent: SentStatement[];
  /** The largest number of named prepared statements that were open on one connection. */
  maxPrepared(): number;
  /** Opens a socket whose statements are recorded. */
  readonly dial: () => Socket;
}

/** Records the statements of new connections, with their parameters (PostgreSQL documentation, "Message Formats"). */
export function recordWire(databaseUrl: string): Wire {
  const sent: SentStatement[] = [];
  let most = 0;
  const dial = (): Socket => {
    const { hostname, port } = new URL(databaseUrl);
    const socket = connect(Number(port), hostname);
    const write = socket.write.bind(socket);
    const prepared = new Map<string, string>();
    const read = messageReader((type, body) => {
      onMessage(type, body, prepared, sent);
      most = Math.max(most, [...prepared.keys()].filter((name) => name !== '').length);
    });
    socket.write = ((chunk: Buffer, ...rest: []) => {
      read(chunk);
      return write(chunk, ...rest);
    }) as never;
    return socket;
  };
  return { sent, dial, maxPrepared: () => most };
}

/** Splits the stream into messages. The first message has no type. */
function messageReader(onMessage: (type: string, body: Buffer) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  let typeBytes = 0;
  return (chunk) => {
    rest = Buffer.concat([rest, Buffer.from(chunk)]);
    while (rest.length >= typeBytes + 4) {
      const end = typeBytes + rest.readInt32BE(typeBytes);
      if (rest.length < end) return;
      if (typeBytes === 1) onMessage(String.fromCharCode(rest[0] as number), rest.subarray(5, end));
      rest = rest.subarray(end);
      typeBytes = 1;
    }
  };
}

function onMessage(type: string, body: Buffer, prepared: Map<string, string>, sent: SentStatement[]): void {
  if (type === 'Q') sent.push({ text: textAt(body, 0).text, params: [], isNamed: false });
  if (type === 'P') {
    const name = textAt(body, 0);
    prepared.set(name.text, textAt(body, name.end).text);
  }
  // Close of a prepared statement.
  if (type === 'C' && body[0] === 0x53) prepared.delete(textAt(body, 1).text);
  if (type === 'B') {
    const name = textAt(body, textAt(body, 0).end);
    sent.push({ text: prepared.get(name.text) ?? '', params: paramsAt(body, name.end), isNamed: name.text !== '' });
  }
}

function textAt(body: Buffer, from: number): { text: string; end: number } {
  const end = body.indexOf(0, from);
  return { text: body.toString('utf8', from, end), end: end + 1 };
}

/** The parameters of a Bind message: their formats, then each with its length. */
function paramsAt(body: Buffer, from: number): (string | null)[] {
  let at = from + 2 + 2 * body.readInt16BE(from);
  const count = body.readInt16BE(at);
  at += 2;
  return Array.from({ length: count }, () => {
    const length = body.readInt32BE(at);
    at += 4;
    if (length < 0) return null;
    at += length;
    return body.toString('utf8', at - length, at);
  });
}
