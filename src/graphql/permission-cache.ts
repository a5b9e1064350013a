import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core';
import type { GraphQLFieldResolver } from 'graphql';
import type { Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';

/**
 * Caches the permissions that scope-auth has allowed in a request. If the permission of a type is checked on the
 * organization, the guard decides the same for every object and field. In the list of plugins this one follows
 * scope-auth: the resolver that it wraps is called by scope-auth, or by `unlessCached` when the permission is cached.
 */
export const permissionCachePlugin = 'permissionCache' as const;

type Resolver = GraphQLFieldResolver<unknown, Context, object>;

declare global {
  export namespace PothosSchemaTypes {
    interface Plugins<Types extends SchemaTypes> {
      permissionCache: PermissionCachePlugin<Types>;
    }
  }
}

/** The resolver behind scope-auth by field configuration. Filled while the schema is built, and constant afterwards. */
const resolvers = new WeakMap<object, { permission: Permission; resolve: Resolver }>();

export class PermissionCachePlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(
    resolver: GraphQLFieldResolver<unknown, Types['Context'], object>,
    config: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    const permission = this.permissionOf(config);
    if (!permission) return resolver;
    const { own, inProjects } = this.buildCache.getTypeConfig(config.parentType).pothosOptions as AccessOptions;
    const resolve = resolver as Resolver;
    resolvers.set(config, { permission, resolve });
    const caching: Resolver = (parent, args, ctx, info) => {
      // A caller that was allowed because of the object was allowed only for that object.
      if (!(own || inProjects) || ctx.unit.access.can(permission)) ctx.unit.permissionCache.add(permission);
      return resolve(parent, args, ctx, info);
    };
    return caching as never;
  }

  /** The permission that is enough for every object of the field's type. Undefined if a guard requires more. */
  private permissionOf(config: PothosOutputFieldConfig<Types>): Permission | undefined {
    const type = this.buildCache.getTypeConfig(config.parentType);
    const { permission, on } = type.pothosOptions as AccessOptions;
    const interfaces = type.kind === 'Object' ? type.interfaces : [];
    const others = [config, ...interfaces.map((one) => this.buildCache.getTypeConfig(one))];
    const isAskedMore = others.some(({ pothosOptions }) => (pothosOptions as AccessOptions).authScopes);
    return on || isAskedMore ? undefined : permission;
  }
}

interface AccessOptions {
  permission?: Permission;
  on?: unknown;
  own?: unknown;
  inProjects?: unknown;
  authScopes?: unknown;
}

SchemaBuilder.registerPlugin(permissionCachePlugin, PermissionCachePlugin);

/** Skips scope-auth if the permission is in the cache of the request. */
export function unlessCached(checked: Resolver, config: object): Resolver {
  const known = resolvers.get(config);
  if (!known) return checked;
  const { permission, resolve } = known;
  return (parent, args, ctx, info) =>
    ctx.unit.permissionCache.has(permission) ? resolve(parent, args, ctx, info) : checked(parent, args, ctx, info);
}
