import type { IncomingMessage } from 'node:http';
import type { UploadPath } from '../access/endpoints.ts';
import type { Context, Dependencies } from '../context.ts';
import { domainError } from '../db/constraints.ts';
import type { Work } from '../db/work.ts';
import { AmbitError } from '../lib/errors.ts';
import { type FileFormat, FileStopped, IMPORT_LIMITS, rowsOfFile } from '../resources/service/import-file.ts';
import { importSteps } from '../resources/service/import-steps.ts';
import type { Export } from './audit-export.ts';
import { type Deadlines, stopDisconnected } from './deadline.ts';
import { countedContext, withinDeadline } from './file-context.ts';
import { createRunning, MAX_IMPORTS } from './running-exports.ts';
import type { ServerContext } from './server-context.ts';
import { importDependencies } from './service-rows/dependencies.ts';
import { importRows } from './service-rows/rows.ts';
import { mayImport, recordImport, requireImport } from './service-rows/transaction.ts';
import { chunksOfBody, setUploading } from './upload.ts';

/** After which an import ends. Files of 100 MB at 170 kB/s arrive in time. */
const TIMEOUTS = { idle: 30_000, total: 600_000 };

const FORMATS: Readonly<Record<string, FileFormat>> = {
  'text/csv': 'csv',
  'application/jsonl': 'jsonl',
  'application/x-ndjson': 'jsonl',
};

/** Reads files of any length. The response begins before the request has ended. */
export const createUploads = (dependencies: Dependencies, deadlines: Deadlines): ReadonlyMap<string, Export> => {
  const uploads: Record<UploadPath, Export> = { '/services/import': createServiceImport(dependencies, deadlines) };
  return new Map(Object.entries(uploads));
};

function createServiceImport(dependencies: Dependencies, deadlines: Deadlines): Export {
  const beginRunning = createRunning(MAX_IMPORTS, 'imports');
  return async (req, server) => {
    const { ctx } = await countedContext(dependencies, server, mayImport);
    const { actor } = ctx.unit;
    const { format, dryRun } = await begin(ctx, req);
    const end = beginRunning(actor.organization?.id ?? '');
    setUploading(req, true);
    const onEnd = (): void => {
      end();
      setUploading(req, false);
    };
    return {
      status: 200,
      headers: { 'content-type': 'application/jsonl; charset=utf-8', connection: 'close' },
      chunks: linesOf(dependencies, deadlines, { req, server, format, dryRun }),
      onEnd,
    };
  };
}

interface Request {
  req: IncomingMessage;
  server: ServerContext;
  format: FileFormat;
  dryRun: boolean;
}

/** Checks the permissions and the parameters before the body is read, and adds the event of the import. */
async function begin(ctx: Context, req: IncomingMessage): Promise<Pick<Request, 'format' | 'dryRun'>> {
  try {
    requireImport(ctx);
  } catch (error) {
    if (error instanceof AmbitError) await recordImport(ctx, error, {});
    throw error;
  }
  const query = new URL(req.url ?? '', 'http://localhost').searchParams;
  const dryRun = query.get('dryRun') ?? 'false';
  if ([...query.keys()].some((key) => key !== 'dryRun') || !['true', 'false'].includes(dryRun))
    throw new AmbitError('BAD_REQUEST', 'The only parameter is `dryRun`, which is true or false.');
  const type = (req.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const format = FORMATS[type];
  if (!format)
    throw new AmbitError('BAD_REQUEST', 'content-type: must be text/csv or application/jsonl.', {
      http: { status: 415 },
    });
  if (Number(req.headers['content-length']) > IMPORT_LIMITS.file)
    throw new AmbitError('BAD_REQUEST', `The file must not be larger than ${IMPORT_LIMITS.file} bytes.`, {
      http: { status: 413, headers: { connection: 'close' } },
    });
  await recordImport(ctx, null, { format, dryRun: dryRun === 'true' });
  return { format, dryRun: dryRun === 'true' };
}

/** One JSON object for each line: progress, rows with errors, and the result. */
async function* linesOf(
  dependencies: Dependencies,
  deadlines: Deadlines,
  { req, server, format, dryRun }: Request,
): AsyncGenerator<string> {
  let current: Work | null = null;
  const onBegin = (work: Work): void => {
    current = work;
  };
  const disconnected = (): void => {
    if (current && !req.complete) stopDisconnected(current);
  };
  req.once('close', disconnected);
  const tooSlow = () => new FileStopped('TIMEOUT', 'The file arrives too slowly.');
  const within = <T>(step: (ctx: Context) => Promise<T>): Promise<T> =>
    withinDeadline(dependencies, deadlines, server, step, onBegin);
  const steps = importSteps(rowsOfFile(format, chunksOfBody(req, TIMEOUTS, tooSlow)), dryRun, {
    rows: (rows) => within((ctx) => importRows(ctx, rows, dryRun)),
    dependencies: (open) => within((ctx) => importDependencies(ctx, open)),
    reasonOf: (error) => {
      const known = domainError(error);
      if (!(known instanceof AmbitError)) throw error;
      return { code: known.code, message: known.message };
    },
  });
  try {
    for await (const step of steps) yield `${JSON.stringify(step)}\n`;
  } finally {
    req.off('close', disconnected);
  }
}
