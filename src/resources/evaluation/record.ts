import { recordProgress } from '../campaign/history.ts';
import { recordMaturity } from './history.ts';
import type { Scope } from './scope.ts';

/** Stores the numbers of today that reports show by day. */
export async function recordNumbers(scope: Scope): Promise<void> {
  await recordMaturity(scope);
  await recordProgress(scope);
}
