import { expect, test } from 'vitest';
import { schema } from '../support/introspect.ts';
import { shrink } from './shrink.ts';

test('an operation that fails is reduced to what is needed for the failure', async () => {
  const query = `query Q($n: Int, $with: Boolean!) { viewer { user { name } } checks(first: $n) { totalCount nodes { ...F alias @skip(if: $with) } } }
    fragment F on Check { id name category { name } }`;
  const smallest = await shrink(schema, { query, variables: { n: 1, with: true } }, async (one) =>
    one.query.includes('alias'),
  );
  expect(smallest.query.replace(/\s+/g, ' ')).toBe('query Q { checks { nodes { alias } } }');
});
