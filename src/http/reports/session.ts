import { type Context, newUnitOfWork, setActor } from '../../context.ts';
import type { Work } from '../../db/work.ts';
import { type Actor, ANONYMOUS } from '../../identity/actor.ts';
import { unauthenticated } from '../../identity/identity.ts';
import type { CurrentReportSession } from '../../resources/session/report-session.ts';
import { countFor } from '../request-count.ts';
import type { ReportCall } from './call.ts';
import { signFormToken } from './form-token.ts';
import type { Viewer } from './layout.ts';

/** How many requests a page counts as, like an operation with the cost 10,000. */
export const PAGE_REQUESTS = 10;

/** A context without a credential. */
export function anonymousContext({ dependencies, server }: ReportCall): Context {
  const { requestId, address, userAgent, state } = server;
  return {
    dependencies,
    requestId,
    address,
    userAgent,
    work: state.work,
    decisions: state.trace.decisions,
    authenticate: async () => ANONYMOUS,
    unit: newUnitOfWork(null),
  };
}

/** Counts an anonymous request for its network. */
export const countAnonymous = async ({ dependencies, server }: ReportCall): Promise<void> =>
  countFor(dependencies, ANONYMOUS, server.address, 1);

/**
 * The context of a request for a page. The cookie is its only credential: the header Authorization is ignored. The credential
 * allows reading only, and the transaction is read-only. Null if nobody is signed in. Counts the request.
 */
export async function reportContext(call: ReportCall, requests: number): Promise<Context | null> {
  const { dependencies, server } = call;
  const { trace, chargeOrganization } = server.state;
  const actor = await readCookie(call);
  await countFor(dependencies, actor ?? ANONYMOUS, server.address, actor ? requests : 1);
  if (!actor) return null;
  trace.actor = actor;
  chargeOrganization(actor.organization?.id ?? '');
  return contextOf(call, actor);
}

/** The context of a later part of a file. Throws if the session has ended. Does not count a request. */
export async function partContext(call: ReportCall, work: Work): Promise<Context> {
  const { server } = call;
  const own = { ...call, server: { ...server, state: { ...server.state, work } } };
  const actor = await readCookie(own);
  if (!actor) throw unauthenticated();
  return contextOf(own, actor);
}

function contextOf(call: ReportCall, actor: Actor): Context {
  const ctx = anonymousContext(call);
  setActor(ctx, actor);
  return ctx;
}

/** The actor of the session in the cookie. Null if there is no cookie, or if the session has ended. */
async function readCookie({ dependencies, cookies, req, server }: ReportCall): Promise<Actor | null> {
  const token = cookies.session(req);
  return token === null ? null : await dependencies.identity.authenticateReports(token, server.state.work);
}

const sessionOf = (actor: Actor): CurrentReportSession => ({
  sessionId: actor.credential?.id ?? '',
  userId: actor.user?.id ?? '',
  actor,
});

export const currentSession = ({ unit }: Context): CurrentReportSession => sessionOf(unit.actor);

/** The session that the browser has before it signs in. Null if it has none. */
export async function formerSession(call: ReportCall): Promise<CurrentReportSession | null> {
  const actor = await readCookie(call);
  return actor && sessionOf(actor);
}

/** The person for the bar of a page. */
export async function viewerOf({ unit: { actor }, dependencies }: Context): Promise<Viewer> {
  const { identity, clock } = dependencies;
  return {
    name: actor.user?.name ?? '',
    organization: actor.organization?.name ?? null,
    formToken: await signFormToken(identity.keys, `session ${actor.credential?.id}`, clock()),
  };
}
