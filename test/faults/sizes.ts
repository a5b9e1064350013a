import { resolve } from 'node:path';
import { long } from '../support/size.ts';

/** `npm run test:faults` runs the full form; `npm test` runs the short one. */
export const IS_FULL = process.env['FAULTS'] === 'full';

export const size = (short: number, full: number): number => (IS_FULL ? full : short);

/** Another checkout, whose server is only measured. Nothing is asserted. */
const OTHER = process.env['FAULTS_SERVER'];
export const IS_MEASURED_ONLY = OTHER !== undefined;

/** The checkout of the server. */
export const CHECKOUT = resolve(OTHER ?? '.');

/** The end of the time for the suite, in milliseconds since 1970. Later faults have one round. */
export const UNTIL = Number(process.env['FAULTS_UNTIL'] ?? Number.POSITIVE_INFINITY);

/** More than the connections of the largest pool, and many more than those of the smallest. */
export const CLIENTS = size(12, 40);

/** The pool sizes for each fault. Each needs a server of its own, so the short form has one size in between. */
export const POOLS = IS_FULL || long ? [2, 10] : [4];

/** Milliseconds after which a client gives up. Longer than the deadline of the server. */
export const CLIENT_DEADLINE = IS_MEASURED_ONLY ? 15_000 : 40_000;

/** Milliseconds between a response and the next request of a client. */
export const PAUSE = size(200, 50);

/** Milliseconds after the end of a fault. Every later request must succeed. */
export const SERVED_WITHIN = 2_000;

/** Milliseconds that a busy machine may add to each of the limits. */
export const SLACK = 1_500;

/** Milliseconds of load after each fault in the full form. The short form ends when every client has been served. */
export const OBSERVED = SERVED_WITHIN + SLACK + 500;

/** STATEMENT_TIMEOUT_MS of the servers. Longer than DATABASE_LOCK_MS. Shorter than the default in the short form. */
export const STATEMENT_TIMEOUT = size(3_500, 10_000);
