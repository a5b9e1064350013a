import type { Sql } from 'postgres';

/** The part of the driver's query interface that is used. */
type Query = PromiseLike<unknown> & { execute(): PromiseLike<unknown>; values(): PromiseLike<unknown> };

/**
 * The same connection, for statements that only read. A stale prepared statement ends its connection, and with it the
 * other statements on it. Each of them is sent again once, on the new connection.
 */
export function readAgain(sql: Sql): Sql {
  const unsafe = (...args: Parameters<Sql['unsafe']>) => {
    const twice = async (run: (query: Query) => PromiseLike<unknown>): Promise<unknown> => {
      const send = (): PromiseLike<unknown> => run(sql.unsafe(...args) as unknown as Query);
      try {
        return await send();
      } catch (error) {
        if ((error as { isStale?: boolean }).isStale !== true) throw error;
        return await send();
      }
    };
    return {
      // biome-ignore lint/suspicious/noThenProperty: the driver's queries can be awaited
      then: (resolve: never, reject: never) => twice((query) => query).then(resolve, reject),
      catch: (reject: never) => twice((query) => query).catch(reject),
      execute: () => twice((query) => query.execute()),
      values: () => twice((query) => query.values()),
    };
  };
  return { unsafe } as unknown as Sql;
}
