import type { ServerResponse } from 'node:http';
import { stopWork, type Work } from '../db/work.ts';
import { outcomeUnknown, unavailable } from '../errors.ts';

/**
 * Part of the timeout that is reserved for the response after the work was stopped, and its maximum in milliseconds.
 */
const RESERVE = { share: 0.1, atMost: 1_000 };

/**
 * Stops the work of a request at its deadline, or when its client disconnects. The response to stopped work lists which
 * fields succeeded and which failed. If the work does not end in time, the whole request fails.
 */
export function withDeadline<Answer>(
  work: Work,
  timeoutMs: number,
  res: ServerResponse,
  answer: () => Promise<Answer>,
): Promise<Answer> {
  const { promise: timedOut, reject } = Promise.withResolvers<never>();
  const reserve = Math.min(timeoutMs * RESERVE.share, RESERVE.atMost);
  const giveUp = (): void => reject(work.hasSentCommit ? outcomeUnknown() : timeout());
  let timer = setTimeout(() => {
    stopWork(work, timeout());
    timer = setTimeout(giveUp, reserve);
  }, timeoutMs - reserve);
  res.once('close', () => {
    clearTimeout(timer);
    if (res.writableFinished) return;
    work.isClientDisconnected = true;
    stopWork(work, unavailable('The client has disconnected.'));
  });
  return Promise.race([answer(), timedOut]).finally(() => clearTimeout(timer));
}

const timeout = () => unavailable('The request took too long. Try again in a moment, or ask for less.');
