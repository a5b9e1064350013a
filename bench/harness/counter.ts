import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A message between the nodes of a cluster, or a statement that the coordinator runs on a shard of its own. */
export interface Command {
  text: string;
  /** Host and port of the worker. Null if the coordinator runs it itself. */
  server: string | null;
}

/** What was sent to the database since the last `take`. */
export interface Counted {
  statements: number;
  /** How many times the server had to wait for the database. */
  roundTrips: number;
  commands: Command[];
}

export interface Counter {
  /** Returns the URL of the counter for a URL of the server. The coordinator then reports its commands. */
  url(of: string): string;
  take(): Counted;
  /** Waits until nothing was sent for a while. */
  settle(): Promise<void>;
  stop(): void;
}

/** Milliseconds. A server ends a transaction some milliseconds after the response. */
const QUIET = 25;

const none = (): Counted => ({ statements: 0, roundTrips: 0, commands: [] });

/** Settings of each connection with which the coordinator reports its commands as notices. */
const REPORTING = {
  client_min_messages: 'notice',
  'citus.log_remote_commands': 'on',
  'citus.log_local_commands': 'on',
};

/**
 * Starts a proxy that reads PostgreSQL's protocol. So it counts what a server sends, whatever driver it uses, and needs
 * neither a log nor statistics of the database.
 */
export async function startCounter(of: string, isCluster: boolean): Promise<Counter> {
  const target = new URL(of);
  let counted = none();
  let lastAt = 0;
  const noted =
    (observe: (data: Buffer) => void) =>
    (data: Buffer): void => {
      lastAt = performance.now();
      observe(data);
    };
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const database = connect({ host: target.hostname, port: Number(target.port || 5432), noDelay: true });
    const connection = countConnection(() => counted);
    pipe(client, database, noted(connection.sent));
    pipe(database, client, noted(connection.received));
    for (const socket of [client, database]) sockets.add(socket.on('close', () => sockets.delete(socket)));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    url(other) {
      const changed = new URL(other);
      changed.host = `127.0.0.1:${port}`;
      if (isCluster) for (const [name, value] of Object.entries(REPORTING)) changed.searchParams.set(name, value);
      return changed.href;
    },
    take() {
      const taken = counted;
      counted = none();
      return taken;
    },
    async settle() {
      for (let left = QUIET; left > 0; left = QUIET - (performance.now() - lastAt)) await sleep(left);
    },
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function pipe(from: Socket, to: Socket, observe: (data: Buffer) => void): void {
  from.setNoDelay(true);
  from.on('data', (data) => {
    observe(data);
    to.write(data);
  });
  from.on('close', () => to.destroy());
  from.on('error', () => to.destroy());
}

/** Counts what one connection sends and receives. */
function countConnection(counted: () => Counted) {
  // Messages that the database answers with ReadyForQuery.
  let pending = 0;
  const sent = messages(true, (type, body) => {
    if (type !== 'Q' && type !== 'S') {
      if (type === 'E') counted().statements += 1;
      return;
    }
    if (type === 'Q') counted().statements += statementsOf(body);
    pending += 1;
  });
  const received = messages(false, (type, body) => {
    if (type === 'Z' && pending > 0) pending -= 1;
    const command = type === 'N' && commandOf(body);
    if (command) counted().commands.push(command);
  });
  return {
    sent(data: Buffer) {
      if (pending === 0) counted().roundTrips += 1;
      sent(data);
    },
    received,
  };
}

const statementsOf = (body: Buffer): number =>
  body
    .toString('utf8')
    .split(';')
    .filter((part) => /\w/.test(part)).length;

const ISSUING = 'issuing ';
const LOCALLY = 'executing the command locally: ';

/** The command that a notice reports, or null. */
function commandOf(body: Buffer): Command | null {
  const fields = new Map(
    body
      .toString('utf8')
      .split('\0')
      .map((field) => [field[0], field.slice(1)]),
  );
  const message = fields.get('M') ?? '';
  if (message.startsWith(LOCALLY)) return { text: message.slice(LOCALLY.length), server: null };
  if (!message.startsWith(ISSUING)) return null;
  const server = /on server (?:.*@)?(\S+)/.exec(fields.get('D') ?? '')?.[1] ?? '';
  return { text: message.slice(ISSUING.length), server };
}

/** Splits a stream into messages. The first message of a client has no type. */
function messages(isClient: boolean, each: (type: string, body: Buffer) => void): (data: Buffer) => void {
  let rest = Buffer.alloc(0);
  let isStart = isClient;
  return (data) => {
    rest = Buffer.concat([rest, data]);
    for (;;) {
      const head = isStart ? 0 : 1;
      if (rest.length < head + 4) return;
      const end = head + rest.readUInt32BE(head);
      if (rest.length < end) return;
      if (!isStart) each(String.fromCharCode(rest[0] ?? 0), rest.subarray(head + 4, end));
      isStart = false;
      rest = rest.subarray(end);
    }
  };
}
