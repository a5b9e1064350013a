import type { Context } from '../context.ts';

type MaybePromise<Value> = Value | Promise<Value>;

/** The special behavior of a resource. Hooks run in the transaction of the mutation, after the guard. */
export interface Hooks<Row> {
  /** Returns the values of the new row. */
  readonly beforeCreate?: (ctx: Context, values: Partial<Row>) => MaybePromise<Partial<Row>>;
  /** Returns the values that change. The row is locked. */
  readonly beforeUpdate?: (ctx: Context, row: Row, changes: Partial<Row>) => MaybePromise<Partial<Row>>;
  /** Throws if the row must not be deleted. The row is locked, and no references to it exist. */
  readonly beforeDelete?: (ctx: Context, row: Row) => MaybePromise<void>;
}
