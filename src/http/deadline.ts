import { stopWork, type Work } from '../db/work.ts';
import { type AmbitError, outcomeUnknown, unavailable } from '../lib/errors.ts';

/** A request in progress. */
export interface RequestInProgress {
  work: Work;
  /** On the clock of `performance.now()`. */
  startedAt: number;
  /** Fails the whole request. */
  giveUp(error: AmbitError): void;
}

/** Requests in progress, in the order in which they arrived. */
export interface Deadlines {
  add(request: RequestInProgress): void;
  delete(request: RequestInProgress): void;
  /** Number of requests. */
  size(): number;
  /** Stops all requests. The response of each one has this error, or the result if the work was finished. */
  stopAll(reason: AmbitError): void;
}

/**
 * Part of the timeout that is reserved for the response after the work was stopped, and its maximum in milliseconds.
 */
const RESERVE = { share: 0.1, atMost: 1_000 };
/** Milliseconds between two checks. A timer per request would cost more. */
const CHECK_EVERY = 50;

/**
 * Stops the work of each request at its deadline. The response to stopped work lists which fields succeeded and which
 * failed. If the work does not end in time, the whole request fails.
 */
export function createDeadlines(timeoutMs: number): Deadlines {
  const inProgress = new Set<RequestInProgress>();
  const stopAfter = timeoutMs - Math.min(timeoutMs * RESERVE.share, RESERVE.atMost);
  let isScheduled = false;

  function check(): void {
    isScheduled = false;
    const now = performance.now();
    for (const request of inProgress) {
      const age = now - request.startedAt;
      // The requests after this one are younger.
      if (age < stopAfter) break;
      stopWork(request.work, timeout());
      if (age >= timeoutMs) request.giveUp(request.work.hasSentCommit ? outcomeUnknown() : timeout());
    }
    if (inProgress.size > 0) schedule();
  }

  function schedule(): void {
    if (!isScheduled) setTimeout(check, CHECK_EVERY).unref();
    isScheduled = true;
  }

  return {
    add(request) {
      inProgress.add(request);
      schedule();
    },
    delete: (request) => void inProgress.delete(request),
    size: () => inProgress.size,
    stopAll(reason) {
      for (const { work } of inProgress) stopWork(work, reason);
    },
  };
}

/** Stops the work of a request that needs no response. */
export function stopDisconnected(work: Work): void {
  work.isClientDisconnected = true;
  stopWork(work, unavailable('The client has disconnected.'));
}

const timeout = () => unavailable('The request took too long. Try again in a moment, or request less data.');
