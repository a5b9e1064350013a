import type { ServerResponse } from 'node:http';
import { stopWork, type Work } from '../db/work.ts';
import { outcomeUnknown, unavailable } from '../errors.ts';

/** Share of the time that is kept for the answer, once the work is stopped. At most this many milliseconds. */
const RESERVE = { share: 0.1, atMost: 1_000 };

/**
 * Stops the work of a request at its deadline, or when its client disconnects. Work that is stopped ends with an exact
 * answer: what was done, and which fields failed. If it does not end in time, the general answer is given.
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
    work.isAbandoned = true;
    stopWork(work, unavailable('The client has disconnected.'));
  });
  return Promise.race([answer(), timedOut]).finally(() => clearTimeout(timer));
}

const timeout = () => unavailable('The request took too long. Try again in a moment, or ask for less.');
