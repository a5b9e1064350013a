/** A request that waits for an item, such as a connection. */
export interface Waiter<Item> {
  /** The organization, or '' for requests without one. */
  readonly owner: string;
  /** The worker of the Citus cluster that stores the organization. Omitted or empty outside a cluster. */
  readonly worker?: string;
  /** When it is rejected, as `performance.now()`. */
  readonly deadline: number;
  resolve(item: Item): void;
  reject(error: unknown): void;
}

interface Share<Item> {
  readonly worker: string;
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
 * slow statements of one organization do not block the others. The owners of one worker together have at most three
 * quarters. So a worker that does not respond does not block the organizations of the others.
 */
export function createShares<Item>(connections: number, queueSize: number): Shares<Item> {
  const mostHeld = Math.ceil(connections / 2);
  const mostWaiting = Math.ceil(queueSize / 2);
  const mostHeldByWorker = connections - Math.ceil(connections / 4);
  const mostWaitingForWorker = queueSize - Math.ceil(queueSize / 4);
  /** In the order in which the owners are served next. */
  const shares = new Map<string, Share<Item>>();
  let waiting = 0;

  const sumOf = (worker: string, count: (share: Share<Item>) => number): number => {
    let sum = 0;
    for (const share of shares.values()) if (share.worker === worker) sum += count(share);
    return sum;
  };
  const heldBy = (worker: string): number => sumOf(worker, ({ held }) => held);
  const isWorkerExhausted = (worker: string): boolean => worker !== '' && heldBy(worker) >= mostHeldByWorker;
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
      const { owner, worker = '' } = waiter;
      if (worker !== '' && sumOf(worker, (share) => share.waiting.length) >= mostWaitingForWorker) return false;
      const share = shares.get(owner) ?? { worker, held: 0, waiting: [] };
      shares.set(owner, share);
      share.waiting.push(waiter);
      waiting += 1;
      return true;
    },
    next() {
      if (waiting === 0) return undefined;
      for (const [owner, share] of shares) {
        if (share.waiting.length === 0 || share.held >= mostHeld || isWorkerExhausted(share.worker)) continue;
        shares.delete(owner);
        shares.set(owner, share);
        share.held += 1;
        waiting -= 1;
        return share.waiting.shift();
      }
      return undefined;
    },
    release(owner) {
      const share = shares.get(owner);
      if (!share) throw new Error('the owner holds no connection');
      share.held -= 1;
      dropEmpty(owner, share);
    },
    demand() {
      const byWorker = new Map<string, number>();
      for (const { worker, waiting: all, held } of shares.values())
        byWorker.set(worker, (byWorker.get(worker) ?? 0) + Math.min(all.length, mostHeld - held));
      let sum = 0;
      for (const [worker, wanted] of byWorker)
        sum += worker === '' ? wanted : Math.min(wanted, mostHeldByWorker - heldBy(worker));
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
