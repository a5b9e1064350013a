import type { JobDependencies } from '../context.ts';
import type { JobHandlers } from '../jobs/job.ts';
import { sendReminderMail } from '../resources/campaign/reminder-job.ts';
import { createCleanUp } from '../resources/clean-up/job.ts';
import { createEvaluateDue, createRecordMaturity } from '../resources/evaluation/due-job.ts';
import { createEvaluate } from '../resources/evaluation/job.ts';
import { createProcessEvents } from '../resources/integration/process-job.ts';
import { createQueueEvents } from '../resources/integration/queue-job.ts';
import { sendInvitation } from '../resources/invitation/mail-job.ts';

/** What runs each job. A job of `src/lib/jobs.ts` without a handler does not compile. */
export const createHandlers = (dependencies: JobDependencies): JobHandlers => ({
  'clean-up': createCleanUp(dependencies),
  evaluate: createEvaluate(dependencies),
  'evaluate-due': createEvaluateDue(dependencies),
  'process-events': createProcessEvents(dependencies),
  'queue-events': createQueueEvents(dependencies),
  'record-maturity': createRecordMaturity(dependencies),
  'send-campaign-reminder': sendReminderMail(dependencies),
  'send-invitation': sendInvitation(dependencies),
});
