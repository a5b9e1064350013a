import DataLoader from 'dataloader';
import type { Context } from './context.ts';

type Batch<Row> = (ctx: Context, ids: readonly string[]) => Promise<Row[]>;

/** One query for all rows of a kind that a response asks for. The loaders die with the transaction they read in. */
export function loaderOf<Row extends { id: string }>(
  batch: Batch<Row>,
): (ctx: Context, id: string) => Promise<Row | null> {
  return (ctx, id) => {
    let loader = ctx.loaders.get(batch) as DataLoader<string, Row | null> | undefined;
    if (!loader) {
      loader = new DataLoader(async (ids) => {
        const rows = new Map((await batch(ctx, ids)).map((row) => [row.id, row]));
        return ids.map((wanted) => rows.get(wanted) ?? null);
      });
      ctx.loaders.set(batch, loader);
    }
    return loader.load(id);
  };
}
