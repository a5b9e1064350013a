import { z } from 'zod';
import { type Context, endTransaction } from '../../context.ts';
import { inTransaction } from '../../db/transaction.ts';
import { AmbitError } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { storableText } from '../../lib/storable.ts';
import { actorIdOf, actorKindOf, credentialIdOf, emailOfActor, labelOfActor } from './actor.ts';
import { type AuditEventFilter, readAuditEvents, targetIdsOf } from './list.ts';
import { type AuditEventRow, recordEvent } from './service.ts';
import { withoutHidden } from './visibility.ts';

/** Events that are read at once. The credential is checked again for each page. */
export const EXPORT_PAGE = 250;

/** The parameters of an export: the filter of the list, and the order. */
export interface ExportRequest {
  filter: AuditEventFilter;
  descending: boolean;
}

const one = z
  .array(z.string())
  .length(1, 'must be given once')
  .transform(([value]) => value as string);
const time = one.pipe(z.iso.datetime({ offset: true })).transform((text) => new Date(text));

const Query = z
  .object({
    actorId: one,
    credentialId: one,
    action: z.array(z.string()),
    permission: one,
    targetId: one,
    outcome: z.array(z.enum(['ALLOWED', 'REFUSED', 'REJECTED', 'FAILED'])),
    since: time,
    until: time,
    requestId: one,
    order: one.pipe(z.enum(['ASC', 'DESC'])),
  })
  .partial()
  .strict();

/** Reads the query parameters. `action` and `outcome` can be repeated. Throws BAD_REQUEST for a parameter that is wrong. */
export function parseExport(params: URLSearchParams, now: Date): ExportRequest {
  const given = Object.fromEntries([...new Set(params.keys())].map((name) => [name, params.getAll(name)]));
  const parsed = Query.safeParse(given);
  if (!parsed.success)
    throw new AmbitError(
      'BAD_REQUEST',
      parsed.error.issues.map(({ path, message }) => `${String(path[0] ?? 'query')}: ${message}`).join('; '),
    );
  const { order, until, ...filter } = parsed.data;
  // Without an end, an export in ascending order would go on as long as events are added.
  const end = until && until < now ? until : now;
  return { filter: { ...filter, until: end }, descending: order !== 'ASC' };
}

const ACTION = 'exportAuditEvents';
const PERMISSIONS = ['audit_event:read', 'audit_event:export'] as const;

export const mayExport = (ctx: Context): boolean => PERMISSIONS.every((name) => ctx.unit.access.can(name));

/** Throws FORBIDDEN unless the caller can export events. */
function requireExport(ctx: Context): void {
  for (const permission of PERMISSIONS) ctx.unit.access.require(permission);
}

/** Checks the permission and adds the event of the export. It is added before the first row is sent. */
export async function beginExport(ctx: Context, query: URLSearchParams): Promise<ExportRequest> {
  try {
    requireExport(ctx);
  } catch (error) {
    const reason = error instanceof AmbitError ? error.extensions['reason'] : null;
    await record(ctx, 'REFUSED', query, typeof reason === 'string' ? reason : 'FORBIDDEN');
    throw error;
  }
  const request = parseExport(query, ctx.dependencies.clock());
  await record(ctx, 'ALLOWED', query, null);
  return request;
}

/** Parameters, and values of each, in the event. */
const MAX_VALUES = 20;

async function record(ctx: Context, outcome: 'ALLOWED' | 'REFUSED', query: URLSearchParams, reason: string | null) {
  const { actor, binding } = ctx.unit;
  if (!actor.organization) return;
  const organizationId = actor.organization.id;
  const input = Object.fromEntries(
    [...new Set(query.keys())].slice(0, MAX_VALUES).map((name) => [plain(name), shortened(query.getAll(name))]),
  );
  const attempt = { action: ACTION, permission: 'audit_event:export', outcome, reason, actor, organizationId, input };
  await inTransaction(ctx.dependencies.pool, binding, (own) => recordEvent(own, ctx, attempt), 'read write', ctx.work);
}

const shortened = (values: string[]): string[] => values.slice(0, MAX_VALUES).map(plain);

const plain = (text: string): string => storableText(text.slice(0, 100));

/** An event as it is exported. */
export type ExportedEvent = Awaited<ReturnType<typeof exported>>;

export interface ExportPage {
  events: ExportedEvent[];
  /** The ID of the last event. Null after the last page. */
  next: string | null;
}

/** Reads the events after this one, in a transaction of its own. Throws if the caller may no longer export. */
export async function readExportPage(ctx: Context, request: ExportRequest, after: string | null): Promise<ExportPage> {
  requireExport(ctx);
  try {
    const { filter, descending } = request;
    const rows = await readAuditEvents(ctx, filter, { after, descending, limit: EXPORT_PAGE });
    const events = await Promise.all(rows.map((row) => exported(ctx, row)));
    return { events, next: rows.length === EXPORT_PAGE ? (rows.at(-1)?.id ?? null) : null };
  } finally {
    await endTransaction(ctx, 'commit');
  }
}

const exported = async (ctx: Context, event: AuditEventRow) => ({
  id: toPublicId('evt', event.id),
  createdAt: event.createdAt.toISOString(),
  action: event.action,
  permission: event.permission,
  outcome: event.outcome,
  reason: event.reason,
  dryRun: event.dryRun,
  actorKind: actorKindOf(event),
  actorId: actorIdOf(event),
  userId: event.userId && toPublicId('usr', event.userId),
  actorName: labelOfActor(event),
  actorEmail: emailOfActor(event),
  role: event.role,
  credentialKind: event.credentialKind,
  credentialId: credentialIdOf(event),
  targetId: event.targetId,
  targetIds: await targetIdsOf(ctx, event),
  before: withoutHidden(ctx, event.before),
  after: withoutHidden(ctx, event.after),
  related: withoutHidden(ctx, event.related ?? []),
  input: withoutHidden(ctx, event.input),
  requestId: event.requestId,
  ipAddress: event.address,
});
