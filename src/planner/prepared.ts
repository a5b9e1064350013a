import { LRUCache } from 'lru-cache';

/** How often a text must be sent before it is prepared, and how many texts are prepared. */
const USES = 3;
const PREPARED = 200;
const CANDIDATES = 1_000;

export interface Prepared {
  /** Whether the statement is to be sent as a prepared one. Counts the use. */
  use(text: string): boolean;
}

/**
 * Decides which statements are prepared. Each connection keeps its prepared statements, and their texts depend on the
 * documents of clients. So only texts that are sent repeatedly are prepared, and only a limited number of them.
 */
export function createPrepared(): Prepared {
  const prepared = new Set<string>();
  const uses = new LRUCache<string, number>({ max: CANDIDATES });
  return {
    use(text) {
      if (prepared.has(text)) return true;
      if (prepared.size === PREPARED) return false;
      const count = (uses.get(text) ?? 0) + 1;
      uses.set(text, count);
      if (count < USES) return false;
      uses.delete(text);
      prepared.add(text);
      return true;
    },
  };
}
