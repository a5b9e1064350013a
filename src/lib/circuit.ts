/** Milliseconds that a call may take. */
const DEADLINE = 50;
/** Milliseconds without calls after a call has failed. Then a single call tests the service. */
const PAUSE = 1_000;

export interface Circuit {
  /** Calls the service. Null while the service is not called, because a call has failed shortly before. */
  call<T>(service: () => Promise<T>): Promise<T> | null;
}

interface CircuitOptions {
  /** Called for each failed call. `failures` is the number of failed calls since the last one that succeeded. */
  onFailure: (error: unknown, failures: number) => void;
  /** Called when a call succeeds after others have failed. */
  onRecovery: () => void;
}

/** Protects the caller from a service that fails or does not answer: a call has a deadline, and failures stop the calls. */
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
    // After a long task of this process, timers run before an answer that has arrived meanwhile is read.
    const expire = (): void => void setImmediate(() => reject(new Error(`no answer within ${DEADLINE} ms`)));
    const timer = setTimeout(expire, DEADLINE);
    pending.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
