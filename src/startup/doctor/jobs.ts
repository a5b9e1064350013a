import type { Sql } from 'postgres';
import { countJobs, type FailedJob, listFailedJobs } from '../../jobs/status.ts';
import { amount, type Finding, ok, warn } from './finding.ts';

/** Seconds of waiting after which no worker seems to run. */
const MAX_WAIT = 60;
/** The newest failed jobs, which are listed. */
const LISTED = 3;

/** Checks the queue of background jobs: whether a worker takes them, and which have failed. */
export async function checkJobs(sql: Sql): Promise<Finding[]> {
  const counts = await countJobs({ sql });
  const total = (key: 'queued' | 'active' | 'failed'): number => counts.reduce((sum, count) => sum + count[key], 0);
  const waiting = Math.max(...counts.map(({ waitingSeconds }) => waitingSeconds ?? 0));
  const findings: Finding[] = [];
  if (waiting > MAX_WAIT)
    findings.push(
      warn(
        `The oldest of ${amount(total('queued'), 'queued job')} has been waiting for ${Math.round(waiting)} s. Start a process with ROLE=worker or ROLE=all.`,
      ),
    );
  if (total('failed') > 0) {
    findings.push(warn(`${amount(total('failed'), 'job')} failed and will not be retried. The newest:`));
    findings.push(...(await listFailedJobs({ sql }, LISTED)).map((job) => warn(describe(job))));
  }
  if (findings.length > 0) return findings;
  return [ok(`${amount(total('queued'), 'job')} queued, ${total('active')} running, none failed.`)];
}

const describe = ({ name, id, failedAt, attempts, message }: FailedJob): string =>
  `${name} ${id}, ${failedAt.toISOString()}, after ${amount(attempts, 'attempt')}: ${message.replace(/\s+/g, ' ').slice(0, 200)}`;
