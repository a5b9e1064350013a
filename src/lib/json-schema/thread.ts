import { getHeapStatistics } from 'node:v8';
import { parentPort } from 'node:worker_threads';
import { LRUCache } from 'lru-cache';
import { type Compiled, compile, createSchemaCheck, problemsOfValues } from './compile.ts';
import type { Task, TaskResult } from './messages.ts';

/**
 * Measured: a compiled schema holds 20 kB, and up to 4 bytes for each character of its text and of the code that ajv
 * generates from it.
 */
const sizeOf = ({ codeLength }: Compiled, schema: string): number => 20_000 + 4 * (schema.length + codeLength);

const MB = 1_048_576;
/** Bytes of the cache. */
const CACHE = 16 * MB;
/** Bytes of the heap above which the cache is emptied. Regular expressions grow with the texts that they match. */
const HEAP = 64 * MB;

const cache = new LRUCache<string, Compiled>({ maxSize: CACHE, sizeCalculation: sizeOf });

function compiled(schema: string): Compiled {
  const known = cache.get(schema) ?? compile(JSON.parse(schema));
  cache.set(schema, known);
  return known;
}

const checkSchema = createSchemaCheck();

const run = (task: Task): TaskResult =>
  task.kind === 'check'
    ? { problem: checkSchema(JSON.parse(task.schema)) }
    : { problems: problemsOfValues(compiled(task.schema), JSON.parse(task.values)) };

parentPort?.postMessage('ready');
parentPort?.on('message', (task: Task) => {
  parentPort?.postMessage(run(task));
  if (getHeapStatistics().used_heap_size > HEAP) cache.clear();
});
