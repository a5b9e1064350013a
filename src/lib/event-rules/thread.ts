import { parentPort } from 'node:worker_threads';
import { loadJq } from './jq.ts';
import type { Task, TaskResult } from './messages.ts';
import { outcomesOf, problemOf } from './run.ts';
import { createTemplates } from './template.ts';

const engines = { startJq: await loadJq(), templates: createTemplates() };

async function run(task: Task): Promise<TaskResult> {
  if (task.kind === 'check') return { problem: await problemOf(engines, task.rules) };
  const before = process.threadCpuUsage();
  const outcomes = await outcomesOf(engines, task.rules, task.payloads);
  const { user, system } = process.threadCpuUsage(before);
  return { outcomes, cpuMs: (user + system) / 1_000 };
}

parentPort?.on('message', async (task: Task) => parentPort?.postMessage(await run(task)));
parentPort?.postMessage('ready');
