import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core';
import type { GraphQLFieldResolver } from 'graphql';
import { type Access, canOnEvery, canOnSome } from '../access/access.ts';
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
const resolvers = new WeakMap<object, { key: string; resolve: Resolver }>();

/** Where the guard of a type checks its permission. */
export type GuardScope = 'organization' | 'each service' | 'some services';

/** A permission with the scope in which it was allowed. */
export const cacheKeyOf = (permission: Permission, scope: GuardScope): string =>
  scope === 'organization' ? permission : `${permission} on ${scope}`;

const ALLOWED_FOR_ALL: Record<GuardScope, (access: Access, permission: Permission) => boolean> = {
  organization: (access, permission) => access.can(permission),
  'each service': canOnEvery,
  'some services': canOnSome,
};

/** Whether the guard allows every object that reaches it. */
export const isAllowedForAll = (access: Access, permission: Permission, scope: GuardScope): boolean =>
  ALLOWED_FOR_ALL[scope](access, permission);

export function guardScopeOf({ ownedBy, onSome }: { ownedBy?: unknown; onSome?: unknown }): GuardScope {
  if (ownedBy) return 'each service';
  return onSome ? 'some services' : 'organization';
}

export class PermissionCachePlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(
    resolver: GraphQLFieldResolver<unknown, Types['Context'], object>,
    config: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    const permission = this.permissionOf(config);
    if (!permission) return resolver;
    const options = this.buildCache.getTypeConfig(config.parentType).pothosOptions as AccessOptions;
    const scope = guardScopeOf(options);
    const dependsOnObject = options.ownedBy || options.own || options.inProjects;
    const key = cacheKeyOf(permission, scope);
    const resolve = resolver as Resolver;
    resolvers.set(config, { key, resolve });
    const caching: Resolver = (parent, args, ctx, info) => {
      // A caller that was allowed because of the object was allowed only for that object.
      if (!dependsOnObject || isAllowedForAll(ctx.unit.access, permission, scope)) ctx.unit.permissionCache.add(key);
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
  onSome?: unknown;
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
