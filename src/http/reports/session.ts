import type { IncomingMessage } from 'node:http';
import { type Context, type Dependencies, newUnitOfWork, setActor } from '../../context.ts';
import { ANONYMOUS } from '../../identity/actor.ts';
import { countFor } from '../request-count.ts';
import type { ServerContext } from '../server-context.ts';
import type { Cookies } from './cookie.ts';

/** How many requests a page counts as, like an operation with the cost 10,000. */
const REPORT_REQUESTS = 10;

/** A context without a credential. */
export function anonymousContext(dependencies: Dependencies, server: ServerContext): Context {
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

/**
 * The context of a request for a page. The cookie is its only credential: the header Authorization is ignored. The credential
 * allows reading only, and the transaction is read-only. Null if nobody is signed in. Counts the request.
 */
export async function reportContext(
  dependencies: Dependencies,
  cookies: Cookies,
  req: IncomingMessage,
  server: ServerContext,
): Promise<Context | null> {
  const { work, trace, chargeOrganization } = server.state;
  const token = cookies.session(req);
  const actor = token === null ? null : await dependencies.identity.authenticateReports(token, work);
  await countFor(dependencies, actor ?? ANONYMOUS, server.address, actor ? REPORT_REQUESTS : 1);
  if (!actor) return null;
  trace.actor = actor;
  chargeOrganization(actor.organization?.id ?? '');
  const ctx = anonymousContext(dependencies, server);
  setActor(ctx, actor);
  return ctx;
}
