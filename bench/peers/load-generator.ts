import autocannon from 'autocannon';
import type { Load, Loaded, Request } from '../harness/load.ts';

/** The load generator. It runs in a separate process, so that it does not use the CPU time of the bench itself. */
process.on('message', async (load: Load) => {
  process.send?.(await run(load));
});

// GraphQL errors have status 200.
const isGood = (body: unknown): boolean =>
  !String(body).includes('"errors":[{') && !String(body).startsWith('{"errors"');

async function run({ url, requests, connections, seconds, amount, dealt }: Load): Promise<Loaded> {
  let next = 0;
  const result = await autocannon({
    url,
    connections,
    ...(amount ? { amount } : { duration: seconds }),
    timeout: 60,
    verifyBody: isGood,
    requests: requests.slice(0, 1) as never,
    setupClient: (client) => {
      client.setRequests(shareOf(requests, next++, connections, dealt) as never);
    },
  } as autocannon.Options);
  const { non2xx, errors, timeouts } = result;
  const { mismatches = 0 } = result as { mismatches?: number };
  const taken = (result.finish.getTime() - result.start.getTime()) / 1000;
  return {
    requests: result.requests.total,
    perSecond: result.requests.total / taken,
    bad: { non2xx, errors, timeouts, mismatches },
    mean: result.latency.average,
    p50: result.latency.p50,
    p99: result.latency.p99,
  };
}

/** Each connection starts at another request, because otherwise all would send the same request at the same time. */
function shareOf(requests: Request[], at: number, connections: number, dealt = false): Request[] {
  if (dealt) return requests.filter((_, n) => n % connections === at);
  const from = Math.floor((at * requests.length) / connections);
  return [...requests.slice(from), ...requests.slice(0, from)];
}
