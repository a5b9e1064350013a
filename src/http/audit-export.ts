import type { IncomingMessage } from 'node:http';
import type { GuardedPath } from '../access/endpoints.ts';
import { type Context, type Dependencies, newUnitOfWork, setActor } from '../context.ts';
import { endWork, newWork, type Work } from '../db/work.ts';
import { requireSignedIn } from '../graphql/signed-in.ts';
import { ANONYMOUS } from '../identity/actor.ts';
import { AmbitError, type ErrorCode } from '../lib/errors.ts';
import { EXPORT_REQUESTS } from '../lib/request-limits.ts';
import {
  beginExport,
  type ExportPage,
  type ExportRequest,
  mayExport,
  readExportPage,
} from '../resources/audit-event/export.ts';
import { CSV, type ExportFormat, JSONL } from '../resources/audit-event/export-format.ts';
import type { Deadlines } from './deadline.ts';
import { countFor } from './request-count.ts';
import type { StreamResponse } from './response.ts';
import { type BeginRunning, createRunningExports } from './running-exports.ts';
import type { ServerContext } from './server-context.ts';

/** Returns the response of an export. Throws if the caller cannot export. */
export type Export = (req: IncomingMessage, server: ServerContext) => Promise<StreamResponse>;

const FORMATS: Record<GuardedPath, ExportFormat> = { '/audit-events.csv': CSV, '/audit-events.jsonl': JSONL };

/** The paths that export the audit log. */
export function createExports(dependencies: Dependencies, deadlines: Deadlines): ReadonlyMap<string, Export> {
  const beginRunning = createRunningExports();
  return new Map(
    Object.entries(FORMATS).map(([path, format]) => [
      path,
      (req, server) => respond(dependencies, deadlines, { req, server, path, format, beginRunning }),
    ]),
  );
}

interface Request {
  req: IncomingMessage;
  server: ServerContext;
  path: string;
  format: ExportFormat;
  beginRunning: BeginRunning;
}

async function respond(
  dependencies: Dependencies,
  deadlines: Deadlines,
  { req, server, path, format, beginRunning }: Request,
): Promise<StreamResponse> {
  const { work, trace, chargeOrganization } = server.state;
  const ctx = await signedInContext(dependencies, server, work);
  const { actor } = ctx.unit;
  trace.actor = actor;
  chargeOrganization(actor.organization?.id ?? '');
  const isAllowed = mayExport(ctx);
  await countFor(dependencies, actor, server.address, isAllowed ? EXPORT_REQUESTS : 1);
  // Refused attempts do not count, so that members without the permission cannot stop the exports of others.
  const onEnd = isAllowed ? beginRunning(actor.organization?.id ?? '') : () => undefined;
  try {
    const request = await beginExport(ctx, new URL(req.url ?? '', 'http://localhost').searchParams);
    const first = await readExportPage(ctx, request, null);
    const name = `${actor.organization?.slug}-${path.slice(1)}`;
    return {
      status: 200,
      headers: { 'content-type': format.mediaType, 'content-disposition': `attachment; filename="${name}"` },
      chunks: chunksOf(format, first, (after) => readPage(dependencies, deadlines, server, request, after)),
      onEnd,
    };
  } catch (error) {
    onEnd();
    throw error;
  }
}

async function* chunksOf(
  format: ExportFormat,
  first: ExportPage,
  read: (after: string) => Promise<ExportPage>,
): AsyncGenerator<string> {
  yield format.head + format.lines(first.events);
  for (let { next } = first; next !== null; ) {
    const page = await read(next);
    yield format.lines(page.events);
    next = page.next;
  }
}

/** Each page has a deadline of its own, and the credential is read again for it. */
async function readPage(
  dependencies: Dependencies,
  deadlines: Deadlines,
  server: ServerContext,
  request: ExportRequest,
  after: string,
): Promise<ExportPage> {
  const work = newWork();
  const inProgress = { work, startedAt: performance.now(), giveUp: () => undefined };
  deadlines.add(inProgress);
  try {
    return await readExportPage(await contextOf(dependencies, server, work), request, after);
  } finally {
    deadlines.delete(inProgress);
    endWork(work);
  }
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
