import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { printedSchema, withTables } from './support/generated.ts';

test('schema.graphql is what the code says (else: npm run generate)', () => {
  expect(readFileSync('schema.graphql', 'utf8')).toBe(printedSchema());
});

test('the tables of the README are what the code says (else: npm run generate)', () => {
  const readme = readFileSync('README.md', 'utf8');
  expect(readme).toBe(withTables(readme));
});
