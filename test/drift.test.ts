import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { GENERATED } from './support/generated.ts';

test.each(Object.keys(GENERATED))('%s is up to date (otherwise run npm run generate)', (path) => {
  expect(readFileSync(path, 'utf8')).toBe(GENERATED[path]?.());
});
