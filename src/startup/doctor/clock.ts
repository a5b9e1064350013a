import type { Sql } from 'postgres';
import { type Finding, fail, ok, warn } from './finding.ts';

/** Seconds of difference above which there is a warning, and above which the check fails. */
const LIMITS = { warn: 1, fail: 60 };

const ATTEMPTS = 3;

/** Compares the clocks of this machine and of the database. The attempt with the shortest round trip is the most exact. */
export async function checkClock(sql: Sql, now: () => number = Date.now): Promise<Finding[]> {
  const measured: { difference: number; duration: number }[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const before = now();
    const [row] = await sql`select extract(epoch from clock_timestamp())::float8 * 1000 as time`;
    const after = now();
    measured.push({ difference: (before + after) / 2 - row?.['time'], duration: after - before });
  }
  const [best] = measured.toSorted((a, b) => a.duration - b.duration);
  return [findingOf((best?.difference ?? 0) / 1_000)];
}

function findingOf(seconds: number): Finding {
  const size = Math.abs(seconds);
  if (size <= LIMITS.warn) return ok(`This machine and the database differ by ${Math.round(size * 1_000)} ms.`);
  const direction = seconds > 0 ? 'ahead of' : 'behind';
  const text = `The clock of this machine is ${size.toFixed(1)} s ${direction} that of the database. Both clocks decide whether something has expired. Synchronize them, for example with NTP.`;
  return size > LIMITS.fail ? fail(text) : warn(text);
}
