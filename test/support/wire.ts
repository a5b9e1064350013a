import { connect, type Socket } from 'node:net';

/** A statement as it was sent to PostgreSQL. */
export interface SentStatement {
  text: string;
  params: (string | null)[];
  /** Whether it was sent as a prepared statement with a name. */
  isNamed: boolean;
  /** What the server reported while it executed the statement. */
  notices: string[];
}

export interface Wire {
  /** The statements that were executed, in the order of all connections. */
  readonly sent: SentStatement[];
  /** The largest number of named prepared statements that were open on one connection. */
  maxPrepared(): number;
  /** Opens a socket whose statements are recorded. */
  readonly dial: () => Socket;
}

/**
 * Records the statements of new connections, with their parameters and notices (PostgreSQL documentation, "Message
 * Formats"). The driver sends a Sync after each statement, so each ReadyForQuery ends one statement.
 * `isRecorded` decides when a statement is sent.
 */
export function recordWire(databaseUrl: string, isRecorded: () => boolean = () => true): Wire {
  const sent: SentStatement[] = [];
  let most = 0;
  const dial = (): Socket => {
    const { hostname, port } = new URL(databaseUrl);
    const socket = connect(Number(port), hostname);
    const write = socket.write.bind(socket);
    const prepared = new Map<string, string>();
    // Statements without a response.
    const running: SentStatement[] = [];
    const onSent = (statement: SentStatement): void => {
      if (isRecorded()) sent.push(statement);
      running.push(statement);
    };
    const readRequest = messageReader(0, (type, body) => {
      onRequest(type, body, prepared, onSent);
      most = Math.max(most, [...prepared.keys()].filter((name) => name !== '').length);
    });
    const readResponse = messageReader(1, (type, body) => {
      if (type === 'N') running[0]?.notices.push(messageIn(body));
      if (type === 'Z') running.shift();
    });
    socket.write = ((chunk: Buffer, ...rest: []) => {
      readRequest(chunk);
      return write(chunk, ...rest);
    }) as never;
    socket.on('data', readResponse);
    return socket;
  };
  return { sent, dial, maxPrepared: () => most };
}

/** Splits a stream into messages. The first message of a client has no type. */
function messageReader(typeOfFirst: 0 | 1, onMessage: (type: string, body: Buffer) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  let typeBytes: number = typeOfFirst;
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

function onRequest(
  type: string,
  body: Buffer,
  prepared: Map<string, string>,
  onSent: (statement: SentStatement) => void,
): void {
  if (type === 'Q') onSent({ text: textAt(body, 0).text, params: [], isNamed: false, notices: [] });
  if (type === 'P') {
    const name = textAt(body, 0);
    prepared.set(name.text, textAt(body, name.end).text);
  }
  // Close of a prepared statement.
  if (type === 'C' && body[0] === 0x53) prepared.delete(textAt(body, 1).text);
  if (type === 'B') {
    const name = textAt(body, textAt(body, 0).end);
    const [text, params] = [prepared.get(name.text) ?? '', paramsAt(body, name.end)];
    onSent({ text, params, isNamed: name.text !== '', notices: [] });
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

/** The field `M` of a NoticeResponse. */
function messageIn(body: Buffer): string {
  for (let at = 0; body[at]; ) {
    const { text, end } = textAt(body, at + 1);
    if (body[at] === 'M'.charCodeAt(0)) return text;
    at = end;
  }
  return '';
}
