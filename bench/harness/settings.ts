const number = (name: string, standard: number): number => Number(process.env[name] ?? standard);

/** Measured rounds of each contender; one more before them warms up. */
export const ROUNDS = number('BENCH_ROUNDS', 5);

/** Seconds of load in one round. */
export const SECONDS = number('BENCH_SECONDS', 5);

/** Connections of the load generator. */
export const CONNECTIONS = 16;

/** Connections of each server to the database, the same for all. */
export const POOL = 16;
