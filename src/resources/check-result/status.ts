import { type SQL, sql } from 'drizzle-orm';
import { type CheckStatus, checkResults } from './table.ts';

export const CHECK_STATUSES = ['PASSED', 'FAILED', 'PENDING'] as const satisfies readonly CheckStatus[];

interface Result {
  status: CheckStatus;
  expiresAt: Date | null;
  replacedAt: Date | null;
}

/** The latest result is pending from the time on at which it expires. An earlier result keeps its status. */
export const statusOf = ({ status, expiresAt, replacedAt }: Result, time: Date): CheckStatus =>
  expiresAt !== null && expiresAt <= time && replacedAt === null ? 'PENDING' : status;

/** The same in SQL. */
export const currentStatus = (time: Date): SQL<CheckStatus> =>
  sql<CheckStatus>`case when ${checkResults.expiresAt} <= ${time.toISOString()}::timestamptz
    and ${checkResults.replacedAt} is null then 'PENDING' else ${checkResults.status} end`;
