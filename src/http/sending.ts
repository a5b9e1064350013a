/** A response that the client has not read to its end. */
export interface Sending {
  /** Bytes of the body. All of them stay in memory until the last one is sent. */
  length: number;
  /** Bytes that the operating system has taken. */
  sent: number;
  /** Of `sent`, what the last check saw. */
  seen: number;
  /** Bytes per check, averaged with more weight on the last ones. */
  rate: number;
  /** Checks since the last progress. */
  idle: number;
  /** Checks since the beginning. */
  age: number;
  /** Ends the connection. */
  cut: (reason: string) => void;
}

export interface SendingLimits {
  /** Checks without progress after which a response is cut. */
  idle: number;
  /** Checks that a response may take in all. */
  age: number;
  /** Bytes that all responses together hold. */
  held: number;
  /** A reader that will be done within this many checks is quick: it is not cut because of `held`. */
  quick: number;
}

/**
 * Which responses to cut, and why. Called once per interval; counts its own calls, not time, so that readers are not
 * blamed for an event loop that was blocked and sent nothing.
 */
export function check(sendings: Iterable<Sending>, limits: SendingLimits): Map<Sending, string> {
  const cut = new Map<Sending, string>();
  const rest: Sending[] = [];
  for (const sending of sendings) {
    observe(sending);
    if (sending.idle >= limits.idle) cut.set(sending, 'the client reads nothing');
    else if (sending.age >= limits.age) cut.set(sending, 'the client reads too slowly');
    else rest.push(sending);
  }
  let held = rest.reduce((sum, { length }) => sum + length, 0);
  for (const sending of rest.sort((one, other) => checksLeft(other) - checksLeft(one))) {
    if (held <= limits.held || checksLeft(sending) <= limits.quick) break;
    cut.set(sending, 'too many bytes wait for slow clients');
    held -= sending.length;
  }
  return cut;
}

function observe(sending: Sending): void {
  const taken = sending.sent - sending.seen;
  sending.seen = sending.sent;
  sending.rate = sending.age === 0 ? taken : (sending.rate + taken) / 2;
  sending.idle = taken > 0 ? 0 : sending.idle + 1;
  sending.age += 1;
}

/** Until the client has read everything, at its present rate. */
const checksLeft = ({ length, sent, rate }: Sending): number => (length - sent) / Math.max(rate, 1);
