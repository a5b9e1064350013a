import { unavailable } from '../lib/errors.ts';

/** Maximum number of exports that run at the same time. A slow client keeps a page of events in memory for minutes. */
export const MAX_EXPORTS = { organization: 2, node: 20 };

/** Counts an export of the organization. Returns the function that ends it. Throws UNAVAILABLE above a limit. */
export type BeginRunning = (organization: string) => () => void;

export function createRunningExports(): BeginRunning {
  const running = new Map<symbol, string>();
  return (organization) => {
    const own = [...running.values()].filter((one) => one === organization).length;
    if (own >= MAX_EXPORTS.organization || running.size >= MAX_EXPORTS.node)
      throw unavailable('Too many exports are running. Try again when one has ended.');
    const id = Symbol('export');
    running.set(id, organization);
    return () => void running.delete(id);
  };
}
