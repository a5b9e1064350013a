import type { Sql } from 'postgres';
import type { Connection } from './connection.ts';
import { type Connector, type ConnectorOptions, createConnector } from './connector.ts';
import { createLookups, type Lookups, type LookupsOptions } from './lookups.ts';

/** Connections for single statements. In a Citus cluster, each worker has its own. */
export interface LookupConnections {
  /** For statements that use no worker. */
  readonly sql: Sql;
  /** For statements that use this worker. */
  sqlOf(worker: string): Sql;
  all(): Connection[];
  /** Whether a statement on this connection can wait for a worker. */
  usesWorker(connection: Connection): boolean;
  /** Rejects the statements whose deadline is before `now`. */
  failExpired(now: number): void;
  /** Replaces old connections and opens missing ones. */
  maintain(isOld: (connection: Connection) => boolean): void;
  /** Error code of the last attempt to connect to the coordinator, or null if it succeeded. */
  failure(): string | null;
  end(): Promise<void>;
}

type Options = Omit<LookupsOptions, 'connector' | 'openOwn'> &
  Pick<ConnectorOptions, 'open' | 'onOpen' | 'onLost' | 'log'>;

interface Entry {
  readonly lookups: Lookups;
  readonly connector: Connector;
}

/** The key of the connection that belongs to no worker. */
const COORDINATOR = '';

export function createLookupConnections(options: Options): LookupConnections {
  const entries = new Map<string, Entry>();
  let isEnded = false;

  function create(): Entry {
    const lookups = createLookups({
      ...options,
      connector: () => entry.connector,
      openOwn: () => options.open(() => undefined),
    });
    const onOpen = (connection: Connection): void => {
      options.onOpen(connection);
      lookups.use(connection);
    };
    const entry = { lookups, connector: createConnector({ ...options, size: 1, missing: lookups.missing, onOpen }) };
    if (isEnded) lookups.end();
    return entry;
  }

  function entryOf(key: string): Entry {
    const entry = entries.get(key) ?? create();
    entries.set(key, entry);
    return entry;
  }

  function renew({ lookups, connector }: Entry, isOld: (connection: Connection) => boolean): void {
    const { connection } = lookups;
    if (!connection || !isOld(connection)) return;
    lookups.drop();
    void connector.retire(connection);
  }

  const coordinator = entryOf(COORDINATOR);
  return {
    sql: coordinator.lookups.sql,
    sqlOf: (worker) => entryOf(worker).lookups.sql,
    all: () => [...entries.values()].flatMap(({ connector }) => [...connector.connections]),
    usesWorker: (connection) => connection !== coordinator.lookups.connection,
    failExpired(now) {
      for (const { lookups } of entries.values()) lookups.failExpired(now);
    },
    maintain(isOld) {
      for (const entry of entries.values()) {
        renew(entry, isOld);
        entry.connector.fill();
      }
    },
    failure: coordinator.connector.failure,
    async end() {
      isEnded = true;
      for (const { lookups } of entries.values()) lookups.end();
      await Promise.all([...entries.values()].map(({ connector }) => connector.end()));
    },
  };
}
