import { LRUCache } from 'lru-cache';

/** How often a text must be sent before it is prepared, and how many texts are prepared. */
const USES = 3;
const PREPARED = 150;
const CANDIDATES = 1_000;
/** Number of texts that may be prepared on a connection before the connections are replaced. */
const PER_CONNECTION = 2 * PREPARED;

export interface PreparedStatements {
  /** Whether the statement is to be sent as a prepared one. Counts the use. */
  use(text: string): boolean;
}

/**
 * Decides which statements are prepared. Each connection keeps its prepared statements, and their texts depend on the
 * documents of clients. So only texts that are sent repeatedly are prepared, and connections with too many of them are
 * replaced by `renewConnections`.
 */
export function createPreparedStatements(renewConnections: () => void): PreparedStatements {
  const prepared = new LRUCache<string, true>({ max: PREPARED });
  const uses = new LRUCache<string, number>({ max: CANDIDATES });
  let added = 0;

  function add(text: string): void {
    uses.delete(text);
    prepared.set(text, true);
    added += 1;
    if (added <= PER_CONNECTION) return;
    added = prepared.size;
    renewConnections();
  }

  return {
    use(text) {
      if (prepared.get(text)) return true;
      const count = (uses.get(text) ?? 0) + 1;
      if (count >= USES) add(text);
      else uses.set(text, count);
      return count >= USES;
    },
  };
}
