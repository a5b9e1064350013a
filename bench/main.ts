/** The workloads of `npm run bench -- NAME …`. Each file exports `run`, and is loaded only when it is needed. */
const WORKLOADS: Record<string, string> = {
  list: './workloads/list.ts',
  'list-resolvers': './workloads/list-resolvers.ts',
  point: './workloads/point.ts',
  small: './workloads/small.ts',
  write: './workloads/write.ts',
  decide: './decisions/decide.ts',
  'decide-http': './decisions/decide-http.ts',
  growth: './workloads/growth.ts',
  sizes: './workloads/sizes.ts',
  latency: './workloads/latency.ts',
  workers: './workloads/workers.ts',
  memory: './workloads/memory.ts',
  start: './workloads/start.ts',
  large: './workloads/large.ts',
  abuse: './workloads/abuse.ts',
  evaluation: './workloads/evaluation.ts',
  events: './workloads/events.ts',
  'event-evaluation': './workloads/event-evaluation.ts',
  report: './workloads/report.ts',
};

/** Workloads that run only when the command names them. */
const EXTRA: Record<string, string> = {
  compare: './workloads/compare.ts',
  cpu: './workloads/cpu.ts',
  scale: './workloads/scale.ts',
};
const ALL = { ...WORKLOADS, ...EXTRA };

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(ALL, name));
if (unknown.length > 0) {
  process.stderr.write(`bench: no workload ${unknown.join(', ')}; there are ${Object.keys(ALL).join(', ')}\n`);
  process.exit(1);
}
for (const name of asked.length > 0 ? asked : Object.keys(WORKLOADS)) {
  process.stderr.write(`${name}\n`);
  const { run } = (await import(ALL[name] as string)) as { run: () => Promise<void> };
  await run();
}
