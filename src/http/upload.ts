import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const UPLOADING = Symbol('uploading');

type Marked = Duplex & { [UPLOADING]?: boolean };

/** Marks the connection of a request whose body may take longer than the time limit of other requests. */
export function setUploading({ socket }: IncomingMessage, isOne: boolean): void {
  (socket as Marked)[UPLOADING] = isOne;
}

export const isUploading = (socket: Duplex): boolean => (socket as Marked)[UPLOADING] === true;

/** The chunks of the body. Calls `onIdle` and ends if none arrives within this time. A client that sends is never idle. */
export async function* chunksOfBody(
  req: IncomingMessage,
  idleMs: number,
  onIdle: () => Error,
): AsyncGenerator<Uint8Array> {
  const chunks = req[Symbol.asyncIterator]();
  for (;;) {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(onIdle()), idleMs);
    try {
      const next = await Promise.race([chunks.next(), promise]);
      if (next.done) return;
      yield next.value as Uint8Array;
    } finally {
      clearTimeout(timer);
    }
  }
}
