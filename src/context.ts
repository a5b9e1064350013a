import { RequestCache } from '@pothos/plugin-scope-auth';
import { type Access, accessOf } from './access/access.ts';
import type { Permission } from './access/catalog.ts';
import type { EffectiveGrants } from './access/model.ts';
import type { Config } from './config.ts';
import { type Db, drizzleOn } from './db/client.ts';
import type { Pool } from './db/pool.ts';
import { type Binding, type Mode, openTransaction, type Transaction } from './db/transaction.ts';
import type { Work } from './db/work.ts';
import { type Actor, ANONYMOUS } from './identity/actor.ts';
import type { CachedActor, Identity } from './identity/identity.ts';
import { describeError, type Log } from './lib/log.ts';
import type { Mailer } from './lib/mail.ts';

/** The parts that `createApp` was given, the same for every request. */
export interface Dependencies {
  readonly pool: Pool;
  readonly config: Config;
  readonly clock: () => Date;
  readonly log: Log;
  readonly identity: Identity;
  readonly mailer: Mailer;
}

/** What a mutation reports about itself; the audit event is made of it. */
export interface AuditDraft {
  /** The public id of what is changed. */
  targetId?: string;
  before?: unknown;
  after?: unknown;
  /** For who was anonymous when the mutation began. */
  organizationId?: string | undefined;
}

/** A check that the cached actor is still right, sent with the first query of the operation. */
export interface Revalidation {
  revalidate: CachedActor['revalidate'];
  /** The answer. Null before the check is sent. */
  result: Promise<boolean> | null;
}

/**
 * The state of the operation or mutation field that runs now: who acts, in which transaction, and what it has done.
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
  /** Functions that run when the transaction has ended. */
  afterCommit: ((committed: boolean) => Promise<void>)[];
  loaders: Map<unknown, unknown>;
  /** Permissions on the organization that scope-auth has allowed to the actor. */
  permissionCache: Set<Permission>;
}

/** The request. Immutable except for its unit of work. A plain object, because yoga copies own properties only. */
export interface Context {
  readonly dependencies: Dependencies;
  readonly requestId: string;
  readonly address: string;
  readonly userAgent: string | null;
  /** The database work of the request. */
  readonly work: Work;
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
    afterCommit: [],
    loaders: new Map(),
    permissionCache: new Set(),
  };
}

/** The request's transaction, opened by who first needs it: read-only but inside a root mutation field. */
export async function db(ctx: Context): Promise<Db> {
  ctx.unit.transaction ??= open(ctx);
  return (await ctx.unit.transaction).db;
}

/** The first query of a presumed actor shares its round trip with the look-up that confirms them. */
async function open(ctx: Context): Promise<Transaction> {
  const transaction = await openTransaction(ctx.dependencies.pool, ctx.unit.binding, ctx.unit.mode, ctx.work);
  if (ctx.unit.revalidation) void startRevalidating(ctx.unit.revalidation, transaction.db);
  return transaction;
}

function startRevalidating(presumption: Revalidation, on: Db): Promise<boolean> {
  presumption.result ??= presumption.revalidate(on);
  // Waited for at the end of the operation; until then a failure is not unhandled.
  presumption.result.catch(() => undefined);
  return presumption.result;
}

/** Whether the actor still is who they were: what the transaction has asked, or asked now where there was none. */
export async function revalidate(ctx: Context): Promise<boolean> {
  if (!ctx.unit.revalidation) return true;
  if (ctx.unit.transaction) await ctx.unit.transaction;
  ctx.work.statements += 1;
  return await startRevalidating(ctx.unit.revalidation, drizzleOn(ctx.dependencies.pool.sql));
}

/** Begins the unit of work of a mutation field: as this actor, in a transaction of its own. */
export async function beginMutation(ctx: Context, targetId: string | null): Promise<Actor> {
  // A mutation runs with an actor that was read from the database, never with a cached one.
  ctx.unit.revalidation = null;
  await endTransaction(ctx, 'rollback');
  setActor(ctx, await ctx.authenticate());
  // The second enforcement layer: PostgreSQL refuses every write of a READ token.
  ctx.unit.mode = ctx.unit.actor.credential?.access === 'READ' ? 'read only' : 'read write';
  ctx.unit.dryRun = false;
  ctx.unit.afterCommit = [];
  ctx.unit.auditDraft = targetId === null ? {} : { targetId };
  return ctx.unit.actor;
}

export function endMutation(ctx: Context): void {
  ctx.unit.mode = 'read only';
}

/** Discards what was read with a cached actor, and continues with the actor that the credential belongs to now. */
export async function restart(ctx: Context): Promise<void> {
  await endTransaction(ctx, 'rollback').catch(() => undefined);
  ctx.unit.revalidation = null;
  setActor(ctx, await ctx.authenticate());
}

/** Rolls the mutation back when it ends. */
export function setDryRun(ctx: Context): void {
  ctx.unit.dryRun = true;
}

/** The organization that the transaction is bound to. Behind a permission there always is one. */
export function tenant(ctx: Context): string {
  if (!ctx.unit.binding.organizationId) throw new Error('no organization is bound');
  return ctx.unit.binding.organizationId;
}

/** Ends the open transaction, if there is one. The next use of `db` opens another. */
export async function endTransaction(ctx: Context, how: 'commit' | 'rollback'): Promise<void> {
  const open = ctx.unit.transaction;
  ctx.unit.transaction = null;
  ctx.unit.loaders = new Map();
  if (open) await (await open)[how]();
}

/** From here on the request acts as somebody else: after signing in, or with the grants read anew. */
export function setActor(ctx: Context, actor: Actor): void {
  ctx.unit.actor = actor;
  ctx.unit.access = accessOf(heldBy(actor));
  ctx.unit.binding = { organizationId: actor.organization?.id ?? null, userId: actor.user?.id ?? null };
  ctx.unit.loaders = new Map();
  ctx.unit.permissionCache = new Set();
  RequestCache.clearForContext(ctx);
}

const heldBy = ({ grants, credential }: Actor): EffectiveGrants | null =>
  grants && credential ? { grants, access: credential.access } : null;

/** Binds the mutation's transaction to another organization than the caller's. Before its first query only. */
export function setTenant(ctx: Context, binding: Binding): void {
  if (ctx.unit.transaction) throw new Error('a transaction is bound before its first query');
  ctx.unit.binding = binding;
}

/**
 * Does what no rollback undoes, such as sending mail, once the mutation is committed. Its failure is logged and neither
 * undoes nor hides the change: the promise, which can stand in a payload, then gives null, as it does after a rollback.
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

/** The mutation's transaction has ended. */
export async function runAfterCommit(ctx: Context, how: 'commit' | 'rollback'): Promise<void> {
  const waiting = ctx.unit.afterCommit;
  ctx.unit.afterCommit = [];
  await Promise.all(waiting.map((tell) => tell(how === 'commit')));
}

/** Adds to the mutation's audit event. */
export function audit(ctx: Context, draft: AuditDraft): void {
  ctx.unit.auditDraft = { ...ctx.unit.auditDraft, ...draft };
}
