export const long = process.env['AMBIT_TEST_LONG'] === '1';

/** A number of rounds, runs or repetitions: the first in `npm test`, the second in `npm run test:long`. */
export const size = (short: number, full: number): number => (long ? full : short);
