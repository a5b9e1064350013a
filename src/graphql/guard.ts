import SchemaBuilder, {
  BasePlugin,
  type FieldNullability,
  type InputFieldMap,
  type InputShapeFromFields,
  type MaybePromise,
  type PothosEnumValueConfig,
  type PothosInputFieldConfig,
  type PothosOutputFieldConfig,
  type PothosTypeConfig,
  type SchemaTypes,
  type TypeParam,
} from '@pothos/core';
import {
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { canOnSome, forbidden, readOnlyToken, requireOnSome, type Target } from '../access/access.ts';
import type { Permission } from '../access/catalog.ts';
import { projectOf, serviceOf } from '../access/ownership.ts';
import { audit, type Context } from '../context.ts';
import { accessOfCredential } from '../identity/actor.ts';
import { type Check, checkOfArguments, guardedInput } from './argument-guard.ts';
import { unlessCached } from './permission-cache.ts';
import { permissionUses } from './permission-uses.ts';
import { PUBLIC, type Requirement, sentenceOf, withDirectives, withSentence } from './requirement.ts';
import { type MutationExtensions, mutationResolver } from './run-mutation.ts';
import { requireSignedIn } from './signed-in.ts';

/**
 * The first enforcement layer. Every root field and object type declares its access. Otherwise the schema build fails.
 * `@requires` and the last sentence of the description are generated from the same options.
 */
export const guardPlugin = 'guard' as const;

type OwnOf<Shape> = (parent: Shape, ctx: Context) => boolean;
type OnOf = (parent: unknown) => Target;
type OnOfField = (parent: unknown, args: never, ctx: Context) => MaybePromise<Target>;

declare global {
  export namespace PothosSchemaTypes {
    interface Plugins<Types extends SchemaTypes> {
      guard: GuardPlugin<Types>;
    }
    interface ObjectTypeOptions<Types extends SchemaTypes, Shape> {
      /** The permission to see any field of the type. */
      permission?: Permission;
      /** The project on which the permission is checked. Defaults to the organization. */
      on?: (parent: Shape) => Target;
      /** The team that owns the service on which the permission is checked: the object itself, or that it belongs to. */
      ownedBy?: (parent: Shape) => string | null;
      /** It is enough to have the permission on some services. Fields return no objects of others. */
      onSome?: true;
      /** Another permission. It is enough if the caller has it in one of the projects of the object. */
      inProjects?: { permission: Permission; of: (parent: Shape) => readonly string[] };
      /** Whether the object is the caller's own, so that the caller needs no permission. */
      own?: OwnOf<Shape>;
      /** Open to every caller who can reach an object of the type. */
      public?: true;
    }
    interface FieldOptions<
      Types extends SchemaTypes,
      ParentShape,
      Type extends TypeParam<Types>,
      Nullable extends FieldNullability<Type>,
      Args extends InputFieldMap,
      ResolveShape,
      ResolveReturnShape,
    > {
      /** The permission to use the field, checked on the result of `on`, by default the organization of the caller. */
      permission?: Permission;
      /**
       * The project on which the permission is checked. Null for the organization. Throws NOT_FOUND for a project that
       * the caller cannot read.
       */
      on?: (parent: ParentShape, args: InputShapeFromFields<Args>, ctx: Context) => MaybePromise<Target>;
      /** It is enough to have the permission on some services. The result contains no others. */
      onSome?: true;
      /**
       * Open to every signed-in caller. With `permission`, only for the caller's own objects: the resolver decides, or a
       * function that tells whether the parent is the caller's own.
       */
      own?: true | OwnOf<ParentShape>;
      /** Open to every caller, also without a credential. */
      public?: true;
    }
  }
}

interface InProjects {
  permission: Permission;
  of: (parent: never) => readonly string[];
}

/** The options of the guard of a field or type, stored in its extensions. */
export interface Guard {
  rule: Requirement;
  permission: Permission | undefined;
  inProjects: InProjects | undefined;
  ownOf: OwnOf<unknown> | undefined;
  onOf: unknown;
  /** Whether the permission is checked on a service. */
  isOnService: boolean;
  /** Whether it is enough to have the permission on some services. */
  onSome: boolean;
}

interface AccessOptions {
  permission?: Permission;
  inProjects?: InProjects;
  own?: true | OwnOf<unknown>;
  on?: unknown;
  ownedBy?: (parent: never) => string | null;
  onSome?: true;
  public?: true;
}

/** The check of a field's arguments, set when the input types are built. */
interface ArgumentCheck {
  check: Check | null;
}

const ROOT = new Set(['Query', 'Mutation', 'Subscription']);

export class GuardPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onTypeConfig(given: PothosTypeConfig): PothosTypeConfig {
    const config = withScopesMarked(given);
    if (config.kind !== 'Object') return config;
    const options = config.pothosOptions as AccessOptions;
    assertAccessDeclared(options, `type ${config.name}`);
    const authScopes = scopesOfType(options);
    if (options.on && options.ownedBy) throw new Error(`type ${config.name}: give \`on\` or \`ownedBy\`, not both`);
    return {
      ...config,
      ...declared(config, options),
      pothosOptions: { ...config.pothosOptions, ...(authScopes && { authScopes }) } as never,
    };
  }

  override onOutputFieldConfig(given: PothosOutputFieldConfig<Types>): PothosOutputFieldConfig<Types> {
    const config = withScopesMarked(withArgumentCheck(given));
    const options = config.pothosOptions as AccessOptions;
    const isRoot = ROOT.has(config.kind);
    if (isRoot) assertAccessDeclared(options, `field ${config.kind}.${config.name}`);
    if (!options.permission && !options.own)
      return isRoot ? { ...config, description: withSentence(config.description, PUBLIC) } : config;
    if (!config.type.nullable) throw new Error(mustBeNullable(config.parentType, config.name));
    const authScopes = scopesOfField(config.kind, `field ${config.parentType}.${config.name}`, options);
    return {
      ...config,
      ...declared(config, options),
      pothosOptions: { ...config.pothosOptions, authScopes } as never,
    };
  }

  override onInputFieldConfig(config: PothosInputFieldConfig<Types>): PothosInputFieldConfig<Types> {
    const { parentType, parentField, name } = config;
    const what = [parentType, parentField, name].filter(Boolean).join('.');
    const { secret } = config.pothosOptions as { secret?: true };
    const given = secret ? { ...config, extensions: { ...config.extensions, secret } } : config;
    return guardedInput(given, config.pothosOptions as never, what);
  }

  override onEnumValueConfig(config: PothosEnumValueConfig<Types>): PothosEnumValueConfig<Types> {
    return guardedInput(config, config.pothosOptions as never, 'enum value');
  }

  override afterBuild(schema: GraphQLSchema): GraphQLSchema {
    const types = Object.values(schema.getTypeMap()).filter(isObjectType);
    for (const type of types)
      for (const field of Object.values(type.getFields())) {
        const argumentCheck = field.extensions['argumentCheck'] as ArgumentCheck | undefined;
        if (!argumentCheck) continue;
        argumentCheck.check = checkOfArguments(field.args);
        if (argumentCheck.check && isNonNullType(field.type)) throw new Error(mustBeNullable(type.name, field.name));
      }
    schema.extensions = { ...schema.extensions, permissionUses: permissionUses(schema) };
    return schema;
  }

  // This plugin is listed before scope-auth, so it wraps the check of scope-auth. Refusals are audited too.
  override wrapResolve(
    resolver: GraphQLFieldResolver<unknown, Types['Context'], object>,
    config: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    if (config.kind !== 'Mutation') return unlessCached(resolver as never, config) as never;
    const { permission } = config.pothosOptions as AccessOptions;
    const { auditTarget, auditPermission, mayUseCachedActor } = (config.extensions ?? {}) as MutationExtensions;
    const field = {
      name: config.name,
      permission: permission ?? null,
      auditTarget,
      auditPermission,
      mayUseCachedActor,
    };
    return mutationResolver(field, resolver as never) as never;
  }
}

SchemaBuilder.registerPlugin(guardPlugin, GuardPlugin);

function assertAccessDeclared(options: AccessOptions, what: string): void {
  if (!options.permission && !options.own && !options.public)
    throw new Error(`${what} declares no access: give it a permission, own, or public: true`);
  if (options.public && (options.permission || options.own))
    throw new Error(`${what} is public and guarded at once: remove one of the two`);
}

const mustBeNullable = (type: string, field: string): string =>
  `field ${type}.${field} can be refused, so it must be nullable`;

/** Options of scope-auth itself, which the options of the guard replace. */
const SCOPE_OPTIONS = ['authScopes', 'grantScopes', 'skipTypeScopes', 'skipInterfaceScopes', 'runScopesOnType'];

/** Marks a type or field that uses scope-auth without the guard, so that its access is never decided without scope-auth. */
function withScopesMarked<Config extends Described & { pothosOptions: object }>(config: Config): Config {
  if (!SCOPE_OPTIONS.some((option) => option in config.pothosOptions)) return config;
  return { ...config, extensions: { ...config.extensions, hasOtherScopes: true } };
}

/** The scopes that scope-auth checks before any field of the type. */
function scopesOfType(options: AccessOptions) {
  const { permission, inProjects, own, onSome } = options;
  const ownOf = typeof own === 'function' ? own : undefined;
  const onOf = onOfType(options);
  if (!ownOf && !onOf && !inProjects && !onSome) return permission && { permission };
  return (parent: unknown, ctx: Context) =>
    Boolean(ownOf?.(parent, ctx)) ||
    Boolean(permission && isAllowedOn({ permission, onOf, onSome }, parent, ctx)) ||
    hasInProjects(inProjects, parent, ctx);
}

interface TypeGuard {
  permission: Permission;
  onOf: unknown;
  onSome?: boolean | undefined;
}

const isAllowedOn = (
  { permission, onOf, onSome }: TypeGuard,
  object: unknown,
  { unit: { access } }: Context,
): boolean => (onSome ? canOnSome(access, permission) : access.can(permission, (onOf as OnOf | undefined)?.(object)));

/** The scope on which the permission of a type is checked. */
const onOfType = ({ on, ownedBy }: AccessOptions): OnOf | undefined =>
  ownedBy ? (parent) => serviceOf(ownedBy(parent as never)) : (on as OnOf | undefined);

const hasInProjects = (inProjects: InProjects | undefined, parent: unknown, { unit: { access } }: Context): boolean =>
  inProjects?.of(parent as never).some((project) => access.can(inProjects.permission, project)) ?? false;

function scopesOfField(kind: string, what: string, { permission, own, on, onSome }: AccessOptions) {
  if (onSome) {
    if (!permission || own || on)
      throw new Error(`${what}: \`onSome\` goes with a permission, and not with own or \`on\``);
    return requireSome(permission);
  }
  if (permission && typeof own === 'function') return requireUnlessOwn(permission, own);
  if (!on) return { ...(permission && { permission }), ...(own && { own: kind === 'Mutation' ? 'change' : 'look' }) };
  if (!permission || own) throw new Error(`${what}: \`on\` goes with a permission, and not with own`);
  return kind === 'Mutation' ? requireAudited(permission, on as OnOfField) : requireOn(permission, on as OnOfField);
}

/** The event of a mutation belongs to the project that its permission is checked on, also if it is refused. */
const requireAudited = (permission: Permission, on: OnOfField) =>
  requireOn(permission, (parent, args, ctx) => {
    const target = on(parent, args, ctx);
    const record = (scope: Target): Target => {
      const project = projectOf(scope);
      if (project) audit(ctx, { projectIds: [project] });
      return scope;
    };
    return target instanceof Promise ? target.then(record) : record(target);
  });

/** Throws unless the parent is the caller's own or the caller has the permission. */
const requireUnlessOwn =
  (permission: Permission, own: OwnOf<unknown>) => (parent: unknown, _args: never, ctx: Context) => {
    requireSignedIn(ctx);
    if (!own(parent, ctx)) ctx.unit.access.require(permission);
    return true;
  };

/** Throws unless the caller has the permission on some services. */
const requireSome = (permission: Permission) => (_parent: unknown, _args: never, ctx: Context) => {
  requireSignedIn(ctx);
  requireOnSome(ctx.unit.access, permission);
  return true;
};

/** Throws unless the caller has the permission on the target. Synchronous if the target is not a promise. */
function requireOn(permission: Permission, on: OnOfField) {
  return (parent: unknown, args: never, ctx: Context): MaybePromise<true> => {
    requireSignedIn(ctx);
    const check = (target: Target): true => {
      ctx.unit.access.require(permission, target);
      return true;
    };
    const target = on(parent, args, ctx);
    return target instanceof Promise ? target.then(check) : check(target);
  };
}

/** Checks the arguments after the guard of the field, on the same target. */
function withArgumentCheck<Types extends SchemaTypes>(
  config: PothosOutputFieldConfig<Types>,
): PothosOutputFieldConfig<Types> {
  const resolve = config.resolve as GraphQLFieldResolver<unknown, Context> | undefined;
  if (!resolve || Object.keys(config.args).length === 0) return config;
  const argumentCheck: ArgumentCheck = { check: null };
  const on = (config.pothosOptions as AccessOptions).on as OnOfField | undefined;
  const checked: GraphQLFieldResolver<unknown, Context> = (parent, args, ctx, info) => {
    const { check } = argumentCheck;
    if (!check) return resolve(parent, args, ctx, info);
    const go = (target: Target) => {
      check(args, ctx, target);
      return resolve(parent, args, ctx, info);
    };
    const target = on ? on(parent, args as never, ctx) : null;
    return target instanceof Promise ? target.then(go) : go(target);
  };
  return { ...config, resolve: checked as never, extensions: { ...config.extensions, argumentCheck } };
}

interface Described {
  description?: string | null | undefined;
  extensions?: Readonly<Record<string, unknown>> | null | undefined;
}

/** The extensions of a guarded field or type, for the printed schema and for the error of a refusal. */
function declared({ description, extensions }: Described, options: AccessOptions) {
  const { permission, inProjects, own, ownedBy, onSome = false } = options;
  if (!permission && !own) return {};
  const required = permission && inProjects ? { anyOf: [permission, inProjects.permission] } : { permission };
  const rule: Requirement = { ...(permission && required), ...(own && { own: true }) };
  const ownOf = typeof own === 'function' ? own : undefined;
  const isOnService = ownedBy !== undefined;
  const guard: Guard = { rule, permission, inProjects, ownOf, onOf: onOfType(options), isOnService, onSome };
  return {
    description: withSentence(description, sentenceOf([rule])),
    extensions: { ...withDirectives(extensions, [rule]), guard },
  };
}

/** Whether the guard of the type lets the caller see the object. */
export function guardAllows(type: GraphQLObjectType, object: unknown, ctx: Context): boolean {
  const { guard } = type.extensions as { guard?: Guard };
  if (!guard || guard.ownOf?.(object, ctx)) return true;
  const { permission, onOf, onSome } = guard;
  return (
    (permission !== undefined && isAllowedOn({ permission, onOf, onSome }, object, ctx)) ||
    hasInProjects(guard.inProjects, object, ctx)
  );
}

/** The scopes of scope-auth, for one caller. */
export const authScopes = (ctx: Context) => ({
  permission: (permission: Permission) => ctx.unit.access.can(permission),
  own: (use: 'look' | 'change') =>
    ctx.unit.actor.credential !== null && (use === 'look' || accessOfCredential(ctx.unit.actor) === 'WRITE'),
});

/** The error of a field that scope-auth has refused, by the guard of the type, which is first, or of the field. */
export function refusedFieldError(parent: unknown, ctx: Context, { parentType, fieldName }: GraphQLResolveInfo): Error {
  requireSignedIn(ctx);
  const type = parentType.extensions['guard'] as Guard | undefined;
  const target = (type?.onOf as OnOf | undefined)?.(parent);
  const field = parentType.getFields()[fieldName]?.extensions['guard'] as Guard | undefined;
  return (
    (type &&
      !type.ownOf?.(parent, ctx) &&
      !hasInProjects(type.inProjects, parent, ctx) &&
      errorOf(type, ctx, target)) ||
    (field && errorOf(field, ctx, null)) ||
    readOnlyToken(ctx.unit.access)
  );
}

function errorOf({ permission }: Guard, ctx: Context, target: Target | undefined): Error | null {
  const decision = permission ? ctx.unit.access.decide(permission, target) : null;
  return decision && !decision.allowed ? forbidden(decision, target) : null;
}
