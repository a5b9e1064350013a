import type { Outcome } from './rounds.ts';

/** Bounds the ratio of two medians or, without `against`, the median itself. */
export interface Target {
  of: string;
  against?: string;
  atLeast?: number;
  atMost?: number;
}

export interface Report {
  /** Names the files of the result. */
  workload: string;
  /** One sentence: what was measured. */
  what: string;
  unit: string;
  higherIsBetter: boolean;
  /** Ambit's first: the others are told relative to it. */
  outcomes: Outcome[];
  targets: Target[];
  notes?: string[];
}

export interface Judged extends Target {
  value: number;
  met: boolean;
  text: string;
}
