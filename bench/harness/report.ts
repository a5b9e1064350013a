import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { chart } from './chart.ts';
import { json } from './json.ts';
import type { Judged, Report, Target } from './result.ts';
import type { Outcome } from './rounds.ts';
import { format, table } from './table.ts';

const RESULTS = new URL('../results/', import.meta.url);

/** Prints the result, and writes it as JSON and SVG. */
export async function report(result: Report): Promise<void> {
  const targets = result.targets.map((target) => judge(target, result));
  const machine = `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`;
  process.stdout.write(`\n${table(result, targets)}\n`);
  await mkdir(RESULTS, { recursive: true });
  const all = { ...result, targets, machine, date: new Date().toISOString().slice(0, 10) };
  await writeFile(new URL(`${result.workload}.json`, RESULTS), json(all));
  await writeFile(new URL(`${result.workload}.svg`, RESULTS), chart(result));
}

function judge(target: Target, { outcomes, unit }: Report): Judged {
  const { of, against, atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = target;
  const value = medianOf(outcomes, of) / (against === undefined ? 1 : medianOf(outcomes, against));
  const bound = target.atLeast === undefined ? `≤ ${target.atMost}` : `≥ ${target.atLeast}`;
  const shown = against === undefined ? `${format(value)} ${unit}` : `${value.toFixed(2)} × ${against}`;
  const wanted = against === undefined ? `${bound} ${unit}` : `${bound} ×`;
  return { ...target, value, met: value >= atLeast && value <= atMost, text: `${of}: ${shown} (target ${wanted})` };
}

function medianOf(outcomes: Outcome[], name: string): number {
  const found = outcomes.find((outcome) => outcome.name === name);
  if (!found) throw new Error(`there is no contender ${name}`);
  return found.median;
}
