import type { Target } from '../access/access.ts';
import { PERMISSIONS, type Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';
import { withSource } from './source.ts';

/** The permissions of a resource that concern an existing object. */
export const aboutOne = (resource: string): Permission[] =>
  [...PERMISSIONS.values()]
    .map((row) => row.name)
    .filter((name) => name.startsWith(`${resource}:`) && !name.endsWith(':create'));

interface Options<Row> {
  /** The scope on which permissions on the object are checked. */
  on?: (row: Row) => Target;
  /** The permissions in a scope. */
  of?: (ctx: Context, scope: Target) => Permission[];
}

/** Options of the field `viewerPermissions` without its resolver. */
export const permissionsField = (resource: string) => ({
  type: ['Permission'] as ['Permission'],
  complexity: 1 + aboutOne(resource).length,
  description: 'The permissions that the caller has on this object: those of its type, except `create`.',
});

/** Options of the field `viewerPermissions`. */
export function viewerPermissions<Row>(
  resource: string,
  { on, of = amongThose(aboutOne(resource)) }: Options<Row> = {},
) {
  return {
    ...permissionsField(resource),
    extensions: withSource({ kind: 'permissions', of }),
    resolve: (row: Row, _args: object, ctx: Context): Permission[] => of(ctx, on?.(row) ?? null),
  };
}

const amongThose =
  (names: readonly Permission[]) =>
  (ctx: Context, scope: Target): Permission[] =>
    names.filter((name) => ctx.unit.access.can(name, scope));
