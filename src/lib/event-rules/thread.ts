import { parentPort } from 'node:worker_threads';
import { loadJq } from './jq.ts';
import type { Task, TaskResult } from './messages.ts';
import { outcomesOf, problemOf } from './run.ts';
import { createTemplates } from './template.ts';

const engines = { startJq: await loadJq(), templates: createTemplates() };

const run = async (task: Task): Promise<TaskResult> =>
  task.kind === 'check'
    ? { problem: await problemOf(engines, task.rules) }
    : { outcomes: await outcomesOf(engines, task.rules, task.payloads) };

parentPort?.on('message', async (task: Task) => parentPort?.postMessage(await run(task)));
parentPort?.postMessage('ready');
