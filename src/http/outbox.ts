import type { ServerResponse } from 'node:http';
import { type Answer, headersOf } from './answer.ts';
import { check, type Sending } from './sending.ts';

/** Sends answers. */
export interface Outbox {
  send(res: ServerResponse, requestId: string, answer: Answer): void;
  /** Bytes of the answers that clients have not read to their end. */
  held(): number;
}

export interface OutboxOptions {
  /** Milliseconds without progress after which a response is cut. */
  writeTimeout: number;
  /** Bytes that all unfinished responses together may hold for slow clients. */
  responseMemory: number;
}

/** Characters that are written at once. A longer text would be copied whole for every client that does not read it. */
const PIECE = 32_768;

/** Milliseconds that the slowest client may take for one response. */
const WHOLE_RESPONSE = 300_000;

/** A client that will have read its response within this time is not cut for the memory that it holds. */
const QUICK = 10_000;

export function createOutbox(
  { writeTimeout, responseMemory }: OutboxOptions,
  log: (entry: Record<string, unknown>) => void,
): Outbox {
  const sendings = new Set<Sending>();
  const interval = Math.min(1_000, writeTimeout / 4);
  const checks = (time: number): number => Math.ceil(time / interval);
  const limits = {
    idle: checks(writeTimeout),
    age: checks(WHOLE_RESPONSE),
    quick: checks(QUICK),
    held: responseMemory,
  };
  let scheduled = false;

  /** Runs only while there is something to check. */
  function schedule(): void {
    if (scheduled || sendings.size === 0) return;
    scheduled = true;
    setTimeout(() => {
      scheduled = false;
      for (const [sending, reason] of check(sendings, limits)) sending.cut(reason);
      schedule();
    }, interval).unref();
  }

  function watch(res: ServerResponse, requestId: string, length: number): Sending {
    const cut = (reason: string): void => {
      sendings.delete(sending);
      log({ level: 'info', requestId, message: `the response was cut: ${reason}` });
      res.destroy();
    };
    const sending: Sending = { length, sent: 0, seen: 0, rate: 0, idle: 0, age: 0, cut };
    sendings.add(sending);
    res.once('close', () => sendings.delete(sending));
    schedule();
    return sending;
  }

  return {
    held: () => [...sendings].reduce((sum, { length }) => sum + length, 0),
    send: (res, requestId, answer) => {
      if (res.destroyed) return;
      const length = Buffer.byteLength(answer.body);
      res.writeHead(answer.status, headersOf(answer, requestId, length));
      if (answer.body.length > PIECE) return writePieces(res, answer.body, watch(res, requestId, length));
      const { socket } = res;
      res.end(answer.body);
      // Most answers are taken by the operating system at once.
      if (socket && socket.writableLength > 0) watch(res, requestId, length);
    },
  };
}

function writePieces(res: ServerResponse, body: string, sending: Sending): void {
  let at = 0;
  let given = 0;
  const next = (): void => {
    sending.sent = given;
    for (;;) {
      const end = endOfPiece(body, at);
      const piece = Buffer.from(body.slice(at, end));
      at = end;
      given += piece.length;
      if (at === body.length) return void res.end(piece);
      if (!res.write(piece)) return void res.once('drain', next);
    }
  };
  next();
}

/** Does not separate the two halves of a character outside the Basic Multilingual Plane. */
function endOfPiece(body: string, at: number): number {
  const end = Math.min(at + PIECE, body.length);
  const isHigh = (body.charCodeAt(end - 1) & 0xfc00) === 0xd800;
  return isHigh && end < body.length ? end - 1 : end;
}
