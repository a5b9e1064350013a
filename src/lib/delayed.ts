/** Work that is run some time after it was requested, so that one run serves many requests. */
export interface DelayedWork {
  /** Requests a run. */
  schedule(): void;
  /** Runs now, after a run in progress. */
  run(): Promise<void>;
}

/** Runs `work` after `delay` milliseconds, or later while `isBusy` is true. `work` must not reject. */
export function createDelayedWork(
  work: () => Promise<void>,
  delay: number,
  isBusy: () => boolean = () => false,
): DelayedWork {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  function schedule(): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      if (isBusy()) schedule();
      else void run();
    }, delay).unref();
  }

  function run(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    running = running.then(work);
    return running;
  }

  return { schedule, run };
}
