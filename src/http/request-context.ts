import { type Context, type Dependencies, newUnitOfWork, setActor } from '../context.ts';
import { type Actor, ANONYMOUS } from '../identity/actor.ts';
import { authenticateAgain, authenticateLater } from './invalid-credential.ts';
import type { RequestState, ServerContext } from './server-context.ts';

/** The context of an operation with the state of its HTTP request. */
export interface RequestContext extends Context {
  readonly state: RequestState;
}

/** Milliseconds during which a mutation uses the actor that was read for the request instead of reading it again. */
const FRESH = 100;

export async function createContext(dependencies: Dependencies, server: ServerContext): Promise<RequestContext> {
  const { requestId, address, userAgent, authorization, state } = server;
  const { work } = state;
  const authenticate = (): Promise<Actor> => dependencies.identity.authenticate(authorization, address, work);
  const cached = await dependencies.identity.findCached(authorization, address);
  const actor = cached?.actor ?? (await authenticateLater(state.credential, authenticate));
  // The first mutation of a document may use the actor that has just been read.
  let freshActor: Actor | null = cached ? null : actor;
  const readAt = performance.now();
  const ctx: RequestContext = {
    dependencies,
    requestId,
    address,
    userAgent,
    work,
    decisions: state.trace.decisions,
    authenticate: async () => {
      const isFresh = performance.now() - readAt < FRESH;
      // The headers must not show what only an earlier role or a revoked credential allows.
      state.trace.actor = ANONYMOUS;
      const current = (isFresh && freshActor) || (await authenticateAgain(state.credential, authenticate));
      freshActor = null;
      state.trace.actor = current;
      return current;
    },
    unit: newUnitOfWork(cached && { cached, result: null }),
    state,
  };
  state.trace.actor = actor;
  state.chargeOrganization(actor.organization?.id ?? '');
  setActor(ctx, actor);
  return ctx;
}
