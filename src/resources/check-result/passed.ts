import { type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import { checks } from '../check/table.ts';
import { currentStatus } from './status.ts';

/** Whether a row of `check_results` counts as passed. `passPending` is the column of its check. */
export function isPassed(time: Date, passPending: SQLWrapper = checks.passPending): SQL {
  const status = currentStatus(time);
  return sql`(${status} = 'PASSED' or (${status} = 'PENDING' and ${passPending}))`;
}
