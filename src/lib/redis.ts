import { createClient, type RedisClientType } from '@redis/client';

/** Milliseconds between two attempts to connect. Doubled each time, up to the longest. */
const RECONNECT = { first: 50, longest: 1_000 };
const CONNECT_TIMEOUT = 2_000;
/** Maximum number of commands that wait for an answer. Above it, a command fails. */
const MAX_WAITING = 10_000;

export interface Redis {
  readonly client: RedisClientType;
  /** Replaces the connection. TCP can take minutes to detect a lost connection. */
  reconnect(): void;
  close(): void;
}

/** Connects in the background, and reconnects when the connection is lost. Without a connection, commands fail immediately. */
export function connectRedis(url: string): Redis {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_WAITING,
    socket: {
      connectTimeout: CONNECT_TIMEOUT,
      reconnectStrategy: (retries) => Math.min(RECONNECT.first * 2 ** retries, RECONNECT.longest),
    },
  }) as unknown as RedisClientType;
  // A command that fails is reported by its caller. Without a listener, the event would end the process.
  client.on('error', () => undefined);
  const connect = (): void => void client.connect().catch(() => undefined);
  const close = (): void => {
    if (client.isOpen) client.destroy();
  };
  connect();
  return {
    client,
    close,
    reconnect() {
      // A client that is not ready is already connecting.
      if (!client.isReady) return;
      close();
      connect();
    },
  };
}
