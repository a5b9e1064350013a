import type { Dependencies } from '../context.ts';
import type { ServiceFormat } from '../resources/service/record.ts';
import type { Export } from './audit-export.ts';
import type { Deadlines } from './deadline.ts';
import { countedContext, withinDeadline } from './file-context.ts';
import { createRunning, MAX_EXPORTS } from './running-exports.ts';
import { beginServiceExport, mayExportServices, readServicePage, type ServicePage } from './service-pages.ts';

/** Sends all services that the caller can read as a file. */
export function createServiceExport(dependencies: Dependencies, deadlines: Deadlines): Export {
  const beginRunning = createRunning(MAX_EXPORTS, 'exports');
  return async (req, server) => {
    const { ctx, isAllowed } = await countedContext(dependencies, server, mayExportServices);
    const { actor } = ctx.unit;
    const onEnd = isAllowed ? beginRunning(actor.organization?.id ?? '') : () => undefined;
    try {
      const { name, format } = await beginServiceExport(ctx, new URL(req.url ?? '', 'http://localhost').searchParams);
      const first = await readServicePage(ctx, null);
      const fileName = `${actor.organization?.slug}-services.${name}`;
      const read = (after: string): Promise<ServicePage> =>
        withinDeadline(dependencies, deadlines, server, (own) => readServicePage(own, after));
      return {
        status: 200,
        headers: { 'content-type': format.mediaType, 'content-disposition': `attachment; filename="${fileName}"` },
        chunks: chunksOf(format, first, read),
        onEnd,
      };
    } catch (error) {
      onEnd();
      throw error;
    }
  };
}

async function* chunksOf(
  format: ServiceFormat,
  first: ServicePage,
  read: (after: string) => Promise<ServicePage>,
): AsyncGenerator<string> {
  yield format.head + format.lines(first.records);
  for (let { next } = first; next !== null; ) {
    const page = await read(next);
    yield format.lines(page.records);
    next = page.next;
  }
}
