import { afterAll, expect, test } from 'vitest';
import { connect } from '../../src/db/client.ts';
import { cloneDatabase } from '../support/database.ts';

const { url } = await cloneDatabase();
const pool = connect({ url, pool: 1, statementTimeout: 10_000 });
afterAll(() => pool.end());

test('single statements wait for their connection, however the driver is asked for the result', async () => {
  const select = () => pool.sql.unsafe('select 1 as one');
  const [rows, executed, values] = await Promise.all([select(), select().execute(), select().values()]);
  expect([rows.slice(), executed.slice(), values.slice()]).toEqual([[{ one: 1 }], [{ one: 1 }], [[1]]]);
});
