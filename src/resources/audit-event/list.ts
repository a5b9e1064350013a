import { and, eq, gte, lt, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { type Context, db, tenant } from '../../context.ts';
import { batched } from '../../data/loader.ts';
import { rowsOf } from '../../data/rows.ts';
import { arrayParam, isAnyOf } from '../../db/array.ts';
import { listPage, type Page, type PageArgs } from '../../db/page.ts';
import { queryRows } from '../../db/reader.ts';
import { CREDENTIAL_PREFIXES } from '../../identity/actor.ts';
import { AmbitError } from '../../lib/errors.ts';
import { decodeId, firstIdAt } from '../../lib/ids.ts';
import type { AuditEventRow } from './service.ts';
import { auditEvents, auditEventTargets, type Outcome } from './table.ts';
import { inReadableProject, inReadableProjects, isVisible } from './visibility.ts';

export interface AuditEventFilter {
  actorId?: string | null | undefined;
  credentialId?: string | null | undefined;
  action?: readonly string[] | null | undefined;
  permission?: string | null | undefined;
  targetId?: string | null | undefined;
  outcome?: readonly Outcome[] | null | undefined;
  since?: Date | null | undefined;
  until?: Date | null | undefined;
  requestId?: string | null | undefined;
}

const rows = rowsOf(auditEvents, 'evt');

export async function findAuditEvent(ctx: Context, id: string): Promise<AuditEventRow | null> {
  const row = await rows.find(ctx, id);
  return row && isVisible(ctx, row) ? row : null;
}

const NONE = sql`false`;

/** Prefixes of the IDs of members, service accounts and API keys. */
const PRINCIPALS: ReadonlySet<string> = new Set(['mem', 'sva', 'key']);

/** The condition for the kind of ID that an actor has. An ID of another kind matches no event. */
function byActor(id: string): SQL {
  const decoded = decodeId(id);
  if (decoded?.prefix === 'usr') return eq(auditEvents.userId, decoded.uuid);
  return decoded && PRINCIPALS.has(decoded.prefix) ? eq(auditEvents.principalId, decoded.uuid) : NONE;
}

function byCredential(id: string): SQL {
  const decoded = decodeId(id);
  const kind = decoded && KINDS[decoded.prefix];
  return kind ? (and(eq(auditEvents.credentialId, decoded.uuid), eq(auditEvents.credentialKind, kind)) as SQL) : NONE;
}

const KINDS: Record<string, string> = Object.fromEntries(
  Object.entries(CREDENTIAL_PREFIXES).map(([kind, prefix]) => [prefix, kind]),
);

/** Two index lookups: of the target, and of the other objects that events touched. */
function byTarget(ctx: Context, id: string): SQL {
  const others = and(
    eq(auditEventTargets.organizationId, tenant(ctx)),
    eq(auditEventTargets.targetId, id),
    inReadableProject(ctx, auditEventTargets.projectId),
  );
  return sql`(${auditEvents.targetId} = ${id} or ${auditEvents.id} = any(array(
    select ${auditEventTargets.eventId} from ${auditEventTargets} where ${others})))`;
}

/** With a single value, an index that ends with the ID has the events in order, and a page reads no others. */
const isOneOf = (column: PgColumn, values: readonly string[]): SQL =>
  values.length === 1 ? eq(column, values[0]) : isAnyOf(column, values);

/** The literal condition makes PostgreSQL use the partial index of the events that were not allowed. */
function byOutcome(outcomes: readonly Outcome[]): SQL | undefined {
  const notAllowed = outcomes.includes('ALLOWED') ? undefined : sql`${auditEvents.outcome} <> 'ALLOWED'`;
  return and(isOneOf(auditEvents.outcome, outcomes), notAllowed);
}

/** Values in each list of a filter. */
export const MAX_VALUES = 100;

/** Throws BAD_REQUEST for a filter that is too long. */
function checkLength({ action, outcome }: AuditEventFilter): void {
  for (const [name, list] of Object.entries({ action, outcome }))
    if (list && list.length > MAX_VALUES)
      throw new AmbitError('BAD_REQUEST', `${name}: has at most ${MAX_VALUES} values, not ${list.length}.`);
}

/** PostgreSQL cannot compare a text with a NUL character. No event contains one. */
const hasNul = ({ permission, targetId, requestId, action }: AuditEventFilter): boolean =>
  [permission, targetId, requestId, ...(action ?? [])].some((text) => text?.includes('\u0000'));

function conditionOf(ctx: Context, filter: AuditEventFilter): SQL {
  checkLength(filter);
  return hasNul(filter) ? NONE : matching(ctx, filter);
}

const matching = (ctx: Context, filter: AuditEventFilter): SQL =>
  and(
    eq(auditEvents.organizationId, tenant(ctx)),
    inReadableProjects(ctx),
    filter.actorId != null ? byActor(filter.actorId) : undefined,
    filter.credentialId != null ? byCredential(filter.credentialId) : undefined,
    filter.action != null ? isOneOf(auditEvents.action, filter.action) : undefined,
    filter.permission != null ? eq(auditEvents.permission, filter.permission) : undefined,
    filter.targetId != null ? byTarget(ctx, filter.targetId) : undefined,
    filter.outcome != null ? byOutcome(filter.outcome) : undefined,
    filter.since != null ? gte(auditEvents.id, firstIdAt(filter.since)) : undefined,
    filter.until != null ? lt(auditEvents.id, firstIdAt(filter.until)) : undefined,
    filter.requestId != null ? eq(auditEvents.requestId, filter.requestId) : undefined,
  ) as SQL;

/** Events in order of time, by default newest first. */
export async function listAuditEvents(
  ctx: Context,
  filter: AuditEventFilter,
  args: PageArgs,
  descending = true,
): Promise<Page<AuditEventRow>> {
  const order = [{ column: auditEvents.id, key: (row: AuditEventRow) => row.id }];
  const asked = [tenant(ctx), filter];
  return await listPage<AuditEventRow>(
    await db(ctx),
    { reader: rows.reader, where: conditionOf(ctx, filter), asked, order, descending },
    args,
  );
}

/** Events after this one in the given order. */
export async function readAuditEvents(
  ctx: Context,
  filter: AuditEventFilter,
  { after, descending, limit }: { after: string | null; descending: boolean; limit: number },
): Promise<AuditEventRow[]> {
  const beyond = after && (descending ? lt(auditEvents.id, after) : sql`${auditEvents.id} > ${after}`);
  const where = and(conditionOf(ctx, filter), beyond || undefined);
  const order = descending ? sql`${auditEvents.id} desc` : sql`${auditEvents.id}`;
  return await rows.reader.read(await db(ctx), sql`where ${where} order by ${order} limit ${limit}`);
}

/** Touched objects that are listed for each event. */
export const MAX_TARGETS = 100;

const findTouched = batched<string[]>(async (ctx, eventIds) => {
  const own = and(
    eq(auditEventTargets.organizationId, tenant(ctx)),
    sql`${auditEventTargets.eventId} = event.id`,
    inReadableProject(ctx, auditEventTargets.projectId),
  );
  const found = await queryRows<{ event: string; target: string }>(
    await db(ctx),
    sql`select event.id as event, touched.target_id as target
      from unnest(${arrayParam(eventIds)}::uuid[]) as event (id) cross join lateral (
        select ${auditEventTargets.targetId} from ${auditEventTargets} where ${own}
        order by ${auditEventTargets.targetId} limit ${MAX_TARGETS - 1}) as touched`,
  );
  const byEvent = Map.groupBy(found, ({ event }) => event);
  return new Map([...byEvent].map(([id, all]) => [id, all.map(({ target }) => target)]));
});

/** The IDs of the objects that the event touched, the target first. */
export async function targetIdsOf(ctx: Context, { id, targetId }: AuditEventRow): Promise<string[]> {
  return [...(targetId ? [targetId] : []), ...((await findTouched(ctx, id)) ?? [])];
}
