import { LRUCache } from 'lru-cache';

/**
 * A queue that serves the owner who has recently used the least time first. An owner who has used none waits for at most one
 * running entry, and for the first entries of other such owners. The number of slow entries of other owners does not matter.
 */
export interface FairQueue<Entry> {
  /** Adds an entry. Returns the entry that is dropped because the queue is full, which can be the added one. */
  add(owner: string, entry: Entry): Entry | null;
  /** Removes the entry that is served next, and returns it. Null if the queue is empty. */
  next(): { readonly owner: string; readonly entry: Entry } | null;
  /** Returns whether the entry was in the queue. */
  remove(owner: string, entry: Entry): boolean;
  /** Adds to the milliseconds that an owner has used. */
  charge(owner: string, milliseconds: number): void;
  size(): number;
}

export interface QueueLimits {
  /** Maximum number of entries of one owner, and of all. */
  readonly ofOwner: number;
  readonly all: number;
}

/** Milliseconds after which used time counts half. */
const HALF_LIFE = 60_000;

/** Maximum number of owners whose used time is known. */
const MAX_KNOWN = 10_000;

interface Used {
  readonly milliseconds: number;
  readonly at: number;
}

export function createFairQueue<Entry>({ ofOwner, all }: QueueLimits, now: () => number): FairQueue<Entry> {
  /** The entries of each owner, in the order of their first entries. */
  const waiting = new Map<string, Entry[]>();
  const known = new LRUCache<string, Used>({ max: MAX_KNOWN });
  const size = (): number => waiting.values().reduce((sum, { length }) => sum + length, 0);

  function usedBy(owner: string): number {
    const used = known.peek(owner);
    return used ? used.milliseconds * 2 ** ((used.at - now()) / HALF_LIFE) : 0;
  }

  /** The owner who has used the least time. The first one of several. */
  function leastUsed(): string | null {
    let [best, least]: [string | null, number] = [null, Number.POSITIVE_INFINITY];
    for (const owner of waiting.keys()) {
      const used = usedBy(owner);
      if (used < least) [best, least] = [owner, used];
    }
    return best;
  }

  function remove(owner: string, entry: Entry): boolean {
    const own = waiting.get(owner) ?? [];
    const others = own.filter((one) => one !== entry);
    if (others.length > 0) waiting.set(owner, others);
    else waiting.delete(owner);
    return others.length < own.length;
  }

  /**
   * The last entry of the owner with the most entries, so that a few owners cannot fill the queue. Of several, it is the one who
   * began to wait last: otherwise many owners with one entry each would displace those who come next.
   */
  function drop(): Entry {
    const most = Math.max(...waiting.values().map(({ length }) => length));
    const [owner, own] = [...waiting].findLast(([, { length }]) => length === most) as [string, Entry[]];
    const entry = own.at(-1) as Entry;
    remove(owner, entry);
    return entry;
  }

  return {
    remove,
    size,
    add(owner, entry) {
      const own = waiting.get(owner) ?? [];
      if (own.length >= ofOwner) return entry;
      waiting.set(owner, [...own, entry]);
      return size() > all ? drop() : null;
    },
    next() {
      const owner = leastUsed();
      if (owner === null) return null;
      const entry = waiting.get(owner)?.[0] as Entry;
      remove(owner, entry);
      return { owner, entry };
    },
    charge(owner, milliseconds) {
      known.set(owner, { milliseconds: usedBy(owner) + milliseconds, at: now() });
    },
  };
}
