import cluster, { type Worker } from 'node:cluster';
import type { Log } from '../lib/log.ts';
import { GRACE } from './listener.ts';
import { type FromWorker, type ToWorker, WORKER_NUMBER } from './messages.ts';
import { answerScrapes, scrapeAll } from './scrape.ts';

/** Milliseconds before a worker that has died is replaced: the first time, and at most. Doubled each time. */
const RESTART = { first: 100, longest: 10_000 };

/** Milliseconds of service after which the next failure counts as the first one again. */
const STABLE = 60_000;

/** Milliseconds after a signal to stop before a worker is killed. */
const KILL_AFTER = GRACE.work + GRACE.responses + 5_000;

export interface Workers {
  /** Starts the workers. Resolves with the port when all of them listen. Rejects if one fails. */
  listen(): Promise<number>;
  /** What the server waits for until it serves. */
  waitFor(what: string): void;
  /** Lets the workers serve requests, and replaces each worker that dies from now on. Resolves when all of them serve. */
  serve(message: Extract<ToWorker, { kind: 'serve' }>): Promise<void>;
  /** The text of a scrape of all workers. */
  scrape(): Promise<string>;
  /** Stops all workers as after a signal. Resolves when all have ended. */
  stop(): Promise<void>;
}

export function createWorkers(count: number, log: Log, isStopping: () => boolean): Workers {
  const running = new Map<number, Worker>();
  let isEnding = false;

  const scrape = (): Promise<string> => scrapeAll([...running.values()]);

  /** Starts the worker with this number, sends it the message, and resolves with its answer. */
  async function start(number: number, message: ToWorker): Promise<FromWorker> {
    const worker = cluster.fork({ [WORKER_NUMBER]: String(number) });
    running.set(number, worker);
    answerScrapes(worker, scrape);
    void endOf(worker).then(() => running.delete(number));
    return await request(worker, message);
  }

  /** Replaces the worker whenever it ends. */
  async function keepRunning(number: number, message: ToWorker): Promise<void> {
    for (let delay = RESTART.first; ; ) {
      const worker = running.get(number);
      const since = performance.now();
      const { code, signal, error } = worker ? await endOf(worker) : NOTHING;
      if (isEnding || isStopping()) return;
      if (performance.now() - since > STABLE) delay = RESTART.first;
      log({
        level: 'error',
        message: 'worker ended',
        worker: number,
        pid: worker?.process.pid,
        code,
        signal,
        ...(error && { error: error.message }),
        restartInMs: delay,
      });
      await new Promise((done) => setTimeout(done, delay));
      delay = Math.min(delay * 2, RESTART.longest);
      if (isEnding || isStopping()) return;
      start(number, message).then(
        () => log({ level: 'info', message: 'worker started', worker: number, pid: running.get(number)?.process.pid }),
        (error: Error) => log({ level: 'error', message: 'worker failed', worker: number, error: error.message }),
      );
    }
  }

  return {
    async listen() {
      const numbers = Array.from({ length: count }, (_, at) => at + 1);
      const answers = await Promise.all(numbers.map((number) => start(number, { kind: 'listen' })));
      return answers.flatMap((answer) => (answer.kind === 'listening' ? [answer.port] : []))[0] ?? 0;
    },
    waitFor(what) {
      for (const worker of running.values()) worker.send({ kind: 'wait', what } satisfies ToWorker);
    },
    async serve(message) {
      for (let number = 1; number <= count; number += 1) void keepRunning(number, message);
      await Promise.all([...running.values()].map((worker) => request(worker, message)));
    },
    scrape,
    async stop() {
      isEnding = true;
      await Promise.all([...running.values()].map(end));
    },
  };
}

/** Sends the message and resolves with the answer. Rejects if the worker fails or ends. */
function request(worker: Worker, message: ToWorker): Promise<FromWorker> {
  return new Promise((resolve, reject) => {
    const receive = (answer: FromWorker): void => {
      if (answer.kind === 'scrape' || answer.kind === 'measured') return;
      worker.off('message', receive);
      if (answer.kind === 'failed') reject(new Error(answer.message));
      else resolve(answer);
    };
    worker.on('message', receive);
    void endOf(worker).then(({ code, signal, error }) =>
      reject(error ?? new Error(`a worker ended with ${signal ?? `code ${code}`}`)),
    );
    worker.send(message);
  });
}

/** How a worker has ended. */
interface End {
  code: number | null;
  signal: string | null;
  /** Why it could not be started. */
  error?: Error;
}

const NOTHING: End = { code: null, signal: null };

/**
 * Resolves when the worker ends, or when it could not be started, for example because there are too many processes. It
 * emits no `exit` then. An error of a worker that was started is not its end: the worker has missed a message.
 */
const endOf = (worker: Worker): Promise<End> =>
  new Promise((resolve) => {
    worker.once('exit', (code, signal) => resolve({ code, signal }));
    worker.on('error', (error) => {
      if (worker.process.pid === undefined) resolve({ ...NOTHING, error });
    });
  });

/** Ends the worker after its requests in progress. */
async function end(worker: Worker): Promise<void> {
  if (worker.process.pid === undefined || worker.isDead()) return;
  const ended = endOf(worker);
  const killing = setTimeout(() => worker.process.kill('SIGKILL'), KILL_AFTER);
  worker.process.kill('SIGTERM');
  await ended;
  clearTimeout(killing);
}
