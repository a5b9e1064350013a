import { clearLine, cursorTo } from 'node:readline';
import type { WriteStream } from 'node:tty';
import type { Log } from '../lib/log.ts';

/** Milliseconds between two updates of the line of the current table. */
const REFRESH = 200;

/** The entries about one table. */
interface TableEntry {
  table: string;
  rows: number;
  number: number;
  of: number;
  durationMs?: number;
}

export interface Progress {
  log: Log;
  /** Ends the line of the current table. */
  end(): void;
}

/** Shows the distribution of tables on a terminal: a line for each table, of which the last one is updated. */
export function createProgress(terminal: WriteStream): Progress {
  let timer: NodeJS.Timeout | undefined;
  const show = (text: string): void => {
    cursorTo(terminal, 0);
    clearLine(terminal, 1);
    terminal.write(text);
  };
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
  };
  const log: Log = (entry) => {
    stop();
    if (!entry['table']) return show(`${entry['message']}\n`);
    const table = entry as unknown as TableEntry;
    if (table.durationMs !== undefined) return show(`${lineOf(table, table.durationMs)}\n`);
    const startedAt = performance.now();
    const update = (): void => show(lineOf(table, performance.now() - startedAt));
    update();
    timer = setInterval(update, REFRESH).unref();
  };
  const end = (): void => {
    if (timer) terminal.write('\n');
    stop();
  };
  return { log, end };
}

function lineOf({ table, rows, number, of }: TableEntry, milliseconds: number): string {
  const counter = `${number}/${of}`.padStart(5);
  const seconds = `${(milliseconds / 1_000).toFixed(1)} s`;
  const amount = `${rows.toLocaleString('en')} ${rows === 1 ? 'row' : 'rows'}`;
  return `${counter}  ${table.padEnd(24)} ${amount.padStart(18)} ${seconds.padStart(9)}`;
}
