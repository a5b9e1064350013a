import { unavailable } from '../lib/errors.ts';

/** Maximum number of exports that run at the same time. A slow client keeps a page of events in memory for minutes. */
export const MAX_EXPORTS = { organization: 2, node: 20 };

/** Maximum number of imports that run at the same time. Each keeps a few megabytes of rows in memory. */
export const MAX_IMPORTS = { organization: 1, node: 4 };

/** Counts an export or import of the organization. Returns the function that ends it. Throws UNAVAILABLE above a limit. */
export type BeginRunning = (organization: string) => () => void;

export function createRunning(max: typeof MAX_EXPORTS, what: string): BeginRunning {
  const running = new Map<symbol, string>();
  return (organization) => {
    const own = [...running.values()].filter((one) => one === organization).length;
    if (own >= max.organization || running.size >= max.node)
      throw unavailable(`Too many ${what} are running. Try again when one has ended.`);
    const id = Symbol(what);
    running.set(id, organization);
    return () => void running.delete(id);
  };
}
