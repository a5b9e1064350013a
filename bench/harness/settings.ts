import { resolve } from 'node:path';

const { BENCH_NODE_ARGS, BENCH_OTHER } = process.env;

const number = (name: string, standard: number): number => Number(process.env[name] ?? standard);

/** The parts of a variable with commas. */
export const listed = (name: string, standard: string): string[] =>
  (process.env[name] ?? standard).split(',').filter((part) => part !== '');

/** Number of measured rounds. One more round before them is the warm-up. */
export const ROUNDS = number('BENCH_ROUNDS', 5);

/** Seconds of load in one round. */
export const SECONDS = number('BENCH_SECONDS', 5);

/** Requests of one round of the workload `cpu`. */
export const CPU_REQUESTS = number('BENCH_CPU_REQUESTS', 3000);

/** Connections of the load generator. */
export const CONNECTIONS = 16;

/** Database connections of each server. */
export const POOL = 16;

/** Arguments of Node for Ambit, such as `--cpu-prof`. */
export const NODE_ARGS = BENCH_NODE_ARGS?.split(' ') ?? [];

/** The folder of another checkout of Ambit. */
export const OTHER = BENCH_OTHER ? resolve(BENCH_OTHER) : null;
