import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const UPLOADING = Symbol('uploading');

type Marked = Duplex & { [UPLOADING]?: boolean };

/** Marks the connection of a request whose body may take longer than the time limit of other requests. */
export function setUploading({ socket }: IncomingMessage, isOne: boolean): void {
  (socket as Marked)[UPLOADING] = isOne;
}

export const isUploading = (socket: Duplex): boolean => (socket as Marked)[UPLOADING] === true;

/** Milliseconds for which the server waits for data: for the next chunk, and for all of them together. */
export interface UploadTimeouts {
  readonly idle: number;
  readonly total: number;
}

/**
 * The chunks of the body. Throws the error if the server waits too long for data. Otherwise a client that sends one byte
 * from time to time could occupy an import forever. The time in which the server writes rows does not count.
 */
export async function* chunksOfBody(
  req: AsyncIterable<Uint8Array>,
  { idle, total }: UploadTimeouts,
  onTimeout: () => Error,
): AsyncGenerator<Uint8Array> {
  const chunks = req[Symbol.asyncIterator]();
  let left = total;
  for (;;) {
    const { promise, reject } = Promise.withResolvers<never>();
    const startedAt = performance.now();
    const timer = setTimeout(() => reject(onTimeout()), Math.min(idle, left));
    try {
      const next = await Promise.race([chunks.next(), promise]);
      left = Math.max(0, left - (performance.now() - startedAt));
      if (next.done) return;
      yield next.value as Uint8Array;
    } finally {
      clearTimeout(timer);
    }
  }
}
