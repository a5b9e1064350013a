import { PERMISSIONS, type Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';

/** The permissions of a resource that concern an existing object. */
export const aboutOne = (resource: string): Permission[] =>
  [...PERMISSIONS.values()]
    .map((row) => row.name)
    .filter((name) => name.startsWith(`${resource}:`) && !name.endsWith(':create'));

interface Options<Row> {
  /** The project that the object belongs to. */
  on?: (row: Row) => string | null;
}

/** Options of the field `viewerPermissions`. */
export function viewerPermissions<Row>(resource: string, { on }: Options<Row> = {}) {
  const names = aboutOne(resource);
  return {
    type: ['Permission'] as ['Permission'],
    complexity: 1 + names.length,
    description: 'The permissions that the caller has on this object: those of its type, except `create`.',
    resolve: (row: Row, _args: object, ctx: Context): Permission[] =>
      names.filter((name) => ctx.unit.access.can(name, on?.(row))),
  };
}
