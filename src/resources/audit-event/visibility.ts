import { type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { namedProjects } from '../../access/access.ts';
import type { Context } from '../../context.ts';
import { arrayParam } from '../../db/array.ts';
import { fromPublicId } from '../../lib/ids.ts';
import { auditEvents } from './table.ts';

/** Whether the caller can read the project. A project that was deleted counts as one in which they have no project role. */
const canRead = (ctx: Context, projectId: string): boolean => ctx.unit.access.can('project:read', projectId);

/**
 * Whether the caller can read all projects that the event belongs to. An event of an earlier version did not record them, so
 * it is visible only to a caller from whom no project is hidden.
 */
export const isVisible = (ctx: Context, { projectIds }: { projectIds: readonly string[] | null }): boolean =>
  projectIds?.every((id) => canRead(ctx, id)) ?? readsAll(readableProjects(ctx));

interface Readable {
  /** Whether the caller can read projects in which they have no project role. */
  others: boolean;
  /** The exceptions: the hidden projects if `others`, else the readable ones. */
  except: string[];
}

const readsAll = ({ others, except }: Readable): boolean => others && except.length === 0;

function readableProjects(ctx: Context): Readable {
  const { access } = ctx.unit;
  const others = access.can('project:read', null);
  const own = [...namedProjects(access.effective)];
  return { others, except: own.filter((id) => canRead(ctx, id) !== others) };
}

/**
 * The condition that the caller can read all projects of an event. It is SQL, so that counts and pages reveal nothing about
 * the events of hidden projects. Undefined if it holds for every event.
 */
export function inReadableProjects(ctx: Context): SQL | undefined {
  const readable = readableProjects(ctx);
  if (readsAll(readable)) return undefined;
  const listed = sql`${arrayParam(readable.except)}::uuid[]`;
  // Null, as in an event of an earlier version, is not true.
  return readable.others
    ? sql`not ${auditEvents.projectIds} && ${listed}`
    : sql`${auditEvents.projectIds} <@ ${listed}`;
}

/** The same condition for a column with one project. */
export function inReadableProject(ctx: Context, column: PgColumn): SQL | undefined {
  const readable = readableProjects(ctx);
  if (readsAll(readable)) return undefined;
  const { others, except } = readable;
  const listed = sql`${arrayParam(except)}::uuid[]`;
  return sql`(${column} is null or ${others ? sql`${column} <> all(${listed})` : sql`${column} = any(${listed})`})`;
}

/** Removes the items about hidden projects from the lists of a value, such as project roles of a deleted member. */
export function withoutHidden(ctx: Context, value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => !isHidden(ctx, item)).map((item) => withoutHidden(ctx, item));
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([name, own]) => [name, withoutHidden(ctx, own)]));
}

function isHidden(ctx: Context, item: unknown): boolean {
  const { projectId } = (typeof item === 'object' && item !== null ? item : {}) as { projectId?: unknown };
  const id = typeof projectId === 'string' ? fromPublicId('prj', projectId) : null;
  return id !== null && !canRead(ctx, id);
}
