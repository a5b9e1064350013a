const number = (name: string, standard: number): number => Number(process.env[name] ?? standard);

/** Number of measured rounds. One more round before them is the warm-up. */
export const ROUNDS = number('BENCH_ROUNDS', 5);

/** Seconds of load in one round. */
export const SECONDS = number('BENCH_SECONDS', 5);

/** Connections of the load generator. */
export const CONNECTIONS = 16;

/** Database connections of each server. */
export const POOL = 16;
