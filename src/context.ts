import { RequestCache } from '@pothos/plugin-scope-auth';
import { type Access, accessOf } from './access/access.ts';
import type { Permission } from './access/catalog.ts';
import type { Held } from './access/decide.ts';
import type { Engine } from './access/engine.ts';
import type { Config } from './config.ts';
import { type Db, drizzleOn } from './db/client.ts';
import type { Pool } from './db/pool.ts';
import { type Binding, type Mode, openTransaction, type Transaction } from './db/transaction.ts';
import type { Work } from './db/work.ts';
import type { Actor } from './identity/actor.ts';
import type { Identity, Presumed } from './identity/identity.ts';
import { describeError, type Log } from './log.ts';
import type { Mailer } from './mail.ts';

/** The parts that `createApp` was given, the same for every request. */
export interface Parts {
  readonly pool: Pool;
  readonly config: Config;
  readonly clock: () => Date;
  readonly log: Log;
  readonly identity: Identity;
  readonly engine: Engine;
  readonly mailer: Mailer;
}

/** What a mutation reports about itself; the audit event is made of it. */
export interface AuditDraft {
  /** The public id of what is changed. */
  targetId?: string;
  before?: unknown;
  after?: unknown;
  /** For who was anonymous when the mutation began. */
  organizationId?: string;
}

export interface Presumption {
  confirm: Presumed['confirm'];
  /** The answer, once it was asked for. */
  confirmed: Promise<boolean> | null;
}

/**
 * What a resolver may see. A plain object, because yoga copies own properties only. What changes during a request is
 * changed by the functions below and by the mutation wrapper alone.
 */
export interface Context {
  readonly parts: Parts;
  readonly requestId: string;
  readonly address: string;
  readonly userAgent: string | null;
  /** What the database does for the request, and whether it must stop. */
  readonly work: Work;
  /** Reads the request's credential again. */
  readonly authenticate: () => Promise<Actor>;
  /** Set as long as nobody has confirmed that the actor still is who they were. */
  presumption: Presumption | null;
  actor: Actor;
  access: Access;
  binding: Binding;
  mode: Mode;
  transaction: Promise<Transaction> | null;
  event: AuditDraft;
  /** The mutation only looks what it would do: it is rolled back. */
  dryRun: boolean;
  /** What waits for the end of the mutation's transaction, and is told whether it was committed. */
  afterCommit: ((committed: boolean) => Promise<void>)[];
  loaders: Map<unknown, unknown>;
  /** Permissions, on the organization, that scope-auth has let through. Of the actor, like `access`. */
  passed: Set<Permission>;
}

/** The request's transaction, opened by who first needs it: read-only but inside a root mutation field. */
export async function db(ctx: Context): Promise<Db> {
  ctx.transaction ??= open(ctx);
  return (await ctx.transaction).db;
}

/** The first query of a presumed actor shares its round trip with the look-up that confirms them. */
async function open(ctx: Context): Promise<Transaction> {
  const transaction = await openTransaction(ctx.parts.pool, ctx.binding, ctx.mode, ctx.work);
  if (ctx.presumption) void startConfirming(ctx.presumption, transaction.db);
  return transaction;
}

function startConfirming(presumption: Presumption, on: Db): Promise<boolean> {
  presumption.confirmed ??= presumption.confirm(on);
  // Waited for at the end of the operation; until then a failure is not unhandled.
  presumption.confirmed.catch(() => undefined);
  return presumption.confirmed;
}

/** Whether the actor still is who they were: what the transaction has asked, or asked now where there was none. */
export async function confirm(ctx: Context): Promise<boolean> {
  if (!ctx.presumption) return true;
  if (ctx.transaction) await ctx.transaction;
  ctx.work.statements += 1;
  return await startConfirming(ctx.presumption, drizzleOn(ctx.parts.pool.sql));
}

/** The organization that the transaction is bound to. Behind a permission there always is one. */
export function tenant(ctx: Context): string {
  if (!ctx.binding.organizationId) throw new Error('no organization is bound');
  return ctx.binding.organizationId;
}

/** Ends the open transaction, if there is one. The next use of `db` opens another. */
export async function endTransaction(ctx: Context, how: 'commit' | 'rollback'): Promise<void> {
  const open = ctx.transaction;
  ctx.transaction = null;
  ctx.loaders = new Map();
  if (open) await (await open)[how]();
}

/** From here on the request acts as somebody else: after signing in, or with the grants read anew. */
export function become(ctx: Context, actor: Actor): void {
  ctx.actor = actor;
  ctx.access = accessOf(heldBy(actor));
  ctx.binding = { organizationId: actor.organization?.id ?? null, userId: actor.user?.id ?? null };
  ctx.loaders = new Map();
  ctx.passed = new Set();
  RequestCache.clearForContext(ctx);
}

const heldBy = ({ grants, credential }: Actor): Held | null =>
  grants && credential ? { grants, access: credential.access } : null;

/** Binds the mutation's transaction to another organization than the caller's. Before its first query only. */
export function bind(ctx: Context, binding: Binding): void {
  if (ctx.transaction) throw new Error('a transaction is bound before its first query');
  ctx.binding = binding;
}

/**
 * Does what no rollback undoes, such as sending mail, once the mutation is committed. Its failure is logged and neither
 * undoes nor hides the change: the promise, which can stand in a payload, then gives null, as it does after a rollback.
 */
export function afterCommit<T>(ctx: Context, work: () => Promise<T>): Promise<T | null> {
  const { promise, resolve } = Promise.withResolvers<T | null>();
  const attempt = (): Promise<T | null> =>
    work().catch((error: unknown) => {
      ctx.parts.log({ level: 'error', requestId: ctx.requestId, error: describeError(error) });
      return null;
    });
  ctx.afterCommit.push(async (committed) => resolve(committed ? await attempt() : null));
  return promise;
}

/** The mutation's transaction has ended. */
export async function settle(ctx: Context, how: 'commit' | 'rollback'): Promise<void> {
  const waiting = ctx.afterCommit;
  ctx.afterCommit = [];
  await Promise.all(waiting.map((tell) => tell(how === 'commit')));
}

export function audit(ctx: Context, draft: AuditDraft): void {
  ctx.event = { ...ctx.event, ...draft };
}
