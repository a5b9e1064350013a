import type { GraphQLResolveInfo } from 'graphql';
import { accessOf, readOnlyToken } from '../access/access.ts';
import type { Permission } from '../access/catalog.ts';
import {
  audit,
  beginMutation,
  beginMutationWithCachedActor,
  type Context,
  db,
  endMutation,
  endTransaction,
  isActorConfirmed,
  runAfterCommit,
  setActor,
  unansweredOf,
} from '../context.ts';
import { domainError, postgresError } from '../db/constraints.ts';
import { inTransaction } from '../db/transaction.ts';
import { type Actor, accessOfCredential, effectiveGrantsOf } from '../identity/actor.ts';
import { AmbitError } from '../lib/errors.ts';
import { decodeId } from '../lib/ids.ts';
import { fieldOf } from '../lib/words.ts';
import { recordEvent } from '../resources/audit-event/service.ts';
import type { Outcome } from '../resources/audit-event/table.ts';
import { attemptedInput } from './attempted-input.ts';
import { RunAgain } from './run-again.ts';

export interface MutationField extends MutationExtensions {
  name: string;
  permission: Permission | null;
}

/** The options of a mutation for its audit event and its actor. */
export interface MutationExtensions {
  /** Whether it may begin with the cached actor. All of its effects must be in its transaction. */
  mayUseCachedActor?: true | undefined;
  auditTarget?: FindTarget | undefined;
  auditPermission?: Permission | undefined;
}

/** Finds the public ID of the target of an input. */
export type FindTarget = (ctx: Context, input: Record<string, unknown>) => Promise<string | null>;

type Resolve = (parent: unknown, args: never, ctx: Context, info: never) => unknown;

const READ_ONLY_TRANSACTION = '25006';
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * The resolver of a root mutation field. It runs the guard and the given resolver in a separate transaction, and writes
 * one audit event. The event commits with the change. The event of a refused mutation commits alone.
 *
 * The caller's grants are read before, so that changes and revocations by earlier fields of the document take effect. The
 * first field may use the cached actor instead. Then the credential is checked in the transaction. If the check did not
 * confirm the actor, the field has had no effect, and it runs again with grants that are read.
 *
 * A field whose effects are all in its transaction also runs again once when a prepared statement was stale, and after
 * `RunAgain`.
 */
export function mutationResolver(field: MutationField, resolve: Resolve): Resolve {
  return async (parent, args, ctx, info) => {
    if (ctx.work.stopped) throw ctx.work.stopped;
    const { input } = args as { input?: Input };
    const targetId = targetIn(field, input);
    const attempt = async (actor: Actor, isFinal: (thrown: unknown) => Promise<boolean>): Promise<unknown> => {
      try {
        const result = await resolve(parent, args, ctx, info);
        await succeed(ctx, field, actor);
        return result;
      } catch (thrown) {
        if (await isFinal(thrown)) return await fail(ctx, field, actor, { thrown, input, info });
        await end(ctx, 'rollback').catch(() => undefined);
        return UNDECIDED;
      }
    };
    const { mayUseCachedActor } = field;
    try {
      const cached = mayUseCachedActor ? beginMutationWithCachedActor(ctx, targetId) : null;
      const first = cached ? await attempt(cached, (thrown) => isDecided(ctx, thrown)) : UNDECIDED;
      if (first !== UNDECIDED) return first;
      const next = await attempt(
        await beginMutation(ctx, targetId),
        async (thrown) => !(mayUseCachedActor && isRepeated(ctx, thrown)),
      );
      if (next !== UNDECIDED) return next;
      return await attempt(await beginMutation(ctx, targetId), async () => true);
    } finally {
      endMutation(ctx);
    }
  };
}

const UNDECIDED = Symbol('undecided');

/**
 * Whether a failure with the cached actor is final. Otherwise the field runs again. A failure of the database is final,
 * except for those after which a field runs again.
 */
const isDecided = async (ctx: Context, thrown: unknown): Promise<boolean> =>
  !isRepeated(ctx, thrown) &&
  (ctx.work.stopped !== undefined || isFault(thrown, domainError(thrown)) || (await isActorConfirmed(ctx)));

const isRepeated = (ctx: Context, thrown: unknown): boolean =>
  hasStaleStatement(ctx, thrown) || (thrown instanceof RunAgain && !ctx.work.stopped);

/**
 * Whether the transaction failed because a prepared statement was stale. PostgreSQL has reported an error for the
 * statement, so nothing was committed. The pool has replaced its connections, so another attempt has no stale statements.
 */
const hasStaleStatement = ({ work }: Context, thrown: unknown): boolean =>
  work.connection?.lossCause === 'STALE' && !work.stopped && !isOutcomeUnknown(thrown);

type Input = Record<string, unknown>;

/** The ID of the object that a mutation is about: `id`, `memberId`, or for example `category: { id }` of `updateCategory`. */
function targetIn({ name }: MutationField, input: Input = {}): string | null {
  const reference = input[fieldOf(name.replace(/^[a-z]+/, ''))] as { id?: unknown } | null | undefined;
  const id = input['id'] ?? input['memberId'] ?? reference?.id;
  // Only a valid id is logged, because the table cannot store a NUL character or index a long text.
  return typeof id === 'string' && decodeId(id) ? id : null;
}

async function succeed(ctx: Context, field: MutationField, before: Actor): Promise<unknown> {
  // A dry run writes nothing, not even an event.
  if (ctx.unit.dryRun) return allOf([...unansweredOf(ctx), end(ctx, 'rollback')]);
  // After signing in or creating an organization, the event names the new actor and the new organization.
  const [actor, organizationId] = ctx.unit.auditDraft.organizationId
    ? [ctx.unit.actor, ctx.unit.auditDraft.organizationId]
    : [before, before.organization?.id];
  if (!organizationId) return allOf([...unansweredOf(ctx), end(ctx, 'commit')]);
  const tx = await db(ctx);
  await (await ctx.unit.transaction)?.rebind(organizationId);
  const permission = requiredPermission(ctx, field);
  const attempt = { action: field.name, permission, outcome: 'ALLOWED', reason: null, actor, organizationId } as const;
  // COMMIT is sent directly after the event, in one round trip. If the event or a statement before it fails, COMMIT rolls
  // back.
  const recorded = recordEvent(tx, ctx, attempt);
  return allOf([...unansweredOf(ctx), recorded, end(ctx, 'commit')]);
}

/**
 * Throws the first error, which the later ones follow from. A lost connection fails everything. Then the outcome of the
 * commit decides which error the client gets.
 */
async function allOf(parts: Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(parts);
  const failed = settled.filter((part) => part.status === 'rejected').map(({ reason }) => reason);
  if (failed.length > 0) throw failed.find(isOutcomeUnknown) ?? failed[0];
}

const isOutcomeUnknown = (error: unknown): boolean => error instanceof AmbitError && error.code === 'OUTCOME_UNKNOWN';

async function end(ctx: Context, how: 'commit' | 'rollback'): Promise<void> {
  await endTransaction(ctx, how);
  await runAfterCommit(ctx, how);
}

interface Failure {
  thrown: unknown;
  input: Input | undefined;
  info: GraphQLResolveInfo;
}

async function fail(
  ctx: Context,
  field: MutationField,
  actor: Actor,
  { thrown, input, info }: Failure,
): Promise<{ errors: unknown }> {
  await end(ctx, 'rollback').catch(() => undefined);
  setActor(ctx, actor);
  const error = explain(thrown, actor);
  const organizationId = actor.organization?.id;
  if (organizationId && !isFault(thrown, error)) {
    await findTarget(ctx, field, input);
    const permission = requiredPermission(ctx, field, error);
    const attempt = { action: field.name, permission, ...outcomeOf(error), actor, organizationId };
    const attempted = { input: attemptedInput(input, info), dryRun: input?.['dryRun'] === true };
    await inTransaction(
      ctx.dependencies.pool,
      ctx.unit.binding,
      (own) => recordEvent(own, ctx, { ...attempt, ...attempted }),
      'read write',
      ctx.work,
    );
  }
  if (error instanceof AmbitError && error.userErrors) return { errors: error.userErrors };
  throw error;
}

/** The permission of the guard. If it depends on the input: the refused one, or the one that allowed the mutation. */
const requiredPermission = (ctx: Context, field: MutationField, error?: unknown): string | null =>
  field.permission ?? refusedPermission(error) ?? ctx.unit.auditDraft.permission ?? field.auditPermission ?? null;

/** NOT_HELD names a permission that the mutation would have given to somebody, and not the one that it requires. */
function refusedPermission(error: unknown): string | null {
  const { permission, reason } = error instanceof AmbitError ? error.extensions : {};
  return typeof permission === 'string' && reason !== 'NOT_HELD' ? permission : null;
}

/** Adds the target to the event, if the input names it by an alias. */
async function findTarget(ctx: Context, field: MutationField, input: Input = {}): Promise<void> {
  if (!field.auditTarget || ctx.unit.auditDraft.targetId) return;
  try {
    const targetId = await field.auditTarget(ctx, input);
    if (targetId) audit(ctx, { targetId });
  } catch {
    // Without its target, the event still contains the alias in its input.
  }
  await endTransaction(ctx, 'rollback').catch(() => undefined);
}

/**
 * Whether the database caused the failure. Such a failure is not an access decision, and writing the event would also
 * fail.
 */
const isFault = (thrown: unknown, error: unknown): boolean =>
  postgresError(thrown)?.code === LOCK_NOT_AVAILABLE ||
  (error instanceof AmbitError && (error.code === 'UNAVAILABLE' || error.code === 'OUTCOME_UNKNOWN'));

function explain(thrown: unknown, actor: Actor): unknown {
  if (postgresError(thrown)?.code === READ_ONLY_TRANSACTION && accessOfCredential(actor) === 'READ')
    return readOnlyToken(accessOf(effectiveGrantsOf(actor)));
  return domainError(thrown);
}

function outcomeOf(error: unknown): { outcome: Outcome; reason: string } {
  if (!(error instanceof AmbitError)) return { outcome: 'FAILED', reason: 'INTERNAL' };
  if (error.userErrors) return { outcome: 'REJECTED', reason: codesOf(error.userErrors) };
  if (error.code === 'BAD_REQUEST') return { outcome: 'REJECTED', reason: error.code };
  const reason = error.extensions['reason'];
  return { outcome: 'REFUSED', reason: typeof reason === 'string' ? reason : error.code };
}

/** Each code once, however many errors have it. */
const codesOf = (errors: readonly { code: string }[]): string => [...new Set(errors.map(({ code }) => code))].join(' ');
