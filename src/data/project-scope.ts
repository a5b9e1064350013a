import { type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { namedProjects } from '../access/access.ts';
import type { Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';
import { isAnyOf, isNoneOf } from '../db/array.ts';

/**
 * The condition that a column refers to a project which the caller can read and has the permission in. It is SQL, so that
 * counts and pages reveal nothing about hidden projects.
 */
export function inProjects(ctx: Context, column: PgColumn, permission: Permission): SQL {
  // The decision for null applies to all projects that neither a role nor the credential of the caller names.
  const may = (id: string | null): boolean =>
    ctx.unit.access.can('project:read', id) && ctx.unit.access.can(permission, id);
  const { true: open = [], false: closed = [] } = Object.groupBy(
    namedProjects(ctx.unit.access.effective),
    (id) => `${may(id)}`,
  );
  if (!may(null)) return open.length > 0 ? isAnyOf(column, open) : sql`false`;
  return closed.length > 0 ? isNoneOf(column, closed) : sql`true`;
}

/** Whether no project can be hidden from the caller. */
export const seesEveryProject = (ctx: Context): boolean =>
  [null, ...namedProjects(ctx.unit.access.effective)].every((id) => ctx.unit.access.can('project:read', id));
