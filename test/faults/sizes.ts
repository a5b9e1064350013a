import { resolve } from 'node:path';
import { long } from '../support/size.ts';

/** `npm run test:faults` runs the full form; `npm test` runs the short one. */
export const IS_FULL = process.env['FAULTS'] === 'full';

export const size = (short: number, full: number): number => (IS_FULL ? full : short);

/** Another checkout, whose server is measured: nothing is asserted then. */
const OTHER = process.env['FAULTS_SERVER'];
export const IS_MEASURED_ONLY = OTHER !== undefined;

/** The checkout whose server runs. */
export const CHECKOUT = resolve(OTHER ?? '.');

/** When the time of the whole suite is over, in milliseconds since 1970: each fault has one round from then on. */
export const UNTIL = Number(process.env['FAULTS_UNTIL'] ?? Number.POSITIVE_INFINITY);

/** More than the connections of the largest pool, and many more than those of the smallest. */
export const CLIENTS = size(16, 40);

/** The pools that each fault is tried with. A server for each: the short form has one, of a size in between. */
export const POOLS = IS_FULL || long ? [2, 10] : [4];

/** Milliseconds after which a client gives up: more than the server's own deadline. */
export const CLIENT_DEADLINE = IS_MEASURED_ONLY ? 15_000 : 40_000;

/** Milliseconds that a client waits between an answer and its next request. */
export const PAUSE = size(100, 50);

/** Milliseconds after the end of a fault from which on every new request must succeed. */
export const SERVED_WITHIN = 2_000;

/** Milliseconds that a busy machine may add to each of the limits. */
export const SLACK = 1_500;

/** Milliseconds of load after each fault in the full form. The short form ends when every client has been served. */
export const OBSERVED = SERVED_WITHIN + SLACK + 500;

/** STATEMENT_TIMEOUT_MS of the servers, longer than DATABASE_LOCK_MS: the default, or less so that silence is shorter. */
export const STATEMENT_TIMEOUT = size(3_500, 10_000);
