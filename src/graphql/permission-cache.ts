import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core';
import type { GraphQLFieldResolver } from 'graphql';
import type { Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';

/**
 * Remembers what scope-auth let through, once for each request and permission: the guard of a type whose permission is
 * asked on the organization says the same for every object and field, also where one's own need none. Stands in the list of plugins right behind
 * scope-auth, so that what it wraps is called by scope-auth alone, or by who finds the permission among the passed.
 */
export const permissionCachePlugin = 'passed' as const;

type Resolver = GraphQLFieldResolver<unknown, Context, object>;

declare global {
  export namespace PothosSchemaTypes {
    interface Plugins<Types extends SchemaTypes> {
      passed: PermissionCachePlugin<Types>;
    }
  }
}

/** What stands behind scope-auth, by the field. Made with the schema and as constant. */
const behind = new WeakMap<object, { permission: Permission; resolve: Resolver }>();

export class PermissionCachePlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(
    resolver: GraphQLFieldResolver<unknown, Types['Context'], object>,
    config: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    const permission = this.permissionOf(config);
    if (!permission) return resolver;
    const { own } = this.buildCache.getTypeConfig(config.parentType).pothosOptions as AccessOptions;
    const resolve = resolver as Resolver;
    behind.set(config, { permission, resolve });
    const passing: Resolver = (parent, args, ctx, info) => {
      // Who was let through because the object is their own has passed for that object alone.
      if (!own || ctx.unit.access.can(permission)) ctx.unit.permissionCache.add(permission);
      return resolve(parent, args, ctx, info);
    };
    return passing as never;
  }

  /** The permission that is enough for every object of the field's type, whichever it is; none where more is asked. */
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
  authScopes?: unknown;
}

SchemaBuilder.registerPlugin(permissionCachePlugin, PermissionCachePlugin);

/** Goes around scope-auth where it has let this request pass already. */
export function unlessCached(checked: Resolver, config: object): Resolver {
  const known = behind.get(config);
  if (!known) return checked;
  const { permission, resolve } = known;
  return (parent, args, ctx, info) =>
    ctx.unit.permissionCache.has(permission) ? resolve(parent, args, ctx, info) : checked(parent, args, ctx, info);
}
