import type { Worker } from 'node:cluster';
import type { Measurements } from '../http/metrics/metrics.ts';
import type { FromWorker, ToWorker } from './messages.ts';

/** Milliseconds after which a scrape leaves out a worker that has not answered. */
const TIMEOUT = 3_000;

/** In the primary process: the text of a scrape of these workers. Their metrics differ in the label `worker`. */
export async function scrapeAll(workers: readonly Worker[]): Promise<string> {
  const { exposition } = await import('../http/metrics/metrics.ts');
  return await exposition(await Promise.all(workers.map(measurementsOf)));
}

/** In the primary process: answers the scrapes that the worker receives on the port of the API. */
export function answerScrapes(worker: Worker, scrape: () => Promise<string>): void {
  worker.on('message', (message: FromWorker) => {
    if (message.kind !== 'scrape') return;
    void scrape().then((text) => sendTo(worker, { kind: 'scraped', id: message.id, text }));
  });
}

/** The metrics of a worker. Empty if it does not answer in time. */
function measurementsOf(worker: Worker): Promise<Measurements> {
  const id = Math.random();
  return new Promise((resolve) => {
    const end = (measurements: Measurements): void => {
      clearTimeout(timeout);
      worker.off('message', receive);
      worker.off('exit', leaveOut);
      resolve(measurements);
    };
    const leaveOut = (): void => end([]);
    const timeout = setTimeout(leaveOut, TIMEOUT);
    const receive = (message: FromWorker): void => {
      if (message.kind === 'measured' && message.id === id) end(message.measurements);
    };
    worker.on('message', receive).once('exit', leaveOut);
    if (!sendTo(worker, { kind: 'measure', id })) leaveOut();
  });
}

/** Returns false if the worker has ended. */
function sendTo(worker: Worker, message: ToWorker): boolean {
  if (!worker.isConnected()) return false;
  worker.send(message, () => undefined);
  return true;
}

/** In a worker: asks the primary process for the text of a scrape of all workers. */
export function createScrape(send: (message: FromWorker) => void): {
  scrape: () => Promise<string>;
  receive: (message: Extract<ToWorker, { kind: 'scraped' }>) => void;
} {
  const asked = new Map<number, (text: string) => void>();
  return {
    scrape: () =>
      new Promise((resolve) => {
        const id = Math.random();
        asked.set(id, resolve);
        send({ kind: 'scrape', id });
      }),
    receive({ id, text }) {
      asked.get(id)?.(text);
      asked.delete(id);
    },
  };
}
