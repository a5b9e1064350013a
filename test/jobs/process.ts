import { connect } from '../../src/db/client.ts';
import { createJobs } from '../../src/jobs/jobs.ts';
import { createWorker } from '../../src/jobs/worker.ts';

/** A process that runs jobs until it is killed: `node process.ts URL hang|run`. It prints each job, then hangs or goes on. */
const [url = '', mode] = process.argv.slice(2);
const pool = connect({ url, pool: 2, statementTimeout: 20_000 });
const jobs = createJobs(pool);
const worker = await createWorker({
  pool,
  jobs,
  log: () => undefined,
  handlers: {
    'clean-up': async ({ id, attempt }) => {
      process.stdout.write(`${id} ${attempt}\n`);
      if (mode === 'hang') await new Promise(() => undefined);
    },
    evaluate: async () => undefined,
    'evaluate-due': async () => undefined,
    'process-events': async () => undefined,
    'queue-events': async () => undefined,
    'record-maturity': async () => undefined,
    'send-campaign-reminder': async () => undefined,
    'send-invitation': async () => undefined,
  },
});
worker.start();
setInterval(() => undefined, 60_000);
