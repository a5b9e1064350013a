import type { ServerResponse } from 'node:http';
import { findResponsesToAbort, type PendingResponse } from './pending-response.ts';
import { type HttpResponse, headersOf } from './response.ts';

/** Sends responses and limits the memory that slow clients use. */
export interface ResponseWriter {
  send(res: ServerResponse, requestId: string, response: HttpResponse): void;
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

  function watch(res: ServerResponse, requestId: string, length: number): PendingResponse {
    const abort = (reason: string): void => {
      responses.delete(pending);
      log({ level: 'info', requestId, message: `response aborted: ${reason}` });
      res.destroy();
    };
    const pending: PendingResponse = { length, sent: 0, seen: 0, rate: 0, idle: 0, age: 0, abort };
    responses.add(pending);
    res.once('close', () => responses.delete(pending));
    schedule();
    return pending;
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
      res.end(response.body);
      // The operating system accepts most responses immediately.
      if (socket && socket.writableLength > 0) watch(res, requestId, length);
    },
  };
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
