import type { Context } from '../context.ts';
import type { MaybePromise } from '../lib/maybe-promise.ts';
import type { Item } from './parts.ts';

/** One object that a mutation has created or updated. */
export interface Change<Row> {
  /** Null for a new object. */
  readonly before: Row | null;
  readonly after: Row;
  /** The items in child tables that the input adds and removes. */
  readonly items: readonly { part: { name: string }; add: readonly Item[]; remove: readonly Item[] }[];
}

/** What a mutation does, and its inputs. */
export interface Mutated {
  readonly action: 'create' | 'update' | 'delete';
  readonly inputs: readonly Readonly<Record<string, unknown>>[];
}

/** One input of a mutation, and its path in the input of the mutation. */
export interface GivenInput {
  readonly input: Readonly<Record<string, unknown>>;
  readonly path: readonly string[];
}

/** The special behavior of a resource. Hooks run in the transaction of the mutation, after the guard. */
export interface Hooks<Row> {
  /**
   * Runs before the first row of a create or update mutation is locked, for what takes long, such as a validation in a thread.
   * `beforeCreate`, `beforeUpdate` and `afterWrite` get the result.
   */
  readonly prepare?: (ctx: Context, inputs: readonly GivenInput[]) => Promise<unknown>;
  /**
   * Runs a whole mutation, for what must happen before the first row is locked and after the last one is written. When `run`
   * has returned, everything is written.
   */
  readonly around?: <Result>(ctx: Context, mutation: Mutated, run: () => Promise<Result>) => Promise<Result>;
  /** Returns the values of the new row. */
  readonly beforeCreate?: (ctx: Context, values: Partial<Row>, prepared: never) => MaybePromise<Partial<Row>>;
  /** Returns the values that change. The row is locked. */
  readonly beforeUpdate?: (
    ctx: Context,
    row: Row,
    changes: Partial<Row>,
    prepared: never,
  ) => MaybePromise<Partial<Row>>;
  /** Runs after the row was written, for changes of other tables that follow from it. */
  readonly afterCreate?: (ctx: Context, row: Row) => MaybePromise<void>;
  /** As `afterCreate`, with the row before and after the update. */
  readonly afterUpdate?: (ctx: Context, before: Row, after: Row) => MaybePromise<void>;
  /**
   * Runs once for all objects that a mutation has created or updated, in the order of the inputs. It can update their rows,
   * which are read again.
   */
  readonly afterWrite?: (ctx: Context, changes: readonly Change<Row>[], prepared: never) => MaybePromise<void>;
  /**
   * As `afterWrite`, for statements whose results are not needed: it sends them with `awaitWithCommit`, and does not change the
   * objects. So the row, these statements, the audit event and COMMIT share a round trip.
   */
  readonly sendAfterWrite?: (ctx: Context, changes: readonly Omit<Change<Row>, 'items'>[]) => MaybePromise<void>;
  /** As `afterCreate`, with the deleted row. */
  readonly afterDelete?: (ctx: Context, row: Row) => MaybePromise<void>;
  /** As `sendAfterWrite`, with the deleted row. */
  readonly sendAfterDelete?: (ctx: Context, row: Row) => MaybePromise<void>;
  /**
   * Takes the locks of a deletion that come before that of the row. Mutations that lock the same rows in another order would
   * cause deadlocks.
   */
  readonly lockForDelete?: (ctx: Context) => Promise<void>;
  /**
   * Sends statements of a deletion that share a round trip with the statement that locks the row. They can run before it, so
   * they take the locks that they need. `beforeDelete` gets the result.
   */
  readonly sendWithLock?: (ctx: Context, id: string) => Promise<unknown>;
  /** Throws if the row must not be deleted. The row is locked, and no references to it exist. */
  readonly beforeDelete?: (ctx: Context, row: Row, sent: never) => MaybePromise<void>;
}
