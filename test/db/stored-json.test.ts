import { expect, test } from 'vitest';
import { storedAs } from '../../src/db/writer.ts';
import { checks } from '../../src/resources/check/table.ts';
import { startApi } from '../support/api.ts';

const api = await startApi();

test.each([
  [{ longest: 1, z: 2, aa: { é: 1, zz: 2, b: 3 }, ab: null, 10: 'ten', 9: 'nine', '': 0 }],
  [[{ bb: 1, a: [{ dd: 1, c: 2 }] }, 'text', true, null]],
  [{ '👩‍👩': 1, ﬁ: 2, '\u{1d54f}': 3, zzzz: 4, left: undefined }],
  [{ large: 1e21, small: 1e-7, negative: -0, exact: 9007199254740991, long: 0.1 + 0.2 }],
])('the database returns %j as it is known before', async (value) => {
  const [row] = await api.root<{ stored: string }[]>`select ${JSON.stringify(value)}::text::jsonb::text as stored`;
  expect(JSON.stringify(storedAs(checks.settings, value))).toBe(JSON.stringify(JSON.parse(row?.stored ?? '')));
});
