import { type Context, type Dependencies, newUnitOfWork, setActor } from '../context.ts';
import { endWork, newWork, type Work } from '../db/work.ts';
import { requireSignedIn } from '../graphql/signed-in.ts';
import { ANONYMOUS } from '../identity/actor.ts';
import { AmbitError, type ErrorCode } from '../lib/errors.ts';
import { EXPORT_REQUESTS } from '../lib/request-limits.ts';
import type { Deadlines } from './deadline.ts';
import { countFor } from './request-count.ts';
import type { ServerContext } from './server-context.ts';

/** The context of an export or import. It counts as several requests if the caller may do it, and otherwise as one. */
export async function countedContext(
  dependencies: Dependencies,
  server: ServerContext,
  may: (ctx: Context) => boolean,
): Promise<{ ctx: Context; isAllowed: boolean }> {
  const { work, trace, chargeOrganization } = server.state;
  const ctx = await signedInContext(dependencies, server, work);
  const { actor } = ctx.unit;
  trace.actor = actor;
  chargeOrganization(actor.organization?.id ?? '');
  const isAllowed = may(ctx);
  await countFor(dependencies, actor, server.address, isAllowed ? EXPORT_REQUESTS : 1);
  return { ctx, isAllowed };
}

/** A request without a credential, or with one that is not valid here, counts for its network. */
async function signedInContext(dependencies: Dependencies, server: ServerContext, work: Work): Promise<Context> {
  try {
    const ctx = await contextOf(dependencies, server, work);
    requireSignedIn(ctx);
    return ctx;
  } catch (error) {
    if (error instanceof AmbitError && REFUSALS.includes(error.code))
      await countFor(dependencies, ANONYMOUS, server.address, 1);
    throw error;
  }
}

const REFUSALS: readonly ErrorCode[] = ['UNAUTHENTICATED', 'FORBIDDEN'];

async function contextOf(dependencies: Dependencies, server: ServerContext, work: Work): Promise<Context> {
  const { requestId, address, userAgent, authorization } = server;
  const authenticate = () => dependencies.identity.authenticate(authorization, address, work);
  const { decisions } = server.state.trace;
  const ctx = { dependencies, requestId, address, userAgent, work, decisions, authenticate, unit: newUnitOfWork(null) };
  setActor(ctx, await authenticate());
  return ctx;
}

/** Runs a step of a long request with a deadline of its own. The credential is read again for it. */
export const withinDeadline = <T>(
  dependencies: Dependencies,
  deadlines: Deadlines,
  server: ServerContext,
  step: (ctx: Context) => Promise<T>,
  onBegin?: (work: Work) => void,
): Promise<T> =>
  runWithinDeadline(deadlines, async (work) => step(await contextOf(dependencies, server, work)), onBegin);

/** Runs a function whose work is stopped at a deadline of its own. */
export async function runWithinDeadline<T>(
  deadlines: Deadlines,
  run: (work: Work) => Promise<T>,
  onBegin: (work: Work) => void = () => undefined,
): Promise<T> {
  const work = newWork();
  const inProgress = { work, startedAt: performance.now(), giveUp: () => undefined };
  deadlines.add(inProgress);
  onBegin(work);
  try {
    return await run(work);
  } finally {
    deadlines.delete(inProgress);
    endWork(work);
  }
}
