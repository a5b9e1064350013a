import type { PostPath } from '../access/endpoints.ts';
import { type Context, type Dependencies, newUnitOfWork } from '../context.ts';
import { ANONYMOUS } from '../identity/actor.ts';
import { AmbitError } from '../lib/errors.ts';
import { networkOf } from '../lib/network.ts';
import { revokeSecret } from '../resources/api-token/revoke.ts';
import type { HttpResponse } from './response.ts';
import type { ServerContext } from './server-context.ts';

/** Responds to a POST request with this body. */
export type Post = (body: Buffer, server: ServerContext) => Promise<HttpResponse>;

export const createPosts = (dependencies: Dependencies): ReadonlyMap<string, Post> => {
  const posts: Record<PostPath, Post> = {
    '/secrets/revoke': (body, server) => revoke(dependencies, body, server),
  };
  return new Map(Object.entries(posts));
};

/** The same response for every secret, so that it does not tell whether the secret was valid. */
const DONE: HttpResponse = { status: 204, headers: {}, body: '' };

async function revoke(dependencies: Dependencies, body: Buffer, server: ServerContext): Promise<HttpResponse> {
  const { requestId, address, userAgent, state } = server;
  await dependencies.identity.limiter.consume('revocationsPerNetwork', networkOf(address));
  const ctx: Context = {
    dependencies,
    requestId,
    address,
    userAgent,
    work: state.work,
    decisions: state.trace.decisions,
    authenticate: async () => ANONYMOUS,
    unit: newUnitOfWork(null),
  };
  await revokeSecret(ctx, secretIn(body));
  return DONE;
}

function secretIn(body: Buffer): string {
  const given = parse(body);
  const secret = typeof given === 'object' && given !== null && 'secret' in given ? given.secret : null;
  if (typeof secret !== 'string')
    throw new AmbitError('BAD_REQUEST', 'The body must be a JSON object with the secret: { "secret": "ambit_pat_…" }.');
  return secret;
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return null;
  }
}
