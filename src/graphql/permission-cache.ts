import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core';
import type { GraphQLFieldResolver } from 'graphql';
import { type Access, canOnEvery } from '../access/access.ts';
import type { Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';

/**
 * Caches the permissions that scope-auth has allowed in a request. If the permission of a type is checked on the
 * organization, the guard decides the same for every object and field. If it is checked on services, it does so for a caller
 * that has the permission on every service. In the list of plugins this one follows
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
const resolvers = new WeakMap<object, { key: CacheKey; resolve: Resolver }>();

/** A permission that was allowed in the organization, or on every service. */
export type CacheKey = Permission | `${Permission} on services`;

export const cacheKeyOf = (permission: Permission, isOnService: boolean): CacheKey =>
  isOnService ? `${permission} on services` : permission;

/** Whether the permission is allowed for every object that the guard checks it on. */
export const isAllowedForAll = (access: Access, permission: Permission, isOnService: boolean): boolean =>
  isOnService ? canOnEvery(access, permission) : access.can(permission);

export class PermissionCachePlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(
    resolver: GraphQLFieldResolver<unknown, Types['Context'], object>,
    config: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    const permission = this.permissionOf(config);
    if (!permission) return resolver;
    const options = this.buildCache.getTypeConfig(config.parentType).pothosOptions as AccessOptions;
    const isOnService = options.ownedBy !== undefined;
    const dependsOnObject = isOnService || options.own || options.inProjects;
    const key = cacheKeyOf(permission, isOnService);
    const resolve = resolver as Resolver;
    resolvers.set(config, { key, resolve });
    const caching: Resolver = (parent, args, ctx, info) => {
      // A caller that was allowed because of the object was allowed only for that object.
      if (!dependsOnObject || isAllowedForAll(ctx.unit.access, permission, isOnService))
        ctx.unit.permissionCache.add(key);
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
  ownedBy?: unknown;
  own?: unknown;
  inProjects?: unknown;
  authScopes?: unknown;
}

SchemaBuilder.registerPlugin(permissionCachePlugin, PermissionCachePlugin);

/** Skips scope-auth if the permission is in the cache of the request. */
export function unlessCached(checked: Resolver, config: object): Resolver {
  const known = resolvers.get(config);
  if (!known) return checked;
  const { key, resolve } = known;
  return (parent, args, ctx, info) =>
    ctx.unit.permissionCache.has(key) ? resolve(parent, args, ctx, info) : checked(parent, args, ctx, info);
}
