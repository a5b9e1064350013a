import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** Requests of one connection that may wait for the previous request. */
const MAX_WAITING = 8;

interface Pipeline {
  last: ServerResponse;
  waiting: number;
}

/**
 * Runs the listener for one request of a connection at a time. Node emits pipelined requests (RFC 9112, section 9.3.2)
 * as they arrive and keeps their responses in memory until the client has read the previous ones. The connection of a
 * client that sends too many requests ahead is closed.
 */
export function serializeRequests(listener: RequestListener): RequestListener {
  const pipelines = new WeakMap<Duplex, Pipeline>();

  return (req, res) => {
    const pipeline = pipelines.get(req.socket);
    if (!pipeline || pipeline.last.closed) {
      pipelines.set(req.socket, { last: res, waiting: 0 });
      listener(req, res);
    } else if (pipeline.waiting === MAX_WAITING) req.socket.destroy();
    else wait(pipeline, req, res, listener);
  };
}

function wait(pipeline: Pipeline, req: IncomingMessage, res: ServerResponse, listener: RequestListener): void {
  const previous = pipeline.last;
  pipeline.last = res;
  pipeline.waiting += 1;
  previous.once('close', () => {
    pipeline.waiting -= 1;
    // After a response with `Connection: close` Node closes the connection, and another response would be lost.
    if (!req.socket.destroyed && previous.shouldKeepAlive) listener(req, res);
  });
}
