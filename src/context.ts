import { RequestCache } from '@pothos/plugin-scope-auth';
import { type Access, accessOf } from './access/access.ts';
import type { Permission } from './access/catalog.ts';
import type { AccessDelta } from './access/change.ts';
import { countedAccess, type DecisionCount } from './access/counted.ts';
import type { Config } from './config.ts';
import type { Db } from './db/client.ts';
import type { Pool } from './db/pool.ts';
import { readAgain } from './db/read-again.ts';
import { type Binding, type Mode, openTransaction, runCheck, type Transaction } from './db/transaction.ts';
import type { Work } from './db/work.ts';
import { type Actor, ANONYMOUS, accessOfCredential, effectiveGrantsOf } from './identity/actor.ts';
import type { CachedActor, Identity } from './identity/identity.ts';
import type { LastUses } from './identity/last-use.ts';
import type { Jobs } from './jobs/jobs.ts';
import type { Buckets } from './lib/buckets.ts';
import type { Encryption } from './lib/encryption.ts';
import type { EventEvaluator } from './lib/event-rules/evaluator.ts';
import type { JobName, JobPayload } from './lib/jobs.ts';
import type { SchemaValidator } from './lib/json-schema/validator.ts';
import { describeError, type Log } from './lib/log.ts';
import type { Mailer } from './lib/mail.ts';
import type { AuditedChange, TouchedObject } from './resources/audit-event/table.ts';

/** The requests of each organization on each day. */
export interface RequestCounts {
  /** Counts requests now, and writes them to the database later. */
  add(organizationId: string, requests: number): void;
  /** Writes what was counted. To be called before the pool ends. */
  write(): Promise<void>;
}

/** A refused event of an integration. */
export interface EventRefusal {
  readonly organizationId: string;
  readonly integrationId: string;
  readonly reason: 'INTEGRATION_DISABLED' | 'WRONG_TYPE' | 'RATE_LIMITED' | 'QUEUE_FULL' | 'INVALID_EVENT';
  readonly requestId: string;
  readonly address: string;
}

/** The refused events of integrations. */
export interface EventRefusals {
  /** Counts a refusal now, and writes an audit event with the number later. */
  add(refusal: EventRefusal): void;
  /** Writes what was counted. To be called before the pool ends. */
  write(): Promise<void>;
}

/** The dependencies of the application. They are the same for all requests. */
export interface Dependencies {
  readonly pool: Pool;
  readonly config: Config;
  readonly clock: () => Date;
  readonly log: Log;
  readonly encryption: Encryption;
  readonly identity: Identity;
  readonly mailer: Mailer;
  readonly jobs: Jobs;
  /** The buckets of the limits of requests per minute. */
  readonly buckets: Buckets;
  readonly requestCounts: RequestCounts;
  readonly lastUses: LastUses;
  readonly eventRefusals: EventRefusals;
  /** The thread for JSON Schemas of organizations. */
  readonly schemaValidator: SchemaValidator;
  /** The thread for programs and templates of CUSTOM_EVENT checks. */
  readonly eventEvaluator: EventEvaluator;
}

/** What the handler of a job gets. It has no pool, so that each transaction is bound by its job. */
export type JobDependencies = Omit<Dependencies, 'pool' | 'identity'>;

/** The part of the audit event that the mutation itself provides. */
export interface AuditDraft {
  /** The permission that allowed the mutation, if that depends on the input. */
  permission?: Permission;
  /** The public ID of the changed object. */
  targetId?: string;
  /** The fields of the changed object. */
  before?: unknown;
  after?: unknown;
  /** The other objects that the mutation changed. */
  related?: readonly AuditedChange[];
  /** Objects that the mutation touched, in addition to those above. */
  touched?: readonly TouchedObject[];
  /** The projects of the objects. */
  projectIds?: readonly string[];
  /** The organization, if the caller was anonymous when the mutation began. */
  organizationId?: string | undefined;
}

/** A check that the cached actor is still right, sent with the first query of the operation. */
export interface Revalidation {
  cached: CachedActor;
  /** Whether the actor is unchanged. Null before the check is sent. */
  result: Promise<boolean> | null;
}

/**
 * The state of the current operation or mutation field: its actor, its transaction and its effects so far.
 * Only the functions of this file change it.
 */
export interface UnitOfWork {
  actor: Actor;
  access: Access;
  binding: Binding;
  mode: Mode;
  transaction: Promise<Transaction> | null;
  /** Null when the actor was read from the database in this request. */
  revalidation: Revalidation | null;
  auditDraft: AuditDraft;
  /** Whether the mutation computes its effects only and is rolled back. */
  dryRun: boolean;
  /** The changes of access for the payload of the mutation. Null if its payload has none. */
  accessChanges: readonly AccessDelta[] | null;
  /** Statements of the mutation that were sent without waiting for their responses. */
  unanswered: Promise<unknown>[];
  /** Functions that run when the transaction has ended. */
  afterCommit: ((committed: boolean) => Promise<void>)[];
  loaders: Map<unknown, unknown>;
  /** What scope-auth has allowed to the actor in the organization, or on every service. */
  permissionCache: Set<string>;
}

/** The request. Immutable except for its unit of work. A plain object, because yoga copies own properties only. */
export interface Context {
  readonly dependencies: Dependencies;
  readonly requestId: string;
  readonly address: string;
  readonly userAgent: string | null;
  /** The database work of the request. */
  readonly work: Work;
  /** The access decisions of the request so far. */
  readonly decisions: DecisionCount;
  /** Reads the request's credential from the database. */
  readonly authenticate: () => Promise<Actor>;
  readonly unit: UnitOfWork;
}

export function newUnitOfWork(revalidation: Revalidation | null): UnitOfWork {
  return {
    actor: ANONYMOUS,
    access: accessOf(null),
    binding: { organizationId: null, userId: null },
    mode: 'read only',
    transaction: null,
    revalidation,
    auditDraft: {},
    dryRun: false,
    accessChanges: null,
    unanswered: [],
    afterCommit: [],
    loaders: new Map(),
    permissionCache: new Set(),
  };
}

/** The transaction of the request. It is opened at the first call, and is read-only except in a root mutation field. */
export async function db(ctx: Context): Promise<Db> {
  ctx.unit.transaction ??= open(ctx);
  return (await ctx.unit.transaction).db;
}

/** With a cached actor, the first query shares its round trip with the check that revalidates the actor and binds to it. */
async function open(ctx: Context): Promise<Transaction> {
  const { revalidation, binding, mode } = ctx.unit;
  const check = revalidation && !revalidation.result ? revalidation.cached.check : undefined;
  const transaction = await openTransaction(ctx.dependencies.pool, binding, mode, ctx.work, check);
  if (revalidation && check) revalidation.result = transaction.isBound;
  return transaction;
}

/** Whether the cached actor is unchanged. The check is sent now if there was no transaction. */
export async function revalidate(ctx: Context): Promise<boolean> {
  const { revalidation, transaction } = ctx.unit;
  if (!revalidation) return true;
  if (transaction) await transaction;
  if (!revalidation.result) {
    ctx.work.statements += 1;
    const { pool } = ctx.dependencies;
    const lookups = await pool.lookupsOf(revalidation.cached.actor.organization?.id ?? '');
    revalidation.result ??= runCheck(readAgain(lookups).unsafe, revalidation.cached.check);
    ctx.work.tracer?.addStatement(revalidation.cached.check.singleText, revalidation.result);
  }
  const isUnchanged = await revalidation.result;
  if (!isUnchanged) revalidation.cached.forget();
  // A role may have expired since the request began.
  return isUnchanged && revalidation.cached.isCurrent();
}

/**
 * The same before work that takes long and precedes the first query of a mutation. The transaction of the mutation checks the
 * actor again, so that a change during the work makes COMMIT roll back.
 */
export async function revalidateBeforeMutation(ctx: Context): Promise<boolean> {
  const { revalidation, transaction } = ctx.unit;
  if (transaction) return true;
  const isUnchanged = await revalidate(ctx);
  if (isUnchanged && revalidation) revalidation.result = null;
  return isUnchanged;
}

/** Begins the unit of work of a mutation field, with its own transaction. Returns the current actor. */
export async function beginMutation(ctx: Context, targetId: string | null): Promise<Actor> {
  ctx.unit.revalidation = null;
  await endTransaction(ctx, 'rollback');
  setActor(ctx, await ctx.authenticate());
  return resetUnit(ctx, targetId);
}

/**
 * The same with the cached actor, whose check is sent with the first statement and makes COMMIT roll back if the
 * credential has changed. Returns null unless it is the first use of the actor in the request, and may write.
 */
export function beginMutationWithCachedActor(ctx: Context, targetId: string | null): Actor | null {
  const { revalidation, transaction, actor } = ctx.unit;
  if (!revalidation || revalidation.result || transaction || actor !== revalidation.cached.actor) return null;
  if (accessOfCredential(actor) === 'READ' || !revalidation.cached.isCurrent()) return null;
  return resetUnit(ctx, targetId);
}

function resetUnit(ctx: Context, targetId: string | null): Actor {
  // The second enforcement layer: PostgreSQL refuses every write of a READ token.
  ctx.unit.mode = accessOfCredential(ctx.unit.actor) === 'READ' ? 'read only' : 'read write';
  ctx.unit.dryRun = false;
  ctx.unit.accessChanges = null;
  ctx.unit.afterCommit = [];
  ctx.unit.unanswered = [];
  ctx.unit.auditDraft = targetId === null ? {} : { targetId };
  return ctx.unit.actor;
}

/** Whether the check of the cached actor was sent and has confirmed it. */
export async function isActorConfirmed(ctx: Context): Promise<boolean> {
  const { revalidation } = ctx.unit;
  const isUnchanged = await revalidation?.result?.catch(() => false);
  if (isUnchanged === false) revalidation?.cached.forget();
  return isUnchanged === true;
}

export function endMutation(ctx: Context): void {
  ctx.unit.mode = 'read only';
  // The actor was confirmed, or read from the database.
  ctx.unit.revalidation = null;
}

/** Adds a statement that was sent without waiting. The mutation succeeds only if it does. */
export function awaitWithCommit(ctx: Context, statement: Promise<unknown>): void {
  // It is awaited with COMMIT. Until then a rejection would count as unhandled.
  statement.catch(() => undefined);
  ctx.unit.unanswered.push(statement);
}

/** The statements that the success of the mutation depends on, in the order in which they were sent. */
export const unansweredOf = ({ unit }: Context): Promise<unknown>[] => [
  ...(unit.revalidation?.result ? [unit.revalidation.result] : []),
  ...unit.unanswered,
];

/** Discards the data that was read with the cached actor, and continues with the current one. */
export async function restart(ctx: Context): Promise<void> {
  await endTransaction(ctx, 'rollback').catch(() => undefined);
  ctx.unit.revalidation = null;
  setActor(ctx, await ctx.authenticate());
}

/** Rolls the mutation back when it ends. */
export function setDryRun(ctx: Context): void {
  ctx.unit.dryRun = true;
}

/** Collects the changes of access for the payload of the mutation. */
export function collectAccessChanges(ctx: Context, dryRun: boolean): void {
  ctx.unit.accessChanges = [];
  if (dryRun) setDryRun(ctx);
}

/** Adds changes of access to the payload of the mutation. */
export function addAccessChanges({ unit }: Context, changes: readonly AccessDelta[]): void {
  unit.accessChanges = [...(unit.accessChanges ?? []), ...changes];
}

/** The organization that the transaction is bound to. After a permission check, it is never missing. */
export function tenant(ctx: Context): string {
  if (!ctx.unit.binding.organizationId) throw new Error('the transaction is not bound to an organization');
  return ctx.unit.binding.organizationId;
}

/** Ends the open transaction, if there is one. The next use of `db` opens another. */
export async function endTransaction(ctx: Context, how: 'commit' | 'rollback'): Promise<void> {
  const open = ctx.unit.transaction;
  ctx.unit.transaction = null;
  ctx.unit.loaders = new Map();
  if (open) await (await open)[how]();
}

/** Runs the function and commits the transaction that it has opened. Rolls it back if the function throws. */
export async function runAndCommit<T>(ctx: Context, run: () => Promise<T>): Promise<T> {
  try {
    const result = await run();
    await endTransaction(ctx, 'commit');
    return result;
  } finally {
    await endTransaction(ctx, 'rollback').catch(() => undefined);
  }
}

/**
 * Reads in a transaction that ends before the function returns, so that none is open during work that takes long. The
 * transaction of the request is not affected, because other fields may be using it.
 */
export async function readInOwnTransaction<T>(ctx: Context, read: (own: Context) => Promise<T>): Promise<T> {
  const own: Context = { ...ctx, unit: { ...ctx.unit, mode: 'read only', transaction: null, loaders: new Map() } };
  return await runAndCommit(own, () => read(own));
}

/** Replaces the actor of the request, after a sign-in or when the grants were read again. */
export function setActor(ctx: Context, actor: Actor): void {
  ctx.unit.actor = actor;
  ctx.unit.access = countedAccess(accessOf(effectiveGrantsOf(actor)), ctx.decisions);
  ctx.unit.binding = { organizationId: actor.organization?.id ?? null, userId: actor.user?.id ?? null };
  ctx.unit.loaders = new Map();
  ctx.unit.permissionCache = new Set();
  RequestCache.clearForContext(ctx);
}

/** Binds the transaction of the mutation to another organization. Must be called before its first query. */
export function setTenant(ctx: Context, binding: Binding): void {
  if (ctx.unit.transaction) throw new Error('the tenant must be set before the first query of the transaction');
  ctx.unit.binding = binding;
}

/**
 * Runs work that a rollback cannot undo, such as sending mail, after the mutation was committed. If it fails, the error is
 * logged and the change remains. The promise resolves to null then, and also after a rollback.
 */
export function afterCommit<T>(ctx: Context, work: () => Promise<T>): Promise<T | null> {
  const { promise, resolve } = Promise.withResolvers<T | null>();
  const attempt = (): Promise<T | null> =>
    work().catch((error: unknown) => {
      ctx.dependencies.log({ level: 'error', requestId: ctx.requestId, error: describeError(error) });
      return null;
    });
  ctx.unit.afterCommit.push(async (committed) => resolve(committed ? await attempt() : null));
  return promise;
}

/**
 * Adds a job to the transaction of the mutation, and starts it soon after COMMIT. Nothing remains of it after a rollback. A dry
 * run adds none. The statement is sent before the function returns, and its response is awaited with COMMIT.
 */
export async function enqueueJob<Name extends JobName>(
  ctx: Context,
  name: Name,
  payload: JobPayload<Name>,
): Promise<void> {
  if (ctx.unit.dryRun) return;
  const { jobs } = ctx.dependencies;
  const { sent, id } = jobs.send(await db(ctx), name, payload);
  awaitWithCommit(ctx, id);
  await sent;
  void afterCommit(ctx, async () => jobs.wake());
}

/** Runs the functions of `afterCommit`. Must be called when the transaction of the mutation has ended. */
export async function runAfterCommit(ctx: Context, how: 'commit' | 'rollback'): Promise<void> {
  const callbacks = ctx.unit.afterCommit;
  ctx.unit.afterCommit = [];
  await Promise.all(callbacks.map((callback) => callback(how === 'commit')));
}

/** Adds data to the audit event of the mutation. The lists `touched` and `projectIds` are appended. */
export function audit(ctx: Context, { touched, projectIds, ...draft }: AuditDraft): void {
  const known = ctx.unit.auditDraft;
  ctx.unit.auditDraft = {
    ...known,
    ...draft,
    ...(touched && { touched: [...(known.touched ?? []), ...touched] }),
    ...(projectIds && { projectIds: [...(known.projectIds ?? []), ...projectIds] }),
  };
}
