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

/** Bytes that are written at once: what is written is counted as read only when the operating system has taken it. */
const PIECE = 65_536;

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

  /** As bytes at once: the text, in V8's heap, would else stay as long as the client takes to read it. */
  function sendLarge(res: ServerResponse, requestId: string, answer: Answer): void {
    const body = Buffer.from(answer.body);
    res.writeHead(answer.status, headersOf(answer, requestId, body.length));
    writePieces(res, body, watch(res, requestId, body.length));
  }

  return {
    held: () => [...sendings].reduce((sum, { length }) => sum + length, 0),
    send: (res, requestId, answer) => {
      if (res.destroyed) return;
      if (answer.body.length > PIECE) return sendLarge(res, requestId, answer);
      const length = Buffer.byteLength(answer.body);
      res.writeHead(answer.status, headersOf(answer, requestId, length));
      const { socket } = res;
      res.end(answer.body);
      // Most answers are taken by the operating system at once.
      if (socket && socket.writableLength > 0) watch(res, requestId, length);
    },
  };
}

function writePieces(res: ServerResponse, body: Buffer, sending: Sending): void {
  let given = 0;
  const next = (): void => {
    sending.sent = given;
    while (given < body.length) {
      const piece = body.subarray(given, given + PIECE);
      given += piece.length;
      if (given === body.length) res.end(piece);
      else if (!res.write(piece)) return void res.once('drain', next);
    }
  };
  next();
}
