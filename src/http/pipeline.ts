import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** Requests of one connection that may wait for the one before them. */
const MAX_WAITING = 8;

interface Line {
  last: ServerResponse;
  waiting: number;
}

/**
 * Runs the listener for one request of a connection at a time. Node emits pipelined requests (RFC 9112, section 9.3.2)
 * as they arrive and keeps their responses in memory until the client has read those before them. A client that
 * sends more than a few ahead loses its connection.
 */
export function oneAtATime(listener: RequestListener): RequestListener {
  const lines = new WeakMap<Duplex, Line>();

  return (req, res) => {
    const line = lines.get(req.socket);
    if (!line || line.last.closed) {
      lines.set(req.socket, { last: res, waiting: 0 });
      listener(req, res);
    } else if (line.waiting === MAX_WAITING) req.socket.destroy();
    else wait(line, req, res, listener);
  };
}

function wait(line: Line, req: IncomingMessage, res: ServerResponse, listener: RequestListener): void {
  const before = line.last;
  line.last = res;
  line.waiting += 1;
  before.once('close', () => {
    line.waiting -= 1;
    if (!req.socket.destroyed) listener(req, res);
  });
}
