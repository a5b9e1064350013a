import type { GraphQLField, GraphQLObjectType } from 'graphql';
import type { Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';
import type { Guard } from '../graphql/guard.ts';
import type { TypeSource } from '../graphql/source.ts';
import { NotPlanned, type StatementDraft } from './model.ts';

type Field = GraphQLField<unknown, unknown>;

const guardOf = ({ extensions }: GraphQLObjectType | Field): Guard | undefined =>
  extensions['guard'] as Guard | undefined;

/** A type or field whose scopes are not those of the guard must be checked by scope-auth. */
function refuseOtherScopes(element: { extensions: Readonly<Record<string, unknown>> }, what: string): void {
  if (element.extensions['hasOtherScopes']) throw new NotPlanned(`${what} has scopes of its own`);
}

/**
 * Requires what the guard of a type requires of every object. The permission of a type whose guard is checked on a
 * project or service is a condition of the statement instead: `visibilityOf`.
 */
export function requireType(draft: StatementDraft, type: GraphQLObjectType, source: TypeSource): void {
  for (const one of [type, ...type.getInterfaces()]) refuseOtherScopes(one, one.name);
  const guard = guardOf(type);
  if (!guard) return;
  if (!guard.permission) throw new NotPlanned(`${type.name} is visible only to its owner`);
  if (guard.onSome) draft.permissionsOnSome.add(guard.permission);
  else if (!guard.onOf) draft.permissions.add(guard.permission);
  else if (!source.project && !(guard.isOnService && source.owner))
    throw new NotPlanned(`the scope of ${type.name} is not a column`);
}

/** Requires that a type of a connection and its fields are open to everybody who can use the field of the connection. */
export function requireOpen(type: GraphQLObjectType): void {
  for (const element of [type, ...Object.values(type.getFields())]) {
    refuseOtherScopes(element, type.name);
    if (guardOf(element)) throw new NotPlanned(`${type.name} has a guard of its own`);
  }
}

/** The permission on the project or service of each row. Null if the guard of the type is checked on the organization. */
export function visibilityOf(type: GraphQLObjectType): Permission | null {
  const guard = guardOf(type);
  return guard?.onOf || guard?.onSome ? (guard.permission ?? null) : null;
}

/**
 * Requires what the guard of a field requires. Returns the permission that is checked on the project or service of each
 * parent, or null.
 */
export function requireField(draft: StatementDraft, type: GraphQLObjectType, field: Field): Permission | null {
  const name = `${type.name}.${field.name}`;
  refuseOtherScopes(field, name);
  const guard = guardOf(field);
  // `own` without a permission requires a credential, and every planned operation requires an organization.
  if (!guard?.permission) return null;
  if (guard.onOf) return guard.permission;
  if (guard.onSome) {
    draft.permissionsOnSome.add(guard.permission);
    return null;
  }
  draft.permissions.add(guard.permission);
  return null;
}

/**
 * Checks the arguments as the guard of the field does. Throws if one of them is refused, or if they are checked on the
 * project of each parent.
 */
export function checkArguments(field: Field, args: unknown, ctx: Context): void {
  const { check } = (field.extensions['argumentCheck'] ?? { check: null }) as {
    check: ((args: unknown, ctx: Context, target: null) => void) | null;
  };
  if (check && guardOf(field)?.onOf) throw new NotPlanned(`the arguments of ${field.name} are checked on a project`);
  check?.(args, ctx, null);
}
