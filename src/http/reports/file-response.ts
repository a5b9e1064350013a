import { type Context, runAndCommit } from '../../context.ts';
import { runWithinDeadline } from '../file-context.ts';
import type { HttpResponse, StreamResponse } from '../response.ts';
import type { ReportCall } from './call.ts';
import { SECURITY_HEADERS } from './layout.ts';
import type { FilePart, ReportFile } from './report.ts';
import { partContext } from './session.ts';

/** A file whose first part has been read. */
interface BegunFile {
  readonly file: ReportFile;
  readonly first: string;
}

export const beginFile = async (ctx: Context, file: ReportFile): Promise<BegunFile> => ({
  file,
  first: (await file.parts[0]?.(ctx)) ?? '',
});

/** Sends the file. Its later parts are read while the client reads, so that no file is in memory as a whole. */
export function fileResponse(
  call: ReportCall,
  { unit: { actor } }: Context,
  { file: { fileName, mediaType, parts }, first }: BegunFile,
  requireAccess: (ctx: Context) => void,
): HttpResponse | StreamResponse {
  const headers = {
    ...SECURITY_HEADERS,
    'content-type': mediaType,
    'content-disposition': `attachment; filename="${fileName.replace(/[^\w.-]/g, '_')}"`,
  };
  const rest = parts.slice(1);
  if (rest.length === 0) return { status: 200, headers, body: first };
  const onEnd = call.files.beginRunning(actor.organization?.id ?? '');
  return { status: 200, headers, chunks: chunksOf(call, first, rest, requireAccess), onEnd };
}

async function* chunksOf(
  call: ReportCall,
  first: string,
  rest: readonly FilePart[],
  requireAccess: (ctx: Context) => void,
): AsyncGenerator<string> {
  if (call.req.method === 'HEAD') return;
  yield first;
  for (const part of rest)
    yield await runWithinDeadline(call.files.deadlines, async (work) => {
      const ctx = await partContext(call, work);
      requireAccess(ctx);
      return await runAndCommit(ctx, () => part(ctx));
    });
}
