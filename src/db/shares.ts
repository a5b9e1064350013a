/** A request that waits for a connection. */
export interface Waiter<Item> {
  /** The organization, or '' for requests without one. */
  readonly owner: string;
  /** When it fails, on the clock of `performance.now()`. */
  readonly until: number;
  resolve(item: Item): void;
  reject(error: unknown): void;
}

interface Share<Item> {
  held: number;
  waiting: Waiter<Item>[];
}

/** Divides connections among organizations. */
export interface Shares<Item> {
  readonly waiting: number;
  /** False when too many requests wait already. */
  add(waiter: Waiter<Item>): boolean;
  /** Takes the next waiter whose owner has not used up its share. The owner holds a connection until `giveBack`. */
  next(): Waiter<Item> | undefined;
  giveBack(owner: string): void;
  /** How many connections the waiters could use now. */
  demand(): number;
  /** Owners with waiters that have used up their share. */
  exhausted(): string[];
  remove(waiter: Waiter<Item>): boolean;
  /** Removes the waiters whose time has passed by `now`. */
  removeLate(now: number): Waiter<Item>[];
}

/**
 * Owners are served in turn. One owner holds at most half of the connections and of the places in the queue, so that a
 * lock or slow statements of one organization leave the other half to the others.
 */
export function createShares<Item>(connections: number, places: number): Shares<Item> {
  const mostHeld = Math.ceil(connections / 2);
  const mostWaiting = Math.ceil(places / 2);
  /** The owner that was served last is the last. */
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
      if (waiting >= places || queued >= mostWaiting) return false;
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
    giveBack(owner) {
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
    removeLate(now) {
      const late: Waiter<Item>[] = [];
      for (const [owner, share] of shares) {
        // In the order of arrival, so the late ones are first.
        const kept = share.waiting.findIndex(({ until }) => until > now);
        late.push(...share.waiting.splice(0, kept < 0 ? share.waiting.length : kept));
        dropEmpty(owner, share);
      }
      waiting -= late.length;
      return late;
    },
  };
}
