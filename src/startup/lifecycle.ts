import { errorLines } from '../lib/log.ts';

/** What the process does when it is told to stop. */
export interface Lifecycle {
  /** Whether a signal to stop was received. */
  isStopping(): boolean;
  /** Adds a step that runs after a signal to stop, before the steps that were added earlier. */
  onStop(step: () => Promise<unknown>): void;
  /** Stops as after a signal. */
  stop(): void;
  /** Prints the error, stops what was started, and exits with code 1. */
  exitWithError(error: unknown): Promise<never>;
}

/** Stops the process after SIGINT or SIGTERM. `report` prints an error. */
export function createLifecycle(
  report: (error: unknown) => void = (error) => void process.stderr.write(errorLines(error)),
): Lifecycle {
  const steps: (() => Promise<unknown>)[] = [];
  let isStopping = false;

  async function runSteps(): Promise<void> {
    for (let end = steps.pop(); end; end = steps.pop()) await end();
  }

  async function exitWithError(error: unknown): Promise<never> {
    report(error);
    // Also if a step leaves nothing that keeps the process running.
    process.exitCode = 1;
    await runSteps().catch(() => undefined);
    process.exit(1);
  }

  function stop(): void {
    if (!isStopping) runSteps().then(() => process.exit(0), exitWithError);
    isStopping = true;
  }

  // The signal may arrive twice: a terminal sends it to the whole process group, and the parent process may forward it.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  return { isStopping: () => isStopping, onStop: (step) => void steps.push(step), stop, exitWithError };
}
