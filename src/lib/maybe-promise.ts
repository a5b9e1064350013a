export type MaybePromise<Value> = Value | Promise<Value>;

/** Calls the function with the value: at once, or when the promise is fulfilled. Creates no promise for a value. */
export const andThen = <Value, Result>(
  value: MaybePromise<Value>,
  next: (value: Value) => Result,
): MaybePromise<Awaited<Result>> =>
  (value instanceof Promise ? value.then(next) : next(value)) as MaybePromise<Awaited<Result>>;
