import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../../lib/log.ts';

export type Status = 'ok' | 'warn' | 'fail';

/** One line of the report: what was found, and what to do unless the status is `ok`. */
export interface Finding {
  status: Status;
  text: string;
}

/** A check, and the name of its lines in the report. */
export interface Check {
  name: string;
  /** Milliseconds after which the check fails. Defaults to 10,000. */
  deadlineMs?: number;
  run(): Promise<Finding[]>;
  /** Describes an error of `run`. */
  describe?(error: unknown): Finding[];
}

/** What a check found. */
export interface Result {
  name: string;
  findings: Finding[];
}

export const ok = (text: string): Finding => ({ status: 'ok', text });
export const warn = (text: string): Finding => ({ status: 'warn', text });
export const fail = (text: string): Finding => ({ status: 'fail', text });

const DEADLINE = 10_000;

const failed = (error: unknown): Finding[] => [fail(`The check failed: ${sentence(error)}`)];

/** Runs a check until its deadline. An error of the check is a finding, so that the other checks still run. */
export async function runCheck({ name, run, describe = failed, deadlineMs = DEADLINE }: Check): Promise<Result> {
  const timer = new AbortController();
  const late = sleep(deadlineMs, undefined, { signal: timer.signal }).then(() => [
    fail(`The check did not end within ${deadlineMs / 1_000} s.`),
  ]);
  late.catch(() => undefined);
  try {
    return { name, findings: await Promise.race([run(), late]) };
  } catch (error) {
    return { name, findings: describe(error) };
  } finally {
    timer.abort();
  }
}

/** The message of an error in one line, with a period at the end. */
export const sentence = (error: unknown): string =>
  `${errorMessage(error)
    .replace(/\s*\n\s*/g, '; ')
    .replace(/\.$/, '')}.`;

/** `1 row` or `3 rows`. */
export const amount = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
