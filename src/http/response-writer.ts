import type { ServerResponse } from 'node:http';
import { findResponsesToAbort, type PendingResponse } from './pending-response.ts';
import { type HttpResponse, headersOf, type StreamResponse } from './response.ts';

/** Sends responses and limits the memory that slow clients use. */
export interface ResponseWriter {
  send(res: ServerResponse, requestId: string, response: HttpResponse): void;
  /**
   * Sends one chunk after the other. The next chunk is requested when the operating system has accepted the previous one.
   * If a chunk cannot be read, rejects, and closes the connection without the end of the response.
   */
  stream(res: ServerResponse, requestId: string, response: StreamResponse): Promise<void>;
  /** Bytes of the responses that clients have not read completely. */
  held(): number;
}

export interface ResponseWriterOptions {
  /** Milliseconds without progress after which a response is aborted. */
  writeTimeout: number;
  /** Bytes that all unfinished responses together may hold for slow clients. */
  responseMemory: number;
}

/** Bytes that are written at once. A chunk counts as read when the operating system has accepted it. */
const CHUNK = 65_536;

/** Milliseconds that a client may take to read one response. */
const MAX_AGE = 300_000;

/** Milliseconds. A response that the client will have read within this time is not aborted because of its memory. */
const QUICK = 10_000;

export function createResponseWriter(
  { writeTimeout, responseMemory }: ResponseWriterOptions,
  log: (entry: Record<string, unknown>) => void,
): ResponseWriter {
  const responses = new Set<PendingResponse>();
  const interval = Math.min(1_000, writeTimeout / 4);
  const checks = (time: number): number => Math.ceil(time / interval);
  const limits = {
    idle: checks(writeTimeout),
    age: checks(MAX_AGE),
    quick: checks(QUICK),
    held: responseMemory,
  };
  let scheduled = false;

  /** Runs only while there is something to check. */
  function schedule(): void {
    if (scheduled || responses.size === 0) return;
    scheduled = true;
    setTimeout(() => {
      scheduled = false;
      for (const [response, reason] of findResponsesToAbort(responses, limits)) response.abort(reason);
      schedule();
    }, interval).unref();
  }

  function add(res: ServerResponse, requestId: string, length: number): PendingResponse {
    const abort = (reason: string): void => {
      responses.delete(pending);
      log({ level: 'info', requestId, message: `response aborted: ${reason}` });
      res.destroy();
    };
    const pending: PendingResponse = { length, sent: 0, seen: 0, rate: 0, idle: 0, age: 0, abort };
    responses.add(pending);
    schedule();
    return pending;
  }

  function watch(res: ServerResponse, requestId: string, length: number): PendingResponse {
    const pending = add(res, requestId, length);
    res.once('close', () => responses.delete(pending));
    return pending;
  }

  /** Each chunk counts as a response, so the limits for slow clients apply to each one. */
  async function sendChunk(res: ServerResponse, requestId: string, text: string): Promise<void> {
    const body = Buffer.from(text);
    const pending = add(res, requestId, body.length);
    try {
      for (let given = 0; given < body.length && !res.destroyed; given += CHUNK) {
        if (!res.write(body.subarray(given, given + CHUNK))) await drained(res);
        pending.sent = Math.min(given + CHUNK, body.length);
      }
    } finally {
      responses.delete(pending);
    }
  }

  /** Encodes the text first. Otherwise the string would stay in V8's heap until the client has read it. */
  function sendLarge(res: ServerResponse, requestId: string, response: HttpResponse): void {
    const body = typeof response.body === 'string' ? Buffer.from(response.body) : response.body;
    res.writeHead(response.status, headersOf(response, requestId, body.length));
    writeChunks(res, body, watch(res, requestId, body.length));
  }

  return {
    held: () => [...responses].reduce((sum, { length }) => sum + length, 0),
    send: (res, requestId, response) => {
      if (res.destroyed) return;
      if (response.body.length > CHUNK) return sendLarge(res, requestId, response);
      const length = Buffer.byteLength(response.body);
      res.writeHead(response.status, headersOf(response, requestId, length));
      const { socket } = res;
      // Node writes a text of ASCII characters faster as Latin-1, together with the headers.
      res.end(response.body, length === response.body.length ? 'latin1' : 'utf8');
      // The operating system accepts most responses immediately.
      if (socket && socket.writableLength > 0) watch(res, requestId, length);
    },
    stream: async (res, requestId, response) => {
      if (res.destroyed) return;
      try {
        res.writeHead(response.status, headersOf(response, requestId, null));
        for await (const text of response.chunks) {
          await sendChunk(res, requestId, text);
          if (res.destroyed) return;
        }
        const { socket } = res;
        res.end();
        if (socket && socket.writableLength > 0) watch(res, requestId, socket.writableLength);
      } catch (error) {
        res.destroy();
        throw error;
      }
    },
  };
}

/** Resolves when the client has read what was written, or has disconnected. */
function drained(res: ServerResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (res.destroyed) resolve();
  const settle = (): void => {
    res.off('drain', settle).off('close', settle);
    resolve();
  };
  res.on('drain', settle).on('close', settle);
  return promise;
}

function writeChunks(res: ServerResponse, body: Buffer, response: PendingResponse): void {
  let given = 0;
  const next = (): void => {
    response.sent = given;
    while (given < body.length) {
      const chunk = body.subarray(given, given + CHUNK);
      given += chunk.length;
      if (given === body.length) res.end(chunk);
      else if (!res.write(chunk)) return void res.once('drain', next);
    }
  };
  next();
}
