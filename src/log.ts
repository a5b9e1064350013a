import { DrizzleQueryError } from 'drizzle-orm';
import sonic, { type SonicBoom } from 'sonic-boom';

/** What is logged at each level, which includes the levels before it. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** An entry without a level is at level `info`. */
export type Log = (entry: Record<string, unknown>) => void;

/** Characters that are collected before they are written, at most for this many milliseconds. */
const BATCH = { characters: 4_096, milliseconds: 100 };
/** Characters that wait for a reader who does not read. What comes after them is dropped. */
const UNREAD = 1_000_000;

/** Writes entries at this level and before as JSON lines to stderr. A slow reader of the log slows nothing down. */
export function createLog(level: LogLevel): Log {
  const out = new sonic.SonicBoom({
    fd: process.stderr.fd,
    minLength: BATCH.characters,
    maxLength: UNREAD,
    periodicFlush: BATCH.milliseconds,
  });
  // Nobody reads any more, so there is nobody to tell.
  out.on('error', () => undefined);
  process.on('exit', () => flushAtExit(out));
  const levels = new Set<unknown>(LOG_LEVELS.slice(0, LOG_LEVELS.indexOf(level) + 1));
  return ({ level: own = 'info', ...entry }) => {
    if (levels.has(own)) out.write(`${JSON.stringify({ time: new Date().toISOString(), level: own, ...entry })}\n`);
  };
}

function flushAtExit(out: SonicBoom): void {
  try {
    out.flushSync();
  } catch {
    // The reader is gone.
  }
}

/** Class of the SQLSTATEs whose messages quote the value that is wrong. */
const DATA_EXCEPTION = '22';

/** An error for the log, with its causes and without the parameters of a statement. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, stack = '' } = error;
  const at = stack.indexOf('\n    at ');
  const frames = at < 0 ? '' : stack.slice(at);
  const cause = error.cause ? `\ncaused by ${describeError(error.cause)}` : '';
  if (error instanceof DrizzleQueryError) return `Failed query: ${error.query}${frames}${cause}`;
  const code = (error as { code?: unknown }).code;
  const quotes = typeof code === 'string' && 'severity' in error && code.startsWith(DATA_EXCEPTION);
  return `${error.name}${code ? ` ${code}` : ''}: ${quotes ? 'a value is not valid' : message}${frames}${cause}`;
}
