import { ROUNDS } from './settings.ts';

/** The result of one round: its main figure, and details such as latencies. */
export interface Measured {
  value: number;
  details: Record<string, number>;
}

export interface Contender {
  name: string;
  /** Runs one round. */
  measure(): Promise<number | Measured>;
}

export interface Outcome {
  name: string;
  median: number;
  all: number[];
  /** Medians of the details. */
  details: Record<string, number>;
}

/** Runs one round of each contender in turn, so that a temporary disturbance affects all of them. */
export async function inTurn(contenders: Contender[], rounds = ROUNDS): Promise<Outcome[]> {
  const measured = await roundsOf(contenders, rounds);
  return contenders.map(({ name }, at) => outcomeOf(name, measured[at] ?? []));
}

/** All rounds of each contender, without the warm-up. */
export async function roundsOf(contenders: Contender[], rounds = ROUNDS): Promise<Measured[][]> {
  const measured = contenders.map(() => [] as Measured[]);
  for (let round = 0; round <= rounds; round += 1)
    for (const [at, contender] of contenders.entries()) {
      const result = await contender.measure();
      const one = typeof result === 'number' ? { value: result, details: {} } : result;
      // The first round warms up.
      if (round > 0) measured[at]?.push(one);
      progress(
        `${round === 0 ? 'warm-up' : `round ${round}/${rounds}`}  ${contender.name}: ${one.value.toPrecision(4)}`,
      );
    }
  return measured;
}

function outcomeOf(name: string, measured: Measured[]): Outcome {
  const all = measured.map(({ value }) => value);
  const keys = Object.keys(measured[0]?.details ?? {});
  const details = keys.map((key) => [key, median(measured.map((one) => one.details[key] ?? Number.NaN))]);
  return { name, median: median(all), all, details: Object.fromEntries(details) };
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}

/** Writes progress to stderr. Only results are written to stdout. */
export function progress(text: string): void {
  process.stderr.write(`  ${text}\n`);
}
