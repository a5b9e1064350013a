import { type SQL, sql } from 'drizzle-orm';
import type { AuditDraft, Dependencies } from '../../context.ts';
import type { Db } from '../../db/client.ts';
import { inserterOf, sendStatement } from '../../db/writer.ts';
import { type Actor, organizationRoleOf } from '../../identity/actor.ts';
import { fromPublicId, idAt, toPublicId } from '../../lib/ids.ts';
import { type ActorKind, auditEvents, auditEventTargets, type Outcome, type TouchedObject } from './table.ts';

export type AuditEventRow = typeof auditEvents.$inferSelect;

export interface Attempt {
  action: string;
  permission: string | null;
  outcome: Outcome;
  reason: string | null;
  /** `ANONYMOUS` for a caller without a valid credential. */
  actor: Actor;
  organizationId: string;
  /** The input of a mutation that was not allowed, without secrets (see `attemptedInput`). */
  input?: unknown;
  dryRun?: boolean;
}

/** What an event contains of the request. A `Context` has it. */
export interface AuditedRequest {
  readonly dependencies: Pick<Dependencies, 'clock'>;
  readonly requestId: string;
  readonly address: string;
  readonly unit: { readonly auditDraft: AuditDraft };
}

const { send } = inserterOf<AuditEventRow>(auditEvents);

/**
 * Adds one event for one mutation. Every value is a copy, because the event stays after its objects are deleted. The
 * statements have been sent to the database when this returns.
 */
export function recordEvent(own: Db, ctx: AuditedRequest, attempt: Attempt): Promise<unknown> {
  const { actor, organizationId, action, permission, outcome, reason, input = null, dryRun = false } = attempt;
  const draft = outcome === 'ALLOWED' ? ctx.unit.auditDraft : undone(ctx.unit.auditDraft);
  const createdAt = ctx.dependencies.clock();
  const id = idAt(createdAt);
  const projectIds = projectsOf(draft);
  const inserted = send(own, {
    ...actorColumns(actor),
    organizationId,
    id,
    action,
    permission,
    outcome,
    reason,
    dryRun,
    createdAt,
    targetId: draft.targetId ?? null,
    projectIds,
    before: draft.before ?? null,
    after: draft.after ?? null,
    related: draft.related?.length ? draft.related.slice(0, MAX_RELATED) : null,
    input,
    requestId: ctx.requestId,
    address: ctx.address,
  });
  const touched = touchedBy(draft, projectIds);
  if (touched.length === 0) return inserted;
  const targets = insertTargets(own, organizationId, id, touched);
  return Promise.all([inserted, targets]);
}

/** Other changed objects whose fields an event contains. All of them are touched objects. */
export const MAX_RELATED = 100;

/** The draft of a mutation that was rolled back. It changed nothing, and what it created does not exist. */
const undone = ({ targetId, before, after, projectIds }: AuditDraft): AuditDraft => ({
  ...(targetId && (before != null || after == null) && { targetId }),
  ...(projectIds && { projectIds }),
});

const actorColumns = (actor: Actor) => ({
  actorKind: kindOf(actor),
  principalId: actor.principal?.id ?? null,
  userId: actor.user?.id ?? null,
  actor: actor.user?.email ?? actor.principal?.name ?? 'anonymous',
  actorName: actor.user?.name ?? null,
  role: organizationRoleOf(actor)?.name ?? null,
  credentialKind: actor.credential?.kind ?? 'NONE',
  credentialId: actor.credential?.id ?? null,
});

function kindOf({ credential, user, principal }: Actor): ActorKind {
  if (!credential) return 'ANONYMOUS';
  if (credential.kind === 'API_KEY') return 'API_KEY';
  if (!user) return 'SERVICE_ACCOUNT';
  return principal ? 'MEMBER' : 'USER';
}

type Fields = Record<string, unknown>;

const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

const changesIn = ({ targetId, before, after, related = [] }: AuditDraft) => [{ targetId, before, after }, ...related];

/** The values of a field in the objects of the event. */
const valuesOf = (draft: AuditDraft, name: string): string[] =>
  changesIn(draft)
    .flatMap(({ before, after }) => [fieldsOf(before)[name], fieldsOf(after)[name]])
    .filter((value) => typeof value === 'string');

/** The projects that the event belongs to: those of its objects, and those that are its objects. */
function projectsOf(draft: AuditDraft): string[] {
  const publicIds = [...changesIn(draft).map(({ targetId }) => targetId), ...valuesOf(draft, 'projectId')];
  const found = publicIds.map((id) => (typeof id === 'string' ? fromPublicId('prj', id) : null));
  return [...new Set([...(draft.projectIds ?? []), ...found.filter((id) => id !== null)])];
}

/** Every object that the event touched, without its target: a project role touches the project and the member. */
function touchedBy(draft: AuditDraft, projectIds: readonly string[]): TouchedObject[] {
  const ids = [
    ...projectIds.map((id) => toPublicId('prj', id)),
    ...valuesOf(draft, 'principalId'),
    ...(draft.related ?? []).map(({ targetId }) => targetId),
  ];
  const touched = [...ids.map((id) => ({ id, projectId: null })), ...(draft.touched ?? [])];
  const distinct = new Map(touched.map((object) => [object.id, object]));
  distinct.delete(draft.targetId ?? '');
  return [...distinct.values()];
}

/** The numbers of rows that a statement may insert. Each number is a prepared statement of its own, so there are only a few. */
const BATCHES = [64, 8, 7, 6, 5, 4, 3, 2, 1];

/** Inserts lists of values, because Citus does not support INSERT with SELECT into a table with row-level security. */
function insertTargets(own: Db, organizationId: string, eventId: string, touched: readonly TouchedObject[]) {
  const row = ({ id, projectId }: TouchedObject): SQL => sql`(${organizationId}, ${eventId}, ${id}, ${projectId})`;
  const inserted: Promise<unknown>[] = [];
  for (let at = 0, size = 0; at < touched.length; at += size) {
    size = BATCHES.find((batch) => batch <= touched.length - at) ?? 1;
    const rows = sql.join(touched.slice(at, at + size).map(row), sql`, `);
    inserted.push(
      sendStatement(
        own,
        sql`insert into ${auditEventTargets} (organization_id, event_id, target_id, project_id) values ${rows}`,
      ),
    );
  }
  return Promise.all(inserted);
}
