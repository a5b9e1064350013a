import type { FieldRequiredness, InputShapeFromTypeParam, InputType, SchemaTypes } from '@pothos/core';
import {
  type GraphQLArgument,
  type GraphQLEnumType,
  type GraphQLInputField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';
import type { Target } from '../access/access.ts';
import type { Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';
import { type Requirement, sentenceOf, withDirectives, withSentence } from './requirement.ts';
import { requireSignedIn } from './signed-in.ts';

declare global {
  export namespace PothosSchemaTypes {
    interface InputFieldOptions<
      Types extends SchemaTypes,
      Type extends InputType<Types> | [InputType<Types>],
      Req extends FieldRequiredness<Type>,
    > {
      /** The permission for a value that is not null, on the same target as the permission of the field. */
      permission?: Permission;
      /**
       * The values that need no permission, because they are ids of the caller's own objects. With `permission` it is a
       * function that the guard calls. With `visibleWith` it is true, because the resolver decides.
       */
      own?: true | ((value: NonNullable<InputShapeFromTypeParam<Types, Type, Req>>, ctx: Context) => boolean);
      /**
       * One of these permissions is needed to see the object with the given id. The resolver checks them. Without them
       * it reports that the object does not exist.
       */
      visibleWith?: Permission | readonly Permission[];
      /** Whether the value is a secret, such as a password. Audit events do not contain it. */
      secret?: true;
    }
    interface EnumValueConfig<Types extends SchemaTypes> {
      /** The permission to use the value in an argument or input field. */
      permission?: Permission;
    }
  }
}

interface InputOptions {
  permission?: Permission;
  own?: true | Own;
  visibleWith?: Permission | readonly Permission[];
}

type Own = (value: never, ctx: Context) => boolean;

/** The options of the guard of an argument, input field or enum value, stored in its extensions. */
interface InputGuard {
  permission: Permission;
  own: Own | undefined;
}

interface InputConfig {
  description?: string | null | undefined;
  extensions?: Readonly<Record<string, unknown>> | null | undefined;
}

function requirementsOf({ permission, own, visibleWith }: InputOptions): Requirement[] {
  const visible = [visibleWith ?? []].flat() as Permission[];
  const [only] = visible;
  const guard = permission ? [{ permission, ...(typeof own === 'function' && { own: true as const }) }] : [];
  const visibility = visible.length > 1 ? [{ anyOf: visible }] : only ? [{ permission: only }] : [];
  return [...guard, ...visibility.map((requirement) => ({ ...requirement, ...(own === true && { own }) }))];
}

/** The configuration of an argument, input field or enum value, with its guard, directive and description. */
export function guardedInput<Config extends InputConfig>(config: Config, options: InputOptions, what: string): Config {
  const { permission, own, visibleWith } = options;
  if (own === true ? !visibleWith : own && !permission)
    throw new Error(`${what}: a function \`own\` goes with \`permission\`, and \`own: true\` with \`visibleWith\``);
  const requirements = requirementsOf(options);
  if (requirements.length === 0) return config;
  return {
    ...config,
    description: withSentence(config.description, sentenceOf(requirements)),
    extensions: {
      ...withDirectives(config.extensions, requirements),
      ...(permission && { guard: { permission, own: own === true ? undefined : own } satisfies InputGuard }),
    },
  };
}

/** Throws FORBIDDEN when the caller lacks a permission that the value needs. */
export type Check = (value: unknown, ctx: Context, target: Target) => void;

/** The check of all arguments of a field. Null if no argument needs another permission than the field. */
export function checkOfArguments(args: readonly GraphQLArgument[]): Check | null {
  const checks = checksOf(args, new Map());
  return checks.length > 0 ? checkOfFields(checks) : null;
}

type Checks = [name: string, check: Check][];
type Known = Map<GraphQLNamedType, Check | null>;

const checksOf = (fields: readonly (GraphQLArgument | GraphQLInputField)[], known: Known) =>
  fields.flatMap((field): Checks => {
    const guard = field.extensions['guard'] as InputGuard | undefined;
    const checks = [guard ? checkOfGuard(guard) : null, checkOfType(field.type, known)];
    return checks.flatMap((check): Checks => (check ? [[field.name, check]] : []));
  });

const checkOfFields =
  (checks: Checks): Check =>
  (value, ctx, target) => {
    for (const [name, check] of checks) {
      const given = (value as Record<string, unknown>)[name];
      if (given != null) check(given, ctx, target);
    }
  };

const checkOfGuard =
  ({ permission, own }: InputGuard): Check =>
  (value, ctx, target) => {
    if (ctx.unit.access.can(permission, target) || own?.(value as never, ctx)) return;
    requireSignedIn(ctx);
    ctx.unit.access.require(permission, target);
  };

function checkOfType(type: GraphQLInputType, known: Known): Check | null {
  if (isNonNullType(type)) return checkOfType(type.ofType, known);
  if (isListType(type)) return checkOfList(checkOfType(type.ofType, known));
  if (isEnumType(type)) return checkOfEnum(type);
  return isInputObjectType(type) ? checkOfInput(type, known) : null;
}

const checkOfList = (check: Check | null): Check | null =>
  check &&
  ((values, ctx, target) => {
    for (const value of values as unknown[]) if (value != null) check(value, ctx, target);
  });

function checkOfEnum(type: GraphQLEnumType): Check | null {
  const checks = new Map<unknown, Check>();
  for (const { value, extensions } of type.getValues()) {
    const guard = extensions['guard'] as InputGuard | undefined;
    if (guard) checks.set(value, checkOfGuard(guard));
  }
  return checks.size > 0 ? (value, ctx, target) => checks.get(value)?.(value, ctx, target) : null;
}

function checkOfInput(type: GraphQLInputObjectType, known: Known): Check | null {
  const before = known.get(type);
  if (before !== undefined) return before;
  let check: Check | null = null;
  // An input type can contain itself, so it is known before its fields are.
  known.set(type, (value, ctx, target) => check?.(value, ctx, target));
  const checks = checksOf(Object.values(type.getFields()), known);
  check = checks.length > 0 ? checkOfFields(checks) : null;
  known.set(type, check);
  return check;
}
