/** A response that the client has not read completely. */
export interface PendingResponse {
  /** Bytes of the body. All of them stay in memory until the last one is sent. */
  length: number;
  /** Bytes that the operating system has accepted. */
  sent: number;
  /** Value of `sent` at the last check. */
  seen: number;
  /** Bytes per check, averaged with more weight on the latest checks. */
  rate: number;
  /** Checks since the last progress. */
  idle: number;
  /** Checks since the response was started. */
  age: number;
  /** Closes the connection. */
  abort: (reason: string) => void;
}

export interface ResponseLimits {
  /** Checks without progress after which a response is aborted. */
  idle: number;
  /** Checks that a whole response may take. */
  age: number;
  /** Maximum of bytes that all responses together hold. */
  held: number;
  /** A response that will be read completely within this many checks is not aborted because of `held`. */
  quick: number;
}

/**
 * Returns the responses to abort, each with the reason. Called once per interval. It counts calls instead of time,
 * because a blocked event loop sends nothing and that is not the client's fault.
 */
export function findResponsesToAbort(
  responses: Iterable<PendingResponse>,
  limits: ResponseLimits,
): Map<PendingResponse, string> {
  const aborted = new Map<PendingResponse, string>();
  const rest: PendingResponse[] = [];
  for (const response of responses) {
    observe(response);
    if (response.idle >= limits.idle) aborted.set(response, 'the client reads nothing');
    else if (response.age >= limits.age) aborted.set(response, 'the client reads too slowly');
    else rest.push(response);
  }
  let held = rest.reduce((sum, { length }) => sum + length, 0);
  for (const response of rest.sort((one, other) => checksLeft(other) - checksLeft(one))) {
    if (held <= limits.held || checksLeft(response) <= limits.quick) break;
    aborted.set(response, 'too much memory is used for slow clients');
    held -= response.length;
  }
  return aborted;
}

function observe(response: PendingResponse): void {
  const taken = response.sent - response.seen;
  response.seen = response.sent;
  response.rate = response.age === 0 ? taken : (response.rate + taken) / 2;
  response.idle = taken > 0 ? 0 : response.idle + 1;
  response.age += 1;
}

/** Number of checks until the client has read everything, at its current rate. */
const checksLeft = ({ length, sent, rate }: PendingResponse): number => (length - sent) / Math.max(rate, 1);
