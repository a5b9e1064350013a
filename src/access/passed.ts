import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core';
import type { GraphQLFieldResolver } from 'graphql';
import type { Context } from '../context.ts';
import type { Permission } from './catalog.ts';

/**
 * Remembers what scope-auth let through, once for each request and permission: the guard of a type whose permission is
 * asked on the organization says the same for every object and field. Stands in the list of plugins right behind
 * scope-auth, so that what it wraps is called by scope-auth alone, or by who finds the permission among the passed.
 */
export const passedPlugin = 'passed' as const;

type Resolver = GraphQLFieldResolver<unknown, Context, object>;

declare global {
  export namespace PothosSchemaTypes {
    interface Plugins<Types extends SchemaTypes> {
      passed: PassedPlugin<Types>;
    }
  }
}

/** What stands behind scope-auth, by the field. Made with the schema and as constant. */
const behind = new WeakMap<object, { permission: Permission; resolve: Resolver }>();

export class PassedPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(
    resolver: GraphQLFieldResolver<unknown, Types['Context'], object>,
    config: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    const { authScopes } = config.pothosOptions as { authScopes?: unknown };
    const type = this.buildCache.getTypeConfig(config.parentType);
    const permission = authScopes ? undefined : permissionOf(type.pothosOptions as { authScopes?: unknown });
    if (!permission) return resolver;
    const resolve = resolver as Resolver;
    behind.set(config, { permission, resolve });
    const passing: Resolver = (parent, args, ctx, info) => {
      ctx.passed.add(permission);
      return resolve(parent, args, ctx, info);
    };
    return passing as never;
  }
}

SchemaBuilder.registerPlugin(passedPlugin, PassedPlugin);

/** The permission of a type that needs nothing else, and not the object, to be decided. */
function permissionOf({ authScopes }: { authScopes?: unknown }): Permission | undefined {
  if (typeof authScopes !== 'object' || authScopes === null) return undefined;
  const { permission, ...others } = authScopes as { permission?: Permission };
  return Object.keys(others).length === 0 ? permission : undefined;
}

/** Goes around scope-auth where it has let this request pass already. */
export function unlessPassed(checked: Resolver, config: object): Resolver {
  const known = behind.get(config);
  if (!known) return checked;
  const { permission, resolve } = known;
  return (parent, args, ctx, info) =>
    ctx.passed.has(permission) ? resolve(parent, args, ctx, info) : checked(parent, args, ctx, info);
}
