import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startVitest } from 'vitest/node';
import type { Line } from './judge.ts';

/** The full form of the suite, one file after the other, with a table at the end. */
const folder = mkdtempSync(join(tmpdir(), 'ambit-table-'));
const table = join(folder, 'lines');
writeFileSync(table, '');
const minutes = process.env['FAULTS_SERVER'] ? 10 : 6;
Object.assign(process.env, {
  FAULTS: 'full',
  FAULTS_TABLE: table,
  FAULTS_UNTIL: String(Date.now() + minutes * 60_000),
});

const vitest = await startVitest('test', ['test/faults'], { run: true, watch: false, fileParallelism: false });
await vitest.close();
const lines = readFileSync(table, 'utf8').split('\n').filter(Boolean);
process.stdout.write(`\n${formatTable(lines.map((text) => JSON.parse(text) as Line))}\n`);
rmSync(folder, { recursive: true });

function formatTable(lines: Line[]): string {
  const seconds = (milliseconds: number): string => `${(milliseconds / 1_000).toFixed(2)} s`;
  const head = [
    'fault',
    'pool',
    'rounds',
    'requests',
    'unanswered',
    'slowest answer',
    'served after',
    'lost or doubled',
  ];
  const rows = lines.map((line) => [
    ...[line.fault, line.pool, line.rounds, line.requests, line.unanswered],
    ...[seconds(line.slowest), line.served === null ? 'never' : seconds(line.served), line.lost],
    Object.entries(line.codes)
      .map(([code, count]) => `${code} ${count}`)
      .join(', '),
    [line.note, ...line.violations.map((text) => text.replace(/, such as .*/s, '').slice(0, 100))]
      .filter(Boolean)
      .join('; '),
  ]);
  const all = [[...head, 'ends', 'remarks'], ...rows];
  const cells = all.map((row) => `| ${row.map((cell) => String(cell).replaceAll('|', '/')).join(' | ')} |`);
  return [cells[0], `|${' --- |'.repeat(head.length + 2)}`, ...cells.slice(1)].join('\n');
}
