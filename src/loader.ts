import DataLoader from 'dataloader';
import { type GraphQLResolveInfo, Kind } from 'graphql';
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

/**
 * Whether the operation asks for this field of what another one gives. What is read for it can then be asked for
 * together with that, in one round trip. Fragments are not looked into: they only cost the second one.
 */
export const isAskedFor = ({ fieldNodes }: GraphQLResolveInfo, name: string): boolean =>
  fieldNodes.some(({ selectionSet }) =>
    selectionSet?.selections.some((selection) => selection.kind === Kind.FIELD && selection.name.value === name),
  );
