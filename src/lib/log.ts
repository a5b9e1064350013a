import { DrizzleQueryError } from 'drizzle-orm';
import sonic, { type SonicBoom } from 'sonic-boom';

/** Log levels. Each level includes the levels before it. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** Writes an entry. Its level defaults to `info`. */
export type Log = (entry: Record<string, unknown>) => void;

/** Entries are written together after this many characters, or after this many milliseconds. */
const BATCH = { characters: 12_288, milliseconds: 100 };
/** Maximum number of characters that are buffered when stderr accepts no more data. Further entries are dropped. */
const MAX_BUFFERED = 1_000_000;

/** Bytes that a pipe takes from one process without those of another between them. Linux and POSIX: PIPE_BUF. */
const PIPE_BUFFER = 4_096;

/**
 * Writes entries of this level and the levels before it to stderr, as JSON lines. Writing never blocks requests. With the
 * number of a worker, which shares stderr with others, each entry contains it.
 */
export function createLog(level: LogLevel, shared?: { worker: number }): Log {
  const out = new sonic.SonicBoom({
    fd: process.stderr.fd,
    minLength: shared ? PIPE_BUFFER / 2 : BATCH.characters,
    ...(shared && { maxWrite: PIPE_BUFFER }),
    maxLength: MAX_BUFFERED,
    periodicFlush: BATCH.milliseconds,
  });
  // stderr is closed, so the error cannot be reported.
  out.on('error', () => undefined);
  process.on('exit', () => flushAtExit(out));
  const levels = new Set<unknown>(LOG_LEVELS.slice(0, LOG_LEVELS.indexOf(level) + 1));
  const prefix = shared ? `"worker":${shared.worker},` : '';
  return (entry) => {
    const { level: own = 'info' } = entry;
    if (!levels.has(own)) return;
    const text = JSON.stringify(entry['level'] ? entry : { level: own, ...entry });
    // Copying the entry to add the time took longer than the rest.
    out.write(`{"time":"${new Date().toISOString()}",${prefix}${text.slice(1)}\n`);
  };
}

function flushAtExit(out: SonicBoom): void {
  try {
    out.flushSync();
  } catch {
    // stderr is closed.
  }
}

/** Class of the SQLSTATEs for invalid values, such as a NUL character in text. Their messages quote the value. */
export const DATA_EXCEPTION = '22';

/** Describes an error for the log, with its causes and without the parameters of a statement. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, stack = '' } = error;
  // After the whole message, because a parameter in it can look like a frame.
  const at = stack.indexOf(message);
  const frames = at < 0 ? '' : stack.slice(at + message.length);
  const cause = error.cause ? `\ncaused by ${describeError(error.cause)}` : '';
  if (error instanceof DrizzleQueryError) return `Failed query: ${error.query}${frames}${cause}`;
  const code = (error as { code?: unknown }).code;
  const quotesValue = typeof code === 'string' && 'severity' in error && code.startsWith(DATA_EXCEPTION);
  return `${error.name}${code ? ` ${code}` : ''}: ${quotesValue ? 'a value is not valid' : message}${frames}${cause}`;
}

/** The message of an error in one line, without the parameters of a statement. */
export function errorMessage(error: unknown): string {
  if (error instanceof DrizzleQueryError) return errorMessage(error.cause);
  if (!(error instanceof Error)) return String(error);
  return error.message || String((error as { code?: unknown }).code ?? error.name);
}

/** What a command prints to stderr before it fails: each line of the message after the name of the program. */
export const errorLines = (error: unknown): string =>
  errorMessage(error)
    .split('\n')
    .map((line) => `ambit: ${line}\n`)
    .join('');

/** Drops an entry if one with the same message was logged less than this many milliseconds ago. */
export function throttled(milliseconds: number, log: Log): Log {
  const loggedAt = new Map<unknown, number>();
  return (entry) => {
    const now = performance.now();
    if (now - (loggedAt.get(entry['message']) ?? Number.NEGATIVE_INFINITY) < milliseconds) return;
    loggedAt.set(entry['message'], now);
    log(entry);
  };
}
