import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Rate, Rated } from '../harness/rate.ts';

/** Sends requests at a constant rate, also while earlier ones have no response, and measures their latencies. */
process.on('message', async (rate: Rate) => {
  process.send?.(await run(rate));
});

async function run({ url, requests, perSecond, seconds }: Rate): Promise<Rated> {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const latencies: number[] = [];
  const sent: Promise<void>[] = [];
  const start = performance.now();
  const total = Math.round(perSecond * seconds);
  while (sent.length < total) {
    const due = Math.min(((performance.now() - start) / 1000) * perSecond, total);
    while (sent.length < due) {
      const { headers, body } = requests[sent.length % requests.length] as Rate['requests'][number];
      sent.push(latencyOf(agent, url, headers, body).then((latency) => void latencies.push(latency)));
    }
    await sleep(1);
  }
  await Promise.all(sent);
  agent.destroy();
  latencies.sort((a, b) => a - b);
  const quantile = (share: number): number => latencies[Math.ceil(latencies.length * share) - 1] ?? Number.NaN;
  return { p50: quantile(0.5), p99: quantile(0.99) };
}

function latencyOf(agent: Agent, url: string, headers: Record<string, string>, body: string): Promise<number> {
  const from = performance.now();
  return new Promise((done, fail) => {
    const sending = request(url, { method: 'POST', headers, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('end', () => {
        if (response.statusCode === 200 && text.startsWith('{"data"')) done(performance.now() - from);
        else fail(new Error(`${url} returned ${text.slice(0, 500)}`));
      });
    });
    sending.on('error', fail);
    sending.end(body);
  });
}
