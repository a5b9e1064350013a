import type { IncomingMessage } from 'node:http';
import type { AuditPath } from '../access/endpoints.ts';
import type { Dependencies } from '../context.ts';
import { beginExport, type ExportPage, mayExport, readExportPage } from '../resources/audit-event/export.ts';
import { CSV, type ExportFormat, JSONL } from '../resources/audit-event/export-format.ts';
import type { Deadlines } from './deadline.ts';
import { countedContext, withinDeadline } from './file-context.ts';
import type { StreamResponse } from './response.ts';
import { type BeginRunning, createRunning, MAX_EXPORTS } from './running-exports.ts';
import type { ServerContext } from './server-context.ts';

/** Returns the response of an export. Throws if the caller cannot export. */
export type Export = (req: IncomingMessage, server: ServerContext) => Promise<StreamResponse>;

const FORMATS: Record<AuditPath, ExportFormat> = { '/audit-events.csv': CSV, '/audit-events.jsonl': JSONL };

/** The paths that export the audit log. */
export function createExports(dependencies: Dependencies, deadlines: Deadlines): ReadonlyMap<string, Export> {
  const beginRunning = createRunning(MAX_EXPORTS, 'exports');
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
  const { ctx, isAllowed } = await countedContext(dependencies, server, mayExport);
  const { actor } = ctx.unit;
  // Refused attempts do not count, so that members without the permission cannot stop the exports of others.
  const onEnd = isAllowed ? beginRunning(actor.organization?.id ?? '') : () => undefined;
  try {
    const request = await beginExport(ctx, new URL(req.url ?? '', 'http://localhost').searchParams);
    const first = await readExportPage(ctx, request, null);
    const name = `${actor.organization?.slug}-${path.slice(1)}`;
    return {
      status: 200,
      headers: { 'content-type': format.mediaType, 'content-disposition': `attachment; filename="${name}"` },
      chunks: chunksOf(format, first, (after) =>
        withinDeadline(dependencies, deadlines, server, (own) => readExportPage(own, request, after)),
      ),
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
