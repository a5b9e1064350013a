/** Milliseconds that a call may take. */
const DEADLINE = 50;
/** Milliseconds without calls after a failed call. Then a single call tests whether the service works again. */
const PAUSE = 1_000;

export interface Circuit {
  /** Calls the service. Null if the service is not called, because a call has failed within the last second. */
  call<T>(service: () => Promise<T>): Promise<T> | null;
}

interface CircuitOptions {
  /** Called for each failed call. `failures` is the number of failed calls since the last one that succeeded. */
  onFailure: (error: unknown, failures: number) => void;
  /** Called when a call succeeds after others have failed. */
  onRecovery: () => void;
}

/** A circuit breaker. A call has a deadline. After a failure, no further calls are made for some time. */
export function createCircuit({ onFailure, onRecovery }: CircuitOptions): Circuit {
  let pausedUntil = 0;
  let failures = 0;

  const fail = (error: unknown): void => {
    failures += 1;
    pausedUntil = performance.now() + PAUSE;
    onFailure(error, failures);
  };
  const succeed = (): void => {
    if (failures > 0) onRecovery();
    failures = 0;
    pausedUntil = 0;
  };

  async function attempt<T>(service: () => Promise<T>): Promise<T> {
    try {
      const result = await withDeadline(service());
      succeed();
      return result;
    } catch (error) {
      fail(error);
      throw error;
    }
  }

  return {
    call(service) {
      const now = performance.now();
      if (now < pausedUntil) return null;
      // Other requests do not wait for the test.
      if (failures > 0) pausedUntil = now + PAUSE;
      return attempt(service);
    },
  };
}

function withDeadline<T>(pending: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    // After a long task of this process, timers run before the data that has arrived meanwhile is read.
    const expire = (): void => void setImmediate(() => reject(new Error(`no answer within ${DEADLINE} ms`)));
    const timer = setTimeout(expire, DEADLINE);
    pending.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
