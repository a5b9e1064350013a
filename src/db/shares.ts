/** A request that waits for an item, such as a connection. */
export interface Waiter<Item> {
  /** The organization, or '' for requests without one. */
  readonly owner: string;
  /** When it is rejected, as `performance.now()`. */
  readonly deadline: number;
  resolve(item: Item): void;
  reject(error: unknown): void;
}

interface Share<Item> {
  held: number;
  waiting: Waiter<Item>[];
}

/** Divides connections fairly among organizations. */
export interface Shares<Item> {
  readonly waiting: number;
  /** Returns false when too many requests are waiting. */
  add(waiter: Waiter<Item>): boolean;
  /** Takes the next waiter whose owner has not used up its share. The owner holds a connection until `release`. */
  next(): Waiter<Item> | undefined;
  release(owner: string): void;
  /** Number of connections that the waiters could use now. */
  demand(): number;
  /** Owners that have waiters and have used up their share. */
  exhausted(): string[];
  remove(waiter: Waiter<Item>): boolean;
  /** Removes and returns the waiters whose deadline is before `now`. */
  removeExpired(now: number): Waiter<Item>[];
}

/**
 * Owners are served round-robin. One owner has at most half of the connections and of the waiting requests. So locks and
 * slow statements of one organization do not block the others.
 */
export function createShares<Item>(connections: number, queueSize: number): Shares<Item> {
  const mostHeld = Math.ceil(connections / 2);
  const mostWaiting = Math.ceil(queueSize / 2);
  /** In the order in which the owners are served next. */
  const shares = new Map<string, Share<Item>>();
  let waiting = 0;

  const shareOf = (owner: string): Share<Item> => {
    const share = shares.get(owner) ?? { held: 0, waiting: [] };
    shares.set(owner, share);
    return share;
  };
  const dropEmpty = (owner: string, share: Share<Item>): void => {
    if (share.held === 0 && share.waiting.length === 0) shares.delete(owner);
  };

  return {
    get waiting() {
      return waiting;
    },
    add(waiter) {
      const queued = shares.get(waiter.owner)?.waiting.length ?? 0;
      if (waiting >= queueSize || queued >= mostWaiting) return false;
      shareOf(waiter.owner).waiting.push(waiter);
      waiting += 1;
      return true;
    },
    next() {
      if (waiting === 0) return undefined;
      for (const [owner, share] of shares) {
        if (share.waiting.length === 0 || share.held >= mostHeld) continue;
        shares.delete(owner);
        shares.set(owner, share);
        share.held += 1;
        waiting -= 1;
        return share.waiting.shift();
      }
      return undefined;
    },
    release(owner) {
      const share = shareOf(owner);
      share.held -= 1;
      dropEmpty(owner, share);
    },
    demand() {
      let sum = 0;
      for (const share of shares.values()) sum += Math.min(share.waiting.length, mostHeld - share.held);
      return sum;
    },
    exhausted: () =>
      [...shares].filter(([, share]) => share.waiting.length > 0 && share.held >= mostHeld).map(([owner]) => owner),
    remove(waiter) {
      const share = shares.get(waiter.owner);
      const at = share?.waiting.indexOf(waiter) ?? -1;
      if (!share || at < 0) return false;
      share.waiting.splice(at, 1);
      waiting -= 1;
      dropEmpty(waiter.owner, share);
      return true;
    },
    removeExpired(now) {
      const expired: Waiter<Item>[] = [];
      for (const [owner, share] of shares) {
        // Waiters are in the order of arrival, so the expired ones are first.
        const kept = share.waiting.findIndex(({ deadline }) => deadline > now);
        expired.push(...share.waiting.splice(0, kept < 0 ? share.waiting.length : kept));
        dropEmpty(owner, share);
      }
      waiting -= expired.length;
      return expired;
    },
  };
}
