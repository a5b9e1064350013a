import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core';
import {
  type GraphQLAbstractType,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isAbstractType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import type { Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';
import { type Guard, guardAllows } from './guard.ts';
import { cacheKeyOf, guardScopeOf, isAllowedForAll } from './permission-cache.ts';

/**
 * An object that the caller may not see is null, and is missing in a list. Without this, its guard refuses only its
 * fields, and `__typename` tells that it exists. Listed first among the plugins, so that it sees the result of all others.
 */
export const visibilityPlugin = 'visibility' as const;

declare global {
  export namespace PothosSchemaTypes {
    interface Plugins<Types extends SchemaTypes> {
      visibility: VisibilityPlugin<Types>;
    }
  }
}

/** Removes what the caller may not see from the value of a field. */
type Filter = (value: unknown, ctx: Context, info: GraphQLResolveInfo) => unknown;

/** The filter of a field, set when all types are built. Null if everyone who can use the field sees its objects. */
interface Visibility {
  filter: Filter | null;
}

type Field = GraphQLField<unknown, Context>;

export class VisibilityPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onOutputFieldConfig(config: PothosOutputFieldConfig<Types>): PothosOutputFieldConfig<Types> {
    const { kind } = config.type.kind === 'List' ? config.type.type : config.type;
    if (kind !== 'Object' && kind !== 'Interface') return config;
    const visibility: Visibility = { filter: null };
    return { ...config, extensions: { ...config.extensions, visibility } };
  }

  override wrapResolve(
    resolver: GraphQLFieldResolver<unknown, Types['Context'], object>,
    { extensions }: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    const visibility = extensions?.['visibility'] as Visibility | undefined;
    if (!visibility) return resolver;
    return (parent, args, ctx, info) => {
      const value = resolver(parent, args, ctx, info);
      return visibility.filter ? visibility.filter(value, ctx as Context, info) : value;
    };
  }

  override afterBuild(schema: GraphQLSchema): GraphQLSchema {
    for (const type of Object.values(schema.getTypeMap()).filter(isObjectType)) {
      if (isExempt(type)) continue;
      for (const field of Object.values(type.getFields()) as Field[]) {
        const visibility = field.extensions['visibility'] as Visibility | undefined;
        const types = visibility ? guardedTypes(schema, field) : [];
        if (!visibility || types.length === 0 || [type, field].some((one) => isGuardedAlike(one, types))) continue;
        visibility.filter = filterOf(field, types);
        describe(type, field);
      }
    }
    return schema;
  }
}

SchemaBuilder.registerPlugin(visibilityPlugin, VisibilityPlugin);

/** The field of a connection is guarded and filtered in SQL. The payload of a mutation has objects that the caller has changed. */
const isExempt = (type: GraphQLObjectType): boolean =>
  'pageInfo' in type.getFields() ||
  'cursor' in type.getFields() ||
  type.getInterfaces().some(({ name }) => name === 'MutationPayload');

const guardOf = (type: GraphQLObjectType | Field): Guard | undefined => type.extensions['guard'] as Guard | undefined;

/** The guarded object types that the field can return. */
function guardedTypes(schema: GraphQLSchema, field: Field): GraphQLObjectType[] {
  const type = getNamedType(field.type);
  const possible = isAbstractType(type) ? schema.getPossibleTypes(type) : isObjectType(type) ? [type] : [];
  return possible.filter(guardOf);
}

/** The permission that is enough for every object of the type. Undefined if it depends on the object. */
function permissionOf(type: GraphQLObjectType): Permission | undefined {
  const guard = guardOf(type);
  return guard?.onOf || guard?.onSome ? undefined : guard?.permission;
}

/** Whether the guard of the field, or of its type, requires the permission of all objects. */
const isGuardedAlike = (element: GraphQLObjectType | Field, types: readonly GraphQLObjectType[]): boolean => {
  const guard = guardOf(element);
  if (!guard || guard.onOf || guard.onSome || guard.inProjects || guard.rule.own) return false;
  return types.every((type) => permissionOf(type) === guard.permission);
};

function filterOf(field: Field, types: readonly GraphQLObjectType[]): Filter {
  const isVisible = visibilityIn(getNamedType(field.type) as GraphQLObjectType | GraphQLAbstractType);
  const shown: Filter = (object, ctx, info) => (object == null || isVisible(object, ctx, info) ? object : null);
  const filter = inListOf(field, shown);
  const tests = types.map(seesAllOf);
  const seesAll = (ctx: Context): boolean => tests.every((test) => test(ctx));
  return (value, ctx, info) => {
    // Most callers see all objects of most types. The value need not be awaited for them.
    if (types.length <= MAX_TYPES && seesAll(ctx)) return value;
    return value instanceof Promise ? value.then((one) => filter(one, ctx, info)) : filter(value, ctx, info);
  };
}

/** Whether the caller sees every object of the type. False if that depends on the object. */
function seesAllOf(type: GraphQLObjectType): (ctx: Context) => boolean {
  const { permission, onOf, isOnService, onSome } = guardOf(type) ?? {};
  if (!permission || (onOf && !isOnService)) return () => false;
  const scope = guardScopeOf({ ownedBy: isOnService, onSome });
  const key = cacheKeyOf(permission, scope);
  return ({ unit: { permissionCache, access } }) =>
    permissionCache.has(key) || isAllowedForAll(access, permission, scope);
}

/** With more types, only the permission of the object's own type is checked. */
const MAX_TYPES = 2;

/** Hidden items are missing in a list, or null if items can be null. */
function inListOf({ type }: Field, shown: Filter): Filter {
  const list = getNullableType(type);
  if (!isListType(list)) return shown;
  return (items, ctx, info) => {
    if (!Array.isArray(items)) return items;
    const all = items.map((item) => shown(item, ctx, info));
    return isNonNullType(list.ofType) ? all.filter((item) => item != null) : all;
  };
}

type IsVisible = (object: unknown, ctx: Context, info: GraphQLResolveInfo) => boolean;

function visibilityIn(type: GraphQLObjectType | GraphQLAbstractType): IsVisible {
  if (isObjectType(type)) return (object, ctx) => guardAllows(type, object, ctx);
  return (object, ctx, info) => {
    const concrete = info.schema.getType(String(type.resolveType?.(object, ctx, info, type)));
    if (!isObjectType(concrete))
      throw new Error(`the type of an object in ${info.parentType.name}.${info.fieldName} is unknown`);
    return guardAllows(concrete, object, ctx);
  };
}

const HIDDEN = 'visible to the caller';

/** Says in the description of the field that it does not show hidden objects. */
function describe(type: GraphQLObjectType, field: Field): void {
  const isList = isListType(getNullableType(field.type));
  if (!isList && isNonNullType(field.type))
    throw new Error(`field ${type.name}.${field.name} can be hidden, so it must be nullable`);
  if (field.description?.includes(HIDDEN)) return;
  const isNull =
    field.description?.includes('Null if') || field.description?.includes('Null for') ? 'Also null' : 'Null';
  const sentence = isList ? `Without objects that are not ${HIDDEN}.` : `${isNull} if it is not ${HIDDEN}.`;
  field.description = [field.description, sentence].filter(Boolean).join(' ');
}
