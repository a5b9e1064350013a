import { type Context, endTransaction } from '../../context.ts';

/** Runs the function in the transaction of the context, which reads one snapshot. */
export async function inTransaction<T>(ctx: Context, run: () => Promise<T>): Promise<T> {
  try {
    const result = await run();
    await endTransaction(ctx, 'commit');
    return result;
  } finally {
    await endTransaction(ctx, 'rollback').catch(() => undefined);
  }
}
