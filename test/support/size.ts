export const long = process.env['AMBIT_TEST_LONG'] === '1';
