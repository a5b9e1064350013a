import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { compileFunction } from 'node:vm';

/** Runs a program on JSON texts. Returns its output, or throws. Can be used once. */
export type RunOnce = (input: string, program: string) => string;

/** Bytes of the memory of one run. A payload of 4 MB needs 30 to 250 MB. */
const MEMORY = 256 * 1_048_576;
const PAGE = 65_536;

interface Exports {
  raw(input: string, program: string, options: string[]): string | undefined;
}

/** The error of a program, in contrast to a crash of jq. */
export const isProgramError = (error: unknown): error is { stderr: string } =>
  typeof (error as { exitCode?: unknown }).exitCode === 'number';

/**
 * Returns a function that starts jq. A new instance for each run, because a program can corrupt the memory of its instance:
 * a stack overflow makes every later run fail. It takes 1.5 ms. The script of the package gets only what it needs, and not
 * the arguments of the process, which `env` would contain. Its `fetch` is not used, because the file is compiled here.
 */
export async function loadJq(): Promise<() => Promise<RunOnce>> {
  const require = createRequire(import.meta.url);
  const path = require.resolve('jq-web');
  const compiled = await WebAssembly.compile(readFileSync(`${dirname(path)}/jq.wasm`));
  const parameters = ['module', 'exports', 'require', 'process', 'WebAssembly', 'console', '__dirname', '__filename'];
  const script = compileFunction(readFileSync(path, 'utf8'), parameters);
  const wasm = {
    RuntimeError: WebAssembly.RuntimeError,
    Memory: WebAssembly.Memory,
    instantiate: async (_bytes: unknown, imports: WebAssembly.Imports) => {
      const instance = await WebAssembly.instantiate(compiled, imports);
      limitMemory(instance.exports['memory'] as WebAssembly.Memory);
      return { instance, module: compiled };
    },
  };
  const modules = new Map<string, unknown>([
    ['fs', { readFileSync: () => new Uint8Array() }],
    ['path', require('node:path')],
    ['crypto', require('node:crypto')],
  ]);
  const process = () => ({ versions: { node: '24' }, argv: [] });
  const quiet = { log: () => undefined, warn: () => undefined, error: () => undefined };
  return async () => {
    const module = { exports: {} as Promise<Exports> };
    script(module, module.exports, (name: string) => modules.get(name), process(), wasm, quiet, '/', '/jq');
    const { raw } = await module.exports;
    return (input, program) => raw(input, program, ['-c']) ?? '';
  };
}

/** The limits of the thread do not concern this memory. jq ends if it gets no more. */
function limitMemory(memory: WebAssembly.Memory): void {
  const grow = memory.grow.bind(memory);
  memory.grow = (pages) => {
    if (memory.buffer.byteLength + pages * PAGE > MEMORY) throw new RangeError('the memory of a run is limited');
    return grow(pages);
  };
}
