import SchemaBuilder, {
  BasePlugin,
  type FieldNullability,
  type InputFieldMap,
  type InputShapeFromFields,
  type MaybePromise,
  type PothosOutputFieldConfig,
  type PothosTypeConfig,
  type SchemaTypes,
  type TypeParam,
} from '@pothos/core';
import type { GraphQLFieldResolver, GraphQLObjectType, GraphQLResolveInfo } from 'graphql';
import { forbidden, refusal, type Target } from '../access/access.ts';
import type { Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';
import { AmbitError } from '../lib/errors.ts';
import { unlessCached } from './permission-cache.ts';
import { asMutation } from './run-mutation.ts';

/** The first wall: says of each root field and object type who may, and stops the build where nothing is said. */
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
      /** Needed to see any field of the type. */
      permission?: Permission;
      /** The project that the permission is asked on; the organization unless told. */
      on?: (parent: Shape) => Target;
      /** Who needs no permission, because the object is their own. */
      own?: OwnOf<Shape>;
      /** Open to everyone who can reach it. */
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
      /** Needed to use the field: where `on` says, on the organization that the credential is bound to unless told. */
      permission?: Permission;
      /** The project, or null for the organization. Throws NOT_FOUND for one that the caller cannot read. */
      on?: (parent: ParentShape, args: InputShapeFromFields<Args>, ctx: Context) => MaybePromise<Target>;
      /** Open to every signed-in caller for what is their own; `permission` is for what is not. */
      own?: true;
      /** Open to everyone, also without a credential. */
      public?: true;
    }
  }
}

interface Rule {
  permission?: Permission;
  own?: boolean;
}

/** What a field or type keeps of what was said about it. */
interface Guard {
  rule: Rule;
  ownOf: OwnOf<unknown> | undefined;
  onOf: unknown;
}

interface AccessOptions {
  permission?: Permission;
  own?: true | OwnOf<unknown>;
  on?: unknown;
  public?: true;
}

const ROOT = new Set(['Query', 'Mutation', 'Subscription']);

export class GuardPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onTypeConfig(config: PothosTypeConfig): PothosTypeConfig {
    if (config.kind !== 'Object') return config;
    const said = config.pothosOptions as AccessOptions;
    assertAccessDeclared(said, `type ${config.name}`);
    const { permission } = said;
    const ownOf = typeof said.own === 'function' ? said.own : undefined;
    const onOf = said.on as OnOf | undefined;
    const authScopes =
      ownOf || onOf
        ? (parent: unknown, ctx: Context) =>
            Boolean(ownOf?.(parent, ctx)) || Boolean(permission && ctx.unit.access.can(permission, onOf?.(parent)))
        : permission && { permission };
    return {
      ...config,
      pothosOptions: { ...config.pothosOptions, ...(authScopes && { authScopes }) } as never,
      extensions: withRule(config.extensions, said),
    };
  }

  override onOutputFieldConfig(config: PothosOutputFieldConfig<Types>): PothosOutputFieldConfig<Types> {
    const said = config.pothosOptions as AccessOptions;
    const isRoot = ROOT.has(config.kind);
    if (isRoot) assertAccessDeclared(said, `field ${config.kind}.${config.name}`);
    const { permission, own } = said;
    if (!permission && !own) return config;
    if (!config.type.nullable)
      throw new Error(`field ${config.parentType}.${config.name} can be refused, so it must be nullable`);
    const on = said.on as OnOfField | undefined;
    if (on && (!permission || own))
      throw new Error(`field ${config.parentType}.${config.name}: \`on\` goes with a permission, and not with own`);
    const authScopes =
      on && permission
        ? requireOn(permission, on)
        : { ...(permission && { permission }), ...(own && { own: config.kind === 'Mutation' ? 'change' : 'look' }) };
    return {
      ...config,
      pothosOptions: { ...config.pothosOptions, authScopes } as never,
      extensions: withRule(config.extensions, said),
    };
  }

  // Listed before scope-auth, so this wraps around its check: refusals are audited too.
  override wrapResolve(
    resolver: GraphQLFieldResolver<unknown, Types['Context'], object>,
    config: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    if (config.kind !== 'Mutation') return unlessCached(resolver as never, config) as never;
    const { permission } = config.pothosOptions as AccessOptions;
    return asMutation({ name: config.name, permission: permission ?? null }, resolver as never) as never;
  }
}

SchemaBuilder.registerPlugin(guardPlugin, GuardPlugin);

function assertAccessDeclared(said: AccessOptions, what: string): void {
  if (!said.permission && !said.own && !said.public)
    throw new Error(`${what} says nothing about access: give it a permission, own, or public: true`);
  if (said.public && (said.permission || said.own))
    throw new Error(`${what} is public and guarded at once: take one of the two away`);
}

/** Prints as `@requires`, and lets the refusal name the permission. */
function withRule(extensions: Readonly<Record<string, unknown>> | null | undefined, said: AccessOptions) {
  const { permission, own, on } = said;
  if (!permission && !own) return extensions ?? {};
  const rule: Rule = { ...(permission && { permission }), ...(own && { own: true }) };
  const ownOf = typeof own === 'function' ? own : undefined;
  return { ...extensions, guard: { rule, ownOf, onOf: on } satisfies Guard, directives: { requires: rule } };
}

/** Whether the caller may see this object of the type: what its fields will ask, asked before it is shown at all. */
export function maySee(type: GraphQLObjectType, object: unknown, ctx: Context): boolean {
  const { guard } = type.extensions as { guard?: Guard };
  if (!guard || guard.ownOf?.(object, ctx)) return true;
  const { permission } = guard.rule;
  return permission !== undefined && ctx.unit.access.can(permission, (guard.onOf as OnOf | undefined)?.(object));
}

/** Scopes of scope-auth, for one caller. */
export const authScopes = (ctx: Context) => ({
  permission: (permission: Permission) => ctx.unit.access.can(permission),
  own: (use: 'look' | 'change') =>
    ctx.unit.actor.credential !== null && (use === 'look' || ctx.unit.actor.credential.access === 'WRITE'),
});

/** Throws unless the caller has the permission on the target. Synchronous where the target is known at once. */
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

function requireSignedIn(ctx: Context): void {
  if (!ctx.unit.actor.credential)
    throw new AmbitError('UNAUTHENTICATED', 'Sign in first: this needs an Authorization header with a token.');
}

/** Why the field, or the type around it, was refused. */
export function unauthorized(parent: unknown, ctx: Context, info: GraphQLResolveInfo): Error {
  requireSignedIn(ctx);
  const field = info.parentType.getFields()[info.fieldName]?.extensions['guard'] as Guard | undefined;
  const guard = field ?? (info.parentType.extensions['guard'] as Guard | undefined);
  const target = field ? null : (guard?.onOf as OnOf | undefined)?.(parent);
  const decision = guard?.rule.permission ? ctx.unit.access.decide(guard.rule.permission, target) : null;
  if (decision && !decision.allowed) return forbidden(decision, target);
  return refusal('READ_ONLY_TOKEN', 'This API token is read-only.', 'Use a token with WRITE access, or sign in.');
}
