import { resolveNodes } from '@pothos/plugin-relay';
import { type GraphQLResolveInfo, isObjectType } from 'graphql';
import type { Target } from '../access/access.ts';
import type { Context } from '../context.ts';
import { decodeId, typeOfPrefix } from '../lib/ids.ts';
import { builder } from './builder.ts';
import { type Guard, guardAllows } from './guard.ts';

/** Permissions are checked on these themselves, so they need not be read here. */
const SCOPES: readonly string[] = ['org', 'prj'];

/**
 * What permissions on these objects are checked on, by public ID: the project of the object, or null for the organization.
 * An object that does not exist or that the caller may not see is missing. One statement for each type of objects.
 */
export async function scopesOf(
  ctx: Context,
  info: GraphQLResolveInfo,
  publicIds: readonly (string | null | undefined)[],
): Promise<ReadonlyMap<string, Target>> {
  const asked = [...new Set(publicIds)].flatMap((publicId) => {
    const id = publicId == null ? null : decodeId(publicId);
    return publicId != null && id && !SCOPES.includes(id.prefix) ? [{ publicId, id }] : [];
  });
  if (asked.length === 0 || !ctx.unit.binding.organizationId) return new Map();
  const ids = asked.map(({ id }) => ({ typename: typeOfPrefix(id.prefix), id: id.uuid }));
  const nodes = await resolveNodes(builder as never, ctx, info, ids);
  return new Map(
    asked.flatMap(({ publicId }, at): [string, Target][] => {
      const type = info.schema.getType(ids[at]?.typename ?? '');
      const node = nodes[at];
      if (!node || !isObjectType(type) || !guardAllows(type, node, ctx)) return [];
      const onOf = (type.extensions['guard'] as Guard | undefined)?.onOf as ((node: unknown) => Target) | undefined;
      return [[publicId, onOf?.(node) ?? null]];
    }),
  );
}
