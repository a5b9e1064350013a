import { type GraphQLResolveInfo, isObjectType } from 'graphql';
import type { Context } from '../context.ts';
import { MAX_PAGE } from '../db/page.ts';
import { AmbitError } from '../lib/errors.ts';
import { guardAllows } from './guard.ts';

interface TypedId {
  typename: string;
  id: string;
}

/**
 * The nodes with these ids. Null for a node that does not exist and for one that the caller may not see, so that
 * `node(id:) { __typename }` does not tell the two apart.
 */
export async function visibleNodes(
  ids: readonly TypedId[],
  ctx: Context,
  info: GraphQLResolveInfo,
  load: (ids: TypedId[]) => Promise<unknown[]>,
): Promise<unknown[]> {
  if (ids.length > MAX_PAGE) throw new AmbitError('BAD_REQUEST', `At most ${MAX_PAGE} IDs at once, not ${ids.length}.`);
  const nodes = await load([...ids]);
  return ids.map(({ typename }, at) => nodeIfVisible(typename, nodes[at], ctx, info));
}

function nodeIfVisible(typename: string, node: unknown, ctx: Context, info: GraphQLResolveInfo): unknown {
  const type = info.schema.getType(typename);
  return node && isObjectType(type) && guardAllows(type, node, ctx) ? node : null;
}
